"""Token introspection (RFC 7662): other services ask what a credential they were shown is worth."""
