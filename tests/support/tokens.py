"""Forging access tokens by hand: whatever JSON one likes, signed with whatever one likes, without any JWT library."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import uuid4

from common.ids import TenantName
from common.keys import from_base64url, to_base64url
from common.signing_keys import secret_ring
from shared_auth import AccessTokens
from tests.support.servers import SECRET

RING: Final = secret_ring(SECRET)
TOKENS: Final = AccessTokens(RING, issuer="system-service", audience="travel-system", lifetime=600, leeway=10)
Sign = Callable[[bytes], bytes]


def hmac_signer(key: bytes, algorithm: str = "sha256") -> Sign:
    """Sign as HS256, HS384 or HS512 do."""
    return lambda message: hmac.new(key, message, getattr(hashlib, algorithm)).digest()


GENUINE: Final = hmac_signer(SECRET.encode())


def claims(**changes: Any) -> dict[str, Any]:
    """Claims that pass, with changes."""
    moment = int(time.time())
    return {
        "sub": str(uuid4()),
        "email": "owner@twin.example",
        "username": "owner",
        "tenant_id": "tenant_alpha",
        "exp": moment + 600,
        "iat": moment,
        "jti": str(uuid4()),
        "iss": "system-service",
        "aud": "travel-system",
        "sid": str(uuid4()),
        "typ": "access",
        **changes,
    }


def header(**changes: Any) -> dict[str, Any]:
    """The header the service itself writes, with changes; a value of ``...`` takes the field away."""
    merged = {**read_part(issued(), 0), **changes}
    return {name: value for name, value in merged.items() if value is not ...}


def forge(payload: Mapping[str, Any], head: Mapping[str, Any] | None = None, sign: Sign = GENUINE) -> str:
    """A token of these claims under this header."""
    return forge_text(json.dumps(head or header()), json.dumps(payload), sign)


def forge_text(head: str, payload: str, sign: Sign = GENUINE) -> str:
    """A token of these JSON texts, which need not be JSON."""
    signed = ".".join(to_base64url(part.encode()) for part in (head, payload))
    return f"{signed}.{to_base64url(sign(signed.encode()))}"


def issued() -> str:
    """A token made by the service's own code, of nobody."""
    tenant = TenantName.parse("tenant_alpha")
    assert tenant is not None
    return TOKENS.issue(subject=uuid4(), email="a@b.example", username="nobody", tenant=tenant, session_id=uuid4())


def read_part(token: str, index: int) -> dict[str, Any]:
    """The JSON of a token's header (0) or claims (1)."""
    part: dict[str, Any] = json.loads(from_base64url(token.split(".")[index]) or b"")
    return part
