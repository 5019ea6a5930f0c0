"""The keys that sign access tokens: one secret, or a private key with its predecessor and successor beside it.

A key has one algorithm, and a token names its key: nothing about a token chooses how it is verified.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from common.config import Config, ConfigError
from common.keys import derive_key, to_base64url

Algorithm = Literal["HS256", "ES256", "RS256"]
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
MIN_RSA_BITS: Final = 2048  # RFC 7518 section 3.3


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """What verifies a token: a secret, or a public key as PEM. ``public`` is its JWK (RFC 7517), None for a secret."""

    key_id: str
    algorithm: Algorithm
    material: str
    public: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The key that signs, and all that are believed: during a rotation the one before and the one to come too."""

    signing: VerifyingKey
    signing_material: str
    verifying: Mapping[str, VerifyingKey]

    @property
    def jwks(self) -> dict[str, Any]:
        """The published set; empty when tokens are signed with a secret."""
        return {"keys": [dict(key.public) for key in self.verifying.values() if key.public]}


def load_key_ring(config: Config) -> KeyRing:
    """The keys the configuration names. Raises ConfigError when a file is not a fitting private key."""
    if config.jwt_algorithm == "HS256":
        previous = config.secret_key_previous
        return secret_ring(config.secret_key.get_secret_value(), previous.get_secret_value() if previous else None)
    path = config.jwt_private_key_file
    if path is None:
        raise ConfigError([f"JWT_PRIVATE_KEY_FILE: must be set, since JWT_ALGORITHM is {config.jwt_algorithm}"])
    private = _read_private_key(path, config.jwt_algorithm)
    beside = [other for other in (next_of(path), previous_of(path)) if other.exists()]
    others = [_read_private_key(other, config.jwt_algorithm) for other in beside]
    keys = [_public_key(key, config.jwt_algorithm) for key in (private, *others)]
    return KeyRing(keys[0], private_pem(private), {key.key_id: key for key in keys})


def secret_ring(secret: str, previous: str | None = None) -> KeyRing:
    """A ring whose key is a shared secret; the previous one is still believed."""
    keys = [_secret_key(each) for each in (secret, previous) if each]
    return KeyRing(keys[0], keys[0].material, {key.key_id: key for key in keys})


def next_of(path: Path) -> Path:
    """Where the key to come waits: believed and published already, not signing yet."""
    return path.with_name(path.name + ".next")


def previous_of(path: Path) -> Path:
    """Where the key before stays until its last token has expired."""
    return path.with_name(path.name + ".previous")


def new_private_key(algorithm: Algorithm) -> PrivateKey:
    """A fresh key: P-256 for ES256, 3072 bits for RS256."""
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=3072)


def private_pem(key: PrivateKey) -> str:
    """The key as unencrypted PKCS #8 PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _secret_key(secret: str) -> VerifyingKey:
    key_id = hashlib.sha256(derive_key(secret, "key id")).hexdigest()[:16]
    return VerifyingKey(key_id, "HS256", secret, None)


def _read_private_key(path: Path, algorithm: Algorithm) -> PrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError([f"JWT_PRIVATE_KEY_FILE: {path} is not a readable, unencrypted private key in PEM"]) from None
    if algorithm == "ES256" and isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    if algorithm == "RS256" and isinstance(key, rsa.RSAPrivateKey) and key.key_size >= MIN_RSA_BITS:
        return key
    wanted = "a P-256 key" if algorithm == "ES256" else f"an RSA key of {MIN_RSA_BITS} bits or more"
    raise ConfigError([f"JWT_PRIVATE_KEY_FILE: {path} must hold {wanted}, since JWT_ALGORITHM is {algorithm}"])


def _public_key(key: PrivateKey, algorithm: Algorithm) -> VerifyingKey:
    public = key.public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    members = _jwk_members(public)
    # RFC 7638: the digest of the required members, in order, without white space.
    thumbprint = hashlib.sha256(json.dumps(members, sort_keys=True, separators=(",", ":")).encode()).digest()
    key_id = to_base64url(thumbprint)
    return VerifyingKey(key_id, algorithm, pem, {**members, "kid": key_id, "alg": algorithm, "use": "sig"})


def _jwk_members(public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> dict[str, str]:
    """The members that make a public key (RFC 7518 section 6)."""
    if isinstance(public, ec.EllipticCurvePublicKey):
        point = public.public_numbers()
        return {"crv": "P-256", "kty": "EC", "x": _number(point.x, 32), "y": _number(point.y, 32)}
    numbers = public.public_numbers()
    modulus = _number(numbers.n, (numbers.n.bit_length() + 7) // 8)
    return {"e": _number(numbers.e, (numbers.e.bit_length() + 7) // 8), "kty": "RSA", "n": modulus}


def _number(value: int, length: int) -> str:
    return to_base64url(value.to_bytes(length, "big"))
