"""The PostgreSQL servers that hold the tenants: the home database, and further ones, the shards, each with a name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

HOME: Final = "default"
"""The database of DATABASE_URL, which has the registry. In a shard's own registry it stands for the shard itself."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
_KINDS: Final = ("", "owner", "direct")


@dataclass(frozen=True, slots=True)
class Addresses:
    """The URLs of one shard; they mean what DATABASE_URL, DATABASE_OWNER_URL and DATABASE_DIRECT_URL do at home."""

    url: str
    owner_url: str | None = None
    direct_url: str | None = None


def read_shards(text: str) -> Mapping[str, Addresses]:
    """``north=URL north.owner=URL north.direct=URL``, separated by white space, which no URL holds. Raises ValueError,
    whose text has no URL in it: they hold passwords."""
    found: dict[str, dict[str, str]] = {}
    for number, item in enumerate(text.split(), start=1):
        key, separator, url = item.partition("=")
        name, _, kind = key.partition(".")
        if not separator:
            raise ValueError(f"item {number} must look like name=postgresql://user:password@host:5432/database")
        if _NAME.fullmatch(name) is None or kind not in _KINDS or key.endswith("."):  # it may be a secret: not repeated
            raise ValueError(f"item {number} begins with no name such as north, north.owner or north.direct")
        if name == HOME:
            raise ValueError(f"{HOME!r} is the database of DATABASE_URL; name the others differently")
        if kind in found.setdefault(name, {}):
            raise ValueError(f"{key!r} is given twice")
        try:
            found[name][kind] = postgresql_url(url)
        except ValueError as error:
            raise ValueError(f"the URL of {key!r} {error}") from None
    incomplete = sorted(name for name, urls in found.items() if "" not in urls)
    if incomplete:
        raise ValueError(f"{incomplete[0]!r} has no URL of its own: {incomplete[0]}=postgresql://...")
    return {name: Addresses(urls[""], urls.get("owner"), urls.get("direct")) for name, urls in found.items()}


def postgresql_url(text: str) -> str:
    """A URL of PostgreSQL as SQLAlchemy reads it for asyncpg. Raises ValueError."""
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in {"postgresql", "postgres", "postgresql+asyncpg"}:
        raise ValueError("must look like postgresql://user:password@host:5432/database")
    check_port(rest)
    return f"postgresql+asyncpg://{rest}"


def check_port(rest: str) -> None:
    """Refuse what follows ``scheme://`` when its port is none, as it is if the password holds a bare ``/`` or ``#``."""
    try:
        port = urlsplit(f"//{rest}").port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("has a port that is not a number from 1 to 65535 (/ ? # @ in a password: percent-encode them)")
