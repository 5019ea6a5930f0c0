"""The limits on request bodies, in size and in time, in pure ASGI.

FastAPI's own ``max_body_size`` answers plain text from outside every other middleware, and makes a 413 of each refusal
of a request that declared a long body. Here the limits act when the body is read, so a caller without a credential
learns only that, and what is too large or too slow is refused like everything else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.http.headers import INDEXED, IndexedHeaders

WITHOUT_BODY: Final = frozenset({"GET", "HEAD"})  # nobody reads what comes with these
PLAIN: Final = frozenset({"", "identity"})
UNCOMPRESSED: Final = {"Accept-Encoding": "identity"}  # RFC 9110 section 15.5.16
CLOSING: Final = {"Connection": "close"}  # the rest of the body is not waited for


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a body is waited for: so many seconds without a byte, and as many in all beyond those that it takes at
    the least pace. A large file over a slow line has hours; one byte every few seconds has not."""

    stall_seconds: float
    bytes_per_second: int

    def left(self, received: int, waited: float) -> float:
        """Seconds to wait for the next bytes, after so many bytes and so many seconds of waiting."""
        return min(self.stall_seconds, self.stall_seconds + received / self.bytes_per_second - waited)


class BodyLimit:
    """Ends the reading of a body of more than ``limit`` bytes with 413, at once if it says its length, else there; and
    with 408 that of a body beyond ``patience``. A compressed one is 415: what it would become has no limit here.

    ``larger`` has the limits of the paths that take files. What counts as waiting is only the time in which the service
    is ready for more.
    """

    def __init__(
        self, app: ASGIApp, *, limit: int, patience: Patience, larger: Mapping[str, int] | None = None
    ) -> None:
        self._app = app
        self._limit = limit
        self._patience = patience
        self._larger = larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_body = scope["type"] == "http" and scope["method"] not in WITHOUT_BODY
        await self._app(scope, self._limited(scope, receive) if has_body else receive, send)

    def _limited(self, scope: Scope, receive: Receive) -> Receive:
        headers: IndexedHeaders = scope["state"][INDEXED]
        declared, coding = headers.get("content-length", ""), headers.get("content-encoding", "").lower()
        total = int(declared) if declared.isdecimal() and declared.isascii() else 0
        limit = self._larger.get(scope["path"], self._limit)
        clock = asyncio.get_running_loop().time
        received, waited, is_complete = 0, 0.0, False

        async def receive_limited() -> Message:
            nonlocal received, waited, is_complete
            if is_complete:
                return await receive()  # that the client has left, some time
            if coding not in PLAIN:
                raise HTTPException(415, headers=UNCOMPRESSED)
            if total > limit:
                raise HTTPException(413)
            began = clock()
            try:
                async with asyncio.timeout(self._patience.left(received, waited)):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, headers=CLOSING) from None
            waited += clock() - began
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(413)
            is_complete = not message.get("more_body", False)
            return message

        return receive_limited
