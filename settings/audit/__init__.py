"""The audit log: reading it, proving it, and letting go of what is old."""
