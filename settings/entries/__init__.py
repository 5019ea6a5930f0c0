"""The tenant's settings."""
