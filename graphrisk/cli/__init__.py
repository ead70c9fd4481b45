"""The command line: it asks and shows, and computes nothing."""
