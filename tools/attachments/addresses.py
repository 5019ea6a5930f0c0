"""The secret in the address of a file's content, for clients that cannot send headers: an ``<img>``, a mail, a viewer.

It names the tenant, the attachment and the second it expires; it opens that one content and nothing else, and is not
stored anywhere.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from uuid import UUID

from common.errors import Unauthenticated
from common.ids import TenantName
from common.keys import derive_key, from_base64url, to_base64url

REFUSAL: Final = "The address of this file is not valid, or not any more. Ask for a new one."
_TOLD: Final = re.compile(r"(\w{1,64})\.([0-9a-f]{32})\.(\d{1,12})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ContentAddress:
    """What a good secret says."""

    tenant: TenantName
    attachment_id: UUID
    expires: int  # seconds since 1970


class ContentAddresses:
    """Makes and verifies them; those made with the SECRET_KEY before stay good."""

    def __init__(self, secret: str, previous: str | None = None) -> None:
        self._keys = [derive_key(text, "attachment addresses") for text in (secret, previous) if text]

    def issue(self, address: ContentAddress) -> str:
        """The secret."""
        told = f"{address.tenant.tenant_id}.{address.attachment_id.hex}.{address.expires}"
        return f"{told}.{to_base64url(_sign(self._keys[0], told))}"

    def verify(self, text: str, moment: float) -> ContentAddress:
        """What it says. Raises Unauthenticated, with one text for every fault."""
        told, _, signature = text.rpartition(".")
        given = from_base64url(signature) if signature.isascii() else None
        if given is None or not any(hmac.compare_digest(given, _sign(key, told)) for key in self._keys):
            raise Unauthenticated(REFUSAL)
        parts = _TOLD.fullmatch(told)
        tenant = TenantName.parse(parts[1]) if parts else None
        if parts is None or tenant is None or int(parts[3]) <= moment:
            raise Unauthenticated(REFUSAL)
        return ContentAddress(tenant, UUID(parts[2]), int(parts[3]))


def _sign(key: bytes, told: str) -> bytes:
    return hmac.new(key, told.encode(errors="replace"), sha256).digest()
