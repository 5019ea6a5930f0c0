"""Invitations: asking somebody to join, with the roles and teams that wait."""
