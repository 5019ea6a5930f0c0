"""Roles and the catalogue of permissions."""
