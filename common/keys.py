"""Keys derived from SECRET_KEY, one per purpose, so that what signs a cursor can never sign a token."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode


def derive_key(secret: str, purpose: str) -> bytes:
    """A 32-byte key for one purpose: HMAC-SHA256 as a pseudo-random function of the secret (RFC 5869 section 2.3)."""
    return hmac.new(secret.encode(), purpose.encode(), hashlib.sha256).digest()


def to_base64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515 appendix C)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_base64url(text: str) -> bytes | None:
    """The bytes of canonical base64url text, or None.

    Python's decoder skips characters it does not know and ignores the last character's unused bits, so several texts
    would mean the same bytes. Only the one that encoding would have made is accepted.
    """
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    return data if to_base64url(data) == text else None
