"""Answers whose length nobody knows beforehand, written while they are made."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

Sink = Callable[[bytes], Awaitable[None]]
"""Takes the next bytes; returns when there is room for more."""

GZIP_LEVEL: Final = 1  # 156 MB of JSON lines a second to 28 % of their size; level 6: 62 MB a second to 26 %
GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS  # the addend makes zlib write the header of gzip (RFC 1952)


class CutShortError(Exception):
    """What is being sent cannot be finished, and the log has been told."""


class Streamed(StreamingResponse):
    """An answer that ``produce`` writes into the sink it is given.

    The headers leave with the first bytes: what fails before them is answered as a problem. After a CutShortError the
    answer stays without its end: the connection is cut, and the client cannot take what it has for the whole. A client
    that leaves cancels ``produce``; one that reads slowly makes its sink slow.
    """

    def __init__(
        self,
        produce: Callable[[Sink], Awaitable[object]],
        *,
        media_type: str,
        headers: Mapping[str, str],
        compressed: bool = False,
    ) -> None:
        super().__init__((), media_type=media_type, headers=headers)
        self._produce = produce
        self._compressed = compressed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's."""
        producing = asyncio.ensure_future(self._produce_into(send))
        leaving = asyncio.ensure_future(_until_client_left(receive))
        try:
            await asyncio.wait({producing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            producing.cancel()
            leaving.cancel()
            await asyncio.gather(producing, leaving, return_exceptions=True)
        if not producing.cancelled():
            producing.result()

    async def _produce_into(self, send: Send) -> None:
        started = False

        async def write(data: bytes) -> None:
            nonlocal started
            if not started:
                started = True
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": data, "more_body": True})

        try:
            if self._compressed:
                await _compressing(self._produce, write)
            else:
                await self._produce(write)
        except CutShortError:
            if not started:
                raise
        else:
            await write(b"")
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _compressing(produce: Callable[[Sink], Awaitable[object]], write: Sink) -> None:
    """Have gzip between what is produced and where it goes; in a thread, because the loop has others to serve."""
    gzip = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_WINDOW)

    async def write_compressed(data: bytes) -> None:
        if smaller := await asyncio.to_thread(gzip.compress, data):
            await write(smaller)

    await produce(write_compressed)
    await write(gzip.flush())


async def _until_client_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
