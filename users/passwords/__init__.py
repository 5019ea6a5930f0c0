"""Passwords: which are accepted, changing one's own, and setting a new one by mail."""
