"""An answer that is bytes already: nothing is rendered, nothing encoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fastapi import Response

Header = tuple[bytes, bytes]

JSON: Final[Header] = (b"content-type", b"application/json")
WITHOUT_BODY: Final = frozenset({204, 304})  # RFC 9110 sections 15.3.5 and 15.4.5: no length is said either


class Written(Response):
    """What ``Response`` makes of the same body and headers, without making it. Names are in lower case, as in ASGI."""

    def __init__(self, body: bytes, status: int = 200, headers: Sequence[Header] = (JSON,)) -> None:
        self.status_code = status
        self.background = None
        self.body = body
        self.raw_headers = list(headers)
        if status not in WITHOUT_BODY:
            self.raw_headers.append((b"content-length", b"%d" % len(body)))


def etag(tag: str) -> Header:
    """The header of this entity tag."""
    return (b"etag", tag.encode("latin-1"))
