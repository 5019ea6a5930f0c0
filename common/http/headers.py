"""Reading the request headers that every operation shares. Nothing here touches a database."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.types import Scope

from common.errors import AmbiguousCredentials, TenantInvalid, TenantRequired, Unauthenticated
from common.ids import TenantName, new_id_text

MAX_USER_AGENT: Final = 400
INDEXED: Final = "indexed_headers"  # where the envelope leaves them in the request's state
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class IndexedHeaders(Headers):
    """The same, with an index: many headers are asked for in each request, and most of them are not there."""

    def __init__(self, raw: Sequence[tuple[bytes, bytes]]) -> None:
        super().__init__(raw=list(raw))
        self._index = dict(raw)
        self._all_once = len(self._index) == len(raw)

    @property
    def once(self) -> Mapping[bytes, bytes]:
        """The values by name, in lower case, if no name was sent twice; else nothing."""
        return self._index if self._all_once else {}

    def has(self, name: bytes) -> bool:
        """Whether there is one of this name, in lower case."""
        return name in self._index

    def get(self, key: str, default: Any = None) -> Any:
        """The first value, or the default."""
        if self._all_once:
            value = self._index.get(key.lower().encode("latin-1"))
            return default if value is None else value.decode("latin-1")
        return super().get(key, default)

    def getlist(self, key: str) -> list[str]:
        """Every value."""
        if self._all_once:
            value = self._index.get(key.lower().encode("latin-1"))
            return [] if value is None else [value.decode("latin-1")]
        return super().getlist(key)


@dataclass(frozen=True, slots=True)
class Credential:
    """What the caller presents to prove who it is; not verified yet."""

    kind: Literal["token", "api_key"]
    secret: str


def read_tenant(headers: Headers) -> TenantName:
    """The tenant that ``X-Tenant-ID`` names, in either form. Raises TenantRequired or TenantInvalid."""
    values = headers.getlist("x-tenant-id")
    if not values:
        raise TenantRequired
    name = TenantName.parse(values[0]) if len(values) == 1 else None
    if name is None:
        raise TenantInvalid
    return name


def read_credential(headers: Headers) -> Credential | None:
    """The one credential of a request, or None. Raises AmbiguousCredentials for more than one."""
    tokens, keys = headers.getlist("authorization"), headers.getlist("x-api-key")
    if len(tokens) + len(keys) > 1:
        raise AmbiguousCredentials
    if keys:
        return Credential("api_key", keys[0])
    if not tokens:
        return None
    scheme, _, token = tokens[0].partition(" ")
    if scheme.lower() != "bearer" or not token:  # RFC 9110 section 11.1: the scheme's case does not matter
        raise Unauthenticated
    return Credential("token", token)


def accepts_gzip(headers: Headers) -> bool:
    """Whether the client says that it takes gzip (RFC 9110 section 12.5.3). One that says ``*`` may not mean it."""
    for offer in ",".join(headers.getlist("accept-encoding")).split(","):
        coding, _, weight = offer.replace(" ", "").lower().partition(";q=")
        if coding in {"gzip", "x-gzip"}:
            return not weight or weight.strip("0.") != ""
    return False


def read_path(scope: Scope) -> str:
    """The request's path, percent-encoded: safe in a header, and a URI reference whatever the client sent.

    Starlette's ``request.url`` also decodes the query and fails on one that is no UTF-8.
    """
    return quote(scope["path"], errors="replace")


def read_request_id(headers: Headers) -> str:
    """The caller's request id when it is safe to log and echo, else a new one."""
    given = headers.get("x-request-id")
    return given if given and _REQUEST_ID.fullmatch(given) else new_id_text()


def read_client_address(peer: str | None, headers: Headers, trusted: Sequence[Network]) -> str | None:
    """The address a request came from.

    ``X-Forwarded-For`` is read from its right end, and only as far as the hops are trusted proxies: what stands further
    left was written by the client and proves nothing.
    """
    hops = [hop.strip() for value in headers.getlist("x-forwarded-for") for hop in value.split(",")]
    address = peer
    while hops and address is not None and _is_trusted(address, trusted):
        hop = hops.pop()
        if _parse(hop) is None:
            break
        address = hop
    return address


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    parsed = _parse(address)
    return parsed is not None and any(parsed in network for network in trusted)


def _parse(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        return None
