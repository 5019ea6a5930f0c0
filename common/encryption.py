"""Secrets that must be read again, encrypted at rest with AES-256-GCM (NIST SP 800-38D)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common.keys import derive_key

_NONCE_BYTES: Final = 12
_FORMAT: Final = b"\x01"


class DecryptionFailed(Exception):
    """The data was not encrypted for this purpose with a key this service has."""


class Vault:
    """Encrypts for one purpose. What was encrypted under a previous secret can still be read."""

    def __init__(self, purpose: str, secret: str, *previous: str | None) -> None:
        self._ciphers = [AESGCM(derive_key(each, purpose)) for each in (secret, *previous) if each]

    def encrypt(self, plain: bytes, context: str) -> bytes:
        """Encrypted bytes that can be read only with the same ``context``: what they belong to, such as tenant and row.

        A row's secret copied into another row is worth nothing there.
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _FORMAT + nonce + self._ciphers[0].encrypt(nonce, plain, context.encode())

    def decrypt(self, data: bytes, context: str) -> bytes:
        """The plain bytes. Raises DecryptionFailed."""
        return self._open(data, context)[1]

    def renew(self, data: bytes, context: str) -> bytes | None:
        """The same under the current secret; None if it is so already. Raises DecryptionFailed."""
        number, plain = self._open(data, context)
        return self.encrypt(plain, context) if number else None

    def _open(self, data: bytes, context: str) -> tuple[int, bytes]:
        """Which cipher it was, 0 for the current one, and the plain bytes."""
        nonce, sealed = data[1 : 1 + _NONCE_BYTES], data[1 + _NONCE_BYTES :]
        for number, cipher in enumerate(self._ciphers if data[:1] == _FORMAT else []):
            try:
                return number, cipher.decrypt(nonce, sealed, context.encode())
            except InvalidTag:
                continue
        raise DecryptionFailed


@dataclass(slots=True)
class Renewal:
    """How many secrets were encrypted anew, were up to date already, and cannot be read with any key there is."""

    renewed: int = 0
    current: int = 0
    unreadable: int = 0

    def renew(self, vault: Vault, data: bytes, context: str) -> bytes | None:
        """Renew one and count it; None when there is nothing to store."""
        try:
            renewed = vault.renew(data, context)
        except DecryptionFailed:
            self.unreadable += 1
            return None
        if renewed is None:
            self.current += 1
        else:
            self.renewed += 1
        return renewed
