"""Changing many tasks at once."""
