"""Writing a file of unknown length, piece by piece, so that it is there whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

import obstore

from common.errors import ServiceError
from common.storage.faults import translated

if TYPE_CHECKING:
    from obstore.store import ObjectStore

PIECE: Final = 1024**2  # bytes handed over at once; a file of no more needs a single request
PART: Final = 5 * 1024**2  # the least that S3 takes as a part
PARALLEL_PARTS: Final = 1  # on its way while the next is filled: 10 MiB in memory for each upload


class _BrokenOffError(Exception):
    """Makes the storage give up what it has begun: obstore does so when its source of bytes fails, and leaves a
    multipart upload behind when it is merely cancelled."""


class Writer:
    """One file in the making. ``size`` is what was written so far."""

    def __init__(self, store: ObjectStore, path: str) -> None:
        self.size = 0
        self._store = store
        self._path = path
        self._buffer = bytearray()
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(1)
        self._broken = False
        self._putting: asyncio.Task[None] | None = None

    async def write(self, data: bytes) -> None:
        """Take the next bytes; returns when there is room for more. Raises StorageUnavailable."""
        self.size += len(data)
        self._buffer += data
        if len(self._buffer) > PIECE:
            await self._hand_over()

    async def finish(self) -> None:
        """Have the file be there. Raises StorageUnavailable."""
        if self._putting is None:
            self._putting = asyncio.create_task(self._put_whole(bytes(self._buffer)))
        else:
            if self._buffer:
                await self._hand_over()
            await self._queue(None)
        await asyncio.shield(self._putting)

    async def abort(self) -> None:
        """Have nothing be there, also if it was finished. What cannot be removed now is left to whoever sweeps."""
        try:
            if self._putting is not None:
                self._broken = True
                while not self._pieces.empty():
                    self._pieces.get_nowait()
                self._pieces.put_nowait(None)
                await asyncio.wait({self._putting})
                if not self._putting.cancelled():
                    self._putting.exception()  # seen
            with translated():
                await obstore.delete_async(self._store, self._path)
        except ServiceError:
            return

    async def _hand_over(self) -> None:
        if self._putting is None:
            self._putting = asyncio.create_task(self._put_pieces())
        piece = bytes(self._buffer)
        self._buffer.clear()
        await self._queue(piece)

    async def _queue(self, piece: bytes | None) -> None:
        """Wait for room, but not for ever: a storage that has failed takes no more."""
        assert self._putting is not None
        queueing = asyncio.ensure_future(self._pieces.put(piece))
        try:
            await asyncio.wait({queueing, self._putting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            queueing.cancel()
        if self._putting.done():
            self._putting.result()

    async def _put_whole(self, content: bytes) -> None:
        with translated():
            await obstore.put_async(self._store, self._path, content, use_multipart=False)

    async def _put_pieces(self) -> None:
        with translated():
            await obstore.put_async(
                self._store, self._path, self._source(), chunk_size=PART, max_concurrency=PARALLEL_PARTS
            )

    async def _source(self) -> AsyncIterator[bytes]:
        while (piece := await self._pieces.get()) is not None:
            yield piece
        if self._broken:
            raise _BrokenOffError
