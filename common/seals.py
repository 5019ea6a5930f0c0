"""Signatures that anybody can check: Ed25519 (RFC 8032), with a key derived from SECRET_KEY."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from common.keys import derive_key

_KEY_ID_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature, and which key made it. ``public_key`` is hexadecimal."""

    key_id: str
    public_key: str
    value: bytes


class Seals:
    """Signs for one purpose. What was signed under the previous secret can still be checked."""

    def __init__(self, purpose: str, secret: str, previous: str | None = None) -> None:
        keys = [Ed25519PrivateKey.from_private_bytes(derive_key(each, purpose)) for each in (secret, previous) if each]
        self._signing = keys[0]
        self._public = {_key_id(key.public_key()): key.public_key() for key in keys}

    @property
    def key_id(self) -> str:
        """Of the key that signs."""
        return _key_id(self._signing.public_key())

    def public_key_of(self, key_id: str) -> str | None:
        """A known key in hexadecimal."""
        key = self._public.get(key_id)
        return key.public_bytes_raw().hex() if key else None

    def sign(self, message: bytes) -> Signature:
        """Sign with the current key."""
        public = self._signing.public_key().public_bytes_raw().hex()
        return Signature(self.key_id, public, self._signing.sign(message))

    def holds(self, key_id: str, message: bytes, signature: bytes) -> bool | None:
        """Whether the signature is right; None when the key is not known, so that nothing can be said."""
        key = self._public.get(key_id)
        if key is None:
            return None
        try:
            key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


def _key_id(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:_KEY_ID_DIGITS]
