"""The questions, one module each, named as their command."""
