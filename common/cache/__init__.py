"""Copies of what PostgreSQL knows, kept near. The service is correct without them, only slower."""
