"""Calendar feeds: what a user's other programs read by a secret address."""
