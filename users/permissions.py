"""What may be permitted in the users module, and the roles every tenant starts with."""

from __future__ import annotations

from typing import Final

from shared_auth import Permission, crud

PERMISSIONS: Final = (
    *crud("users", "users", "user accounts"),
    *crud("users", "roles", "roles"),
    *crud("users", "teams", "teams"),
    *crud("users", "api_keys", "API keys"),
    *crud("users", "invitations", "invitations"),
    Permission("sessions:read", "users", "See the sessions of others"),
    Permission("sessions:delete", "users", "End the sessions of others"),
    Permission("tokens:introspect", "users", "Ask whether a token or key is valid (RFC 7662)"),
    Permission("tenant:own", "users", "Own the tenant: name and remove other owners"),
)

OWNERSHIP: Final = "tenant:own"
