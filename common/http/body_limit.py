"""The limit on request bodies, in pure ASGI.

FastAPI's own ``max_body_size`` answers plain text from outside every other middleware, and makes a 413 of each refusal
of a request that declared a long body. Here the limit acts when the body is read, so a caller without a credential
learns only that, and what is too large is refused like everything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.http.headers import INDEXED

WITHOUT_BODY: Final = frozenset({"GET", "HEAD"})  # nobody reads what comes with these


class BodyLimit:
    """Ends the reading of a body of more than ``limit`` bytes with 413: at once if it says its length, else there.

    ``larger`` has the limits of the paths that take files.
    """

    def __init__(self, app: ASGIApp, *, limit: int, larger: Mapping[str, int] | None = None) -> None:
        self._app = app
        self._limit = limit
        self._larger = larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_body = scope["type"] == "http" and scope["method"] not in WITHOUT_BODY
        await self._app(scope, self._limited(scope, receive) if has_body else receive, send)

    def _limited(self, scope: Scope, receive: Receive) -> Receive:
        declared = scope["state"][INDEXED].get("content-length", "")
        total = int(declared) if declared.isdecimal() and declared.isascii() else 0
        limit = self._larger.get(scope["path"], self._limit)
        received = 0

        async def receive_limited() -> Message:
            nonlocal received
            if total > limit:
                raise HTTPException(413)
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(413)
            return message

        return receive_limited
