"""Secrets that must be read again, encrypted at rest with AES-256-GCM (NIST SP 800-38D)."""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common.keys import derive_key

_NONCE_BYTES: Final = 12
_FORMAT: Final = b"\x01"


class DecryptionFailed(Exception):
    """The data was not encrypted for this purpose with a key this service has."""


class Vault:
    """Encrypts for one purpose. What was encrypted under the previous secret can still be read."""

    def __init__(self, purpose: str, secret: str, previous: str | None = None) -> None:
        self._ciphers = [AESGCM(derive_key(each, purpose)) for each in (secret, previous) if each]

    def encrypt(self, plain: bytes, context: str) -> bytes:
        """Encrypted bytes that can be read only with the same ``context``: what they belong to, such as tenant and row.

        A row's secret copied into another row is worth nothing there.
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _FORMAT + nonce + self._ciphers[0].encrypt(nonce, plain, context.encode())

    def decrypt(self, data: bytes, context: str) -> bytes:
        """The plain bytes. Raises DecryptionFailed."""
        nonce, sealed = data[1 : 1 + _NONCE_BYTES], data[1 + _NONCE_BYTES :]
        for cipher in self._ciphers if data[:1] == _FORMAT else []:
            try:
                return cipher.decrypt(nonce, sealed, context.encode())
            except InvalidTag:
                continue
        raise DecryptionFailed
