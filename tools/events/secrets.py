"""Addresses that carry their own secret: of a calendar feed, and of a mailed link to answer by.

The secret names its tenant, because those who use it cannot send headers: ``acme.<random>``. Only its digest is stored,
in that tenant, so a secret under another tenant's name is unknown there.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Final

from common.errors import Unauthenticated
from common.ids import TenantName
from serving.guards import SignedAddress
from serving.services import Services

_SECRET: Final = re.compile(r"([a-z0-9_]{1,48})\.([A-Za-z0-9_-]{43})", re.ASCII)


def new_secret(tenant: TenantName) -> str:
    """A secret of 256 random bits."""
    return f"{tenant.tenant_id}.{secrets.token_urlsafe(32)}"


def digest_of(secret: str) -> bytes:
    """What is stored of a secret. It is random and long, so a plain hash is enough."""
    return hashlib.sha256(secret.encode()).digest()


class SecretAddress(SignedAddress):
    """Whoever has such an address. Whether its secret is known, the endpoint finds out, in the tenant it names."""

    documented_statuses = (400, 401, 403, 404, 422, 503)

    def read_secret(self, services: Services, secret: str) -> TenantName:
        """The tenant it names."""
        match = _SECRET.fullmatch(secret)
        name = TenantName.parse(match[1]) if match else None
        if name is None or name.tenant_id != match[1]:  # type: ignore[index] # there is a match, or there is no name
            raise Unauthenticated("The address is not valid, or not any more.")
        return name
