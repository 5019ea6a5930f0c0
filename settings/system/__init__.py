"""The system's settings, which every tenant inherits unless it has its own."""
