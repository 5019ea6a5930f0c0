"""Where Redis is: one server, the master that Sentinels know, or a Cluster.

======================================================  ==================================================
``redis://user:password@host:6379/0``, ``unix:///path``  one server, as redis-py reads it
``redis+sentinel://host:26379,host2:26379/service/0``    the master of ``service``; user and password are its own,
                                                         those of the Sentinels ``?sentinel_username=…``
``redis+cluster://user:password@host:6379,host2:6379``   a Cluster, by some of its nodes
``rediss:…``                                             each of them with TLS
======================================================  ==================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

PORTS: Final = {"sentinel": 26379, "cluster": 6379}
EXAMPLES: Final = {
    "sentinel": "redis+sentinel://host:26379,host2:26379/service/0",
    "cluster": "redis+cluster://host:6379,host2:6379",
}
SENTINEL_OPTIONS: Final = {"sentinel_username", "sentinel_password"}


@dataclass(frozen=True, slots=True)
class Group:
    """Servers that stand in for each other."""

    is_cluster: bool
    hosts: tuple[tuple[str, int], ...]
    username: str | None
    password: str | None
    tls: bool
    service: str = ""  # of Sentinels
    database: int = 0
    sentinel_username: str | None = None
    sentinel_password: str | None = None


def read_group(url: str) -> Group | None:
    """The servers that a URL names; None for that of one server, which redis-py reads. Raises ValueError."""
    scheme, _, rest = url.partition("://")
    family, _, kind = scheme.partition("+")
    if kind not in PORTS or family not in {"redis", "rediss"}:
        return None
    parts = urlsplit(f"//{rest}")
    credentials, _, listed = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    place = [unquote(part) for part in parts.path.split("/")[1:]]
    is_cluster = kind == "cluster"
    if parts.fragment or options.keys() - (set() if is_cluster else SENTINEL_OPTIONS) or not _fits(is_cluster, place):
        raise ValueError(f"must look like {EXAMPLES[kind]}")
    return Group(
        is_cluster,
        tuple(_read_host(item, PORTS[kind]) for item in listed.split(",")),
        unquote(username) or None,
        unquote(password) or None,
        family == "rediss",
        "" if is_cluster else place[0],
        0 if is_cluster or len(place) == 1 else int(place[1]),
        **options,
    )


def _fits(is_cluster: bool, place: list[str]) -> bool:
    """Sentinels are asked for a service and perhaps a database; a Cluster has only one."""
    if is_cluster:
        return place in ([], [""])
    return bool(place and place[0]) and (len(place) == 1 or (len(place) == 2 and place[1].isdecimal()))


def _read_host(item: str, usual: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{item}")
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError(f"has a port that is not a number from 1 to 65535, at {item!r}")
    if not parts.hostname:
        raise ValueError("names a host that is empty: separate hosts by one comma")
    return parts.hostname, port or usual
