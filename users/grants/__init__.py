"""What one user holds: roles, direct permissions, and what they come to."""
