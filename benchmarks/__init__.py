"""How quick the service is, always measured against something bare on the same machine in the same minute."""
