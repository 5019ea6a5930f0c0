"""Invitations: the mails about an event, and answers by the link in them."""
