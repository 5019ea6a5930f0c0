"""Sessions: where somebody is logged in, and ending that."""
