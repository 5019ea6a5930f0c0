"""Occurrences of events: what happens in a window, what differs in a single one, and who is busy when."""
