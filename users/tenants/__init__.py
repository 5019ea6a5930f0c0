"""Tenants: creating one, and asking whether one is ready."""
