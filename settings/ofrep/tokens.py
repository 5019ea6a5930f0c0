"""The secret in a stream's address: browsers cannot send headers with an EventSource.

It lets its bearer hear that a tenant's flags have changed, and nothing else. All who ask within an hour get the same
one, so an address stays the same as long as nothing changes, and clients keep their connection.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from zlib import crc32

from common.errors import Unauthenticated
from common.ids import TenantName
from common.keys import derive_key, from_base64url, to_base64url

WINDOW: Final = 3600  # seconds; an address is good for one to two of them
REFUSAL: Final = "The address of this stream is not valid any more. Ask for flags again: the answer has a new one."


@dataclass(frozen=True, slots=True)
class StreamPass:
    """What a good secret says."""

    tenant: TenantName
    expires: int  # seconds since 1970


class StreamTokens:
    """Makes and verifies them; those made with the SECRET_KEY before stay good."""

    def __init__(self, secret: str, previous: str | None = None) -> None:
        self._keys = [derive_key(text, "flag streams") for text in (secret, previous) if text]

    def issue(self, tenant: TenantName, moment: float) -> str:
        """The secret of the hour."""
        told = f"{tenant.tenant_id}.{expiry(tenant, moment)}"
        return f"{told}.{to_base64url(_sign(self._keys[0], told))}"

    def verify(self, text: str, moment: float) -> StreamPass:
        """What it says. Raises Unauthenticated, with one text for every fault."""
        told, _, signature = text.rpartition(".")
        given = from_base64url(signature) if signature.isascii() else None
        if given is None or not any(hmac.compare_digest(given, _sign(key, told)) for key in self._keys):
            raise Unauthenticated(REFUSAL)
        name, _, expires = told.rpartition(".")
        tenant = TenantName.parse(name)
        if tenant is None or int(expires) <= moment:
            raise Unauthenticated(REFUSAL)
        return StreamPass(tenant, int(expires))


def expiry(tenant: TenantName, moment: float) -> int:
    """When an address given out now expires. Each tenant's hours begin at a time of their own, so that not all clients
    of the service come back at once."""
    offset = crc32(tenant.schema.encode()) % WINDOW
    return ((int(moment) - offset) // WINDOW + 2) * WINDOW + offset


def _sign(key: bytes, told: str) -> bytes:
    return hmac.new(key, told.encode(errors="replace"), sha256).digest()
