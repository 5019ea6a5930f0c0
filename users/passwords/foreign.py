"""Hashes of passwords that another system made, read into the forms that ``Passwords`` verifies.

A hash says itself what verifying it costs, so one of cost 31 or of gigabytes would hold up every login: what is beyond
these bounds is refused when it is loaded.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Final

# Each takes about half a second of one core at its bound, twenty times what our own take.
MAX_BCRYPT_COST: Final = 13
MAX_ITERATIONS: Final = 1_500_000  # of PBKDF2; Django 6 has 1.2 million
MIN_ITERATIONS: Final = 1_000  # RFC 8018 section 4.2
MAX_MEMORY_KIB: Final = 131_072
MAX_MEMORY_PASSES: Final = 524_288  # KiB times passes
MAX_LANES: Final = 16
DIGEST_BYTES: Final = 32  # of SHA-256
MAX_SALT_BYTES: Final = 128

_BCRYPT: Final = re.compile(r"\$2[aby]\$([0-9]{2})\$([./A-Za-z0-9]{21}[.Oeu])([./A-Za-z0-9]{31})")
_ARGON2: Final = re.compile(
    r"\$argon2id\$v=19\$m=([0-9]{1,9}),t=([0-9]{1,9}),p=([0-9]{1,9})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)"
)
_PASSLIB: Final = re.compile(r"\$pbkdf2-sha256\$([0-9]{1,9})\$([A-Za-z0-9./]*)\$([A-Za-z0-9./]{43})")
_DJANGO: Final = re.compile(r"pbkdf2_sha256\$([0-9]{1,9})\$([^$]+)\$([A-Za-z0-9+/]{43}=)")
_WERKZEUG: Final = re.compile(r"pbkdf2:sha256:([0-9]{1,9})\$([^$]+)\$([0-9a-f]{64})")


class HashRefused(ValueError):
    """A hash that is not taken over; the message says why."""


def read_foreign_hash(text: str) -> str:
    """The hash in the form in which it is stored. Raises HashRefused for one of no known form, or too costly a one.

    Taken are bcrypt (``$2a$``, ``$2b$``, ``$2y$``), argon2id, and PBKDF2 with SHA-256 as passlib, Django and Werkzeug
    write it. Django writes the former two behind ``bcrypt$`` and ``argon2``.
    """
    plain = text.removeprefix("bcrypt$") if text.startswith("bcrypt$$2") else text
    plain = plain.removeprefix("argon2") if plain.startswith("argon2$argon2") else plain
    for pattern, read in _READERS:
        found = pattern.fullmatch(plain)
        if found is not None:
            return read(found)
    raise HashRefused("It is no hash of a known form: bcrypt, argon2id, or PBKDF2 with SHA-256.")


def _read_bcrypt(found: re.Match[str]) -> str:
    _check("A cost of bcrypt", int(found[1]), 4, MAX_BCRYPT_COST)
    return f"$2b${found[1]}${found[2]}{found[3]}"  # today's libraries compute the three alike


def _read_argon2(found: re.Match[str]) -> str:
    memory, passes, lanes = (int(found[number]) for number in (1, 2, 3))
    _check("argon2's number of lanes", lanes, 1, MAX_LANES)
    _check("argon2's memory in KiB", memory, 8 * lanes, MAX_MEMORY_KIB)  # RFC 9106 section 3.1
    _check("argon2's memory times passes", memory * passes, memory, MAX_MEMORY_PASSES)
    _check("The bytes of argon2's salt", len(_unpadded(found[4])), 8, MAX_SALT_BYTES)
    _check("The bytes of argon2's digest", len(_unpadded(found[5])), 16, 64)
    return found[0]


def _read_passlib(found: re.Match[str]) -> str:
    salt, digest = (_unpadded(found[number].replace(".", "+")) for number in (2, 3))
    return _pbkdf2(int(found[1]), salt, digest)


def _read_django(found: re.Match[str]) -> str:
    return _pbkdf2(int(found[1]), found[2].encode(), _unpadded(found[3].rstrip("=")))


def _read_werkzeug(found: re.Match[str]) -> str:
    return _pbkdf2(int(found[1]), found[2].encode(), bytes.fromhex(found[3]))


def _pbkdf2(iterations: int, salt: bytes, digest: bytes) -> str:
    """As passlib writes it."""
    _check("PBKDF2's number of iterations", iterations, MIN_ITERATIONS, MAX_ITERATIONS)
    _check("The bytes of PBKDF2's salt", len(salt), 0, MAX_SALT_BYTES)
    _check("The bytes of PBKDF2's digest", len(digest), DIGEST_BYTES, DIGEST_BYTES)
    parts = (base64.b64encode(part).decode().rstrip("=").replace("+", ".") for part in (salt, digest))
    return f"$pbkdf2-sha256${iterations}${'$'.join(parts)}"


def _unpadded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise HashRefused("Its salt or digest is not base64.") from None


def _check(what: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        bounds = f"{least} to {most}" if least != most else f"{least}"
        raise HashRefused(f"{what} must be {bounds}, not {value}.")


_READERS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = (
    (_BCRYPT, _read_bcrypt),
    (_ARGON2, _read_argon2),
    (_PASSLIB, _read_passlib),
    (_DJANGO, _read_django),
    (_WERKZEUG, _read_werkzeug),
)
