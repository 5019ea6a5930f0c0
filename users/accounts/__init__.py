"""Accounts: the people of a tenant."""
