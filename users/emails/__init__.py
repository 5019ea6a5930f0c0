"""Proving that one reads the mail of an address, and changing to another."""
