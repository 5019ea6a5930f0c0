"""Server-Sent Events (HTML Living Standard, section 9.2): an answer that goes on until somebody ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

SEND_SECONDS: Final = 10.0  # for a client that reads nothing any more

Opening = Callable[[], AbstractAsyncContextManager[AsyncIterator[bytes]]]


class EventStream(Response):
    """Sends what an iterator yields until that ends or the client leaves.

    The iterator is opened when the answer is sent, not when it is made: one that is made and never sent holds nothing.
    Opening may still raise an error, which is answered like any other.
    """

    media_type = "text/event-stream"

    def __init__(self, opening: Opening) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["Content-Length"]
        self._opening = opening

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's."""
        async with self._opening() as events:
            scope["query_string"] = b""  # a server that logs requests does so now, and the address may hold a secret
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            tasks = asyncio.create_task(_send_all(events, send)), asyncio.create_task(_until_gone(receive))
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)


async def _send_all(events: AsyncIterator[bytes], send: Send) -> None:
    with suppress(OSError, TimeoutError):  # the client is gone, or as good as gone
        async for text in events:
            await _send(send, text)
        await _send(send, b"", more=False)


async def _send(send: Send, text: bytes, *, more: bool = True) -> None:
    async with asyncio.timeout(SEND_SECONDS):
        await send({"type": "http.response.body", "body": text, "more_body": more})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
