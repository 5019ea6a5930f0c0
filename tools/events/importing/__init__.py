"""Importing calendar files."""
