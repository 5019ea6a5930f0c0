"""The command line: ``python -m manage``."""
