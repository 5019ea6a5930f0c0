"""The platform's view of tenants: list, suspend, delete, export, import, clone."""
