"""The secret of a mailed link: ``acme.`` and 256 random bits.

It names its tenant, because a customer's browser knows no header to send. Nothing is signed: whoever writes another
tenant's name before it has a secret that nobody there knows.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from common.ids import TenantName

MAX_LENGTH: Final = 128  # a tenant's id has 48 characters at most, the rest has 43


def new_token(tenant: TenantName) -> str:
    """A token nobody has seen."""
    return f"{tenant.tenant_id}.{secrets.token_urlsafe(32)}"


def tenant_of(token: str) -> TenantName | None:
    """The tenant that a token names, or None for what has not a token's form."""
    tenant_id, dot, secret = token.partition(".")
    name = TenantName.parse(tenant_id) if dot and secret and len(token) <= MAX_LENGTH else None
    return name if name is not None and name.tenant_id == tenant_id else None


def digest_of(token: str) -> bytes:
    """What is stored of it. It is random and long, so a plain hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
