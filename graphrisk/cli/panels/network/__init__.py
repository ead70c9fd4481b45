"""The panel Network: who is hurt by whom; a module a command."""
