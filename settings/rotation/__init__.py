"""Encrypting the stored secrets anew after a rotation of the key."""
