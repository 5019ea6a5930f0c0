"""A relay in front of Valkey that can keep back what a client sends, and delivers it even if nobody waits any more."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final

_CHUNK: Final = 65536


class Gate:
    """Relays connections. ``seen`` is what came since it began to hold something, ``caught`` whether it holds any."""

    def __init__(self, target: Path, folder: Path) -> None:
        self._target = target
        self.path = folder / "gate.sock"
        self.url = f"unix://{self.path}"
        self.seen: list[bytes] = []
        self.caught = asyncio.Event()
        self._hold: tuple[bytes, ...] = ()
        self._relays: set[asyncio.Task[None]] = set()
        self._open = asyncio.Event()

    @contextmanager
    def holding(self, *words: bytes) -> Iterator[None]:
        """Keep back what contains all the words, until the end of the block."""
        self._hold = words
        self.caught.clear()
        self._open.clear()
        self.seen.clear()
        try:
            yield
        finally:
            self._hold = ()
            self._open.set()

    async def serve(self) -> asyncio.Server:
        """Start to listen."""
        return await asyncio.start_unix_server(self._accept, self.path)

    async def hang_up(self) -> None:
        """End every relay."""
        for relay in list(self._relays):
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relay = asyncio.current_task()
        assert relay is not None
        self._relays.add(relay)
        server_reader, server_writer = await asyncio.open_unix_connection(self._target)
        answering = asyncio.ensure_future(_answer(server_reader, writer))
        try:
            await self._send(reader, server_writer)  # to its end, also when the client has hung up
        finally:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)
            for end in (writer, server_writer):
                end.close()
            self._relays.discard(relay)

    async def _send(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(_CHUNK):
                self.seen.append(data)
                if self._hold and all(word in data for word in self._hold):
                    self.caught.set()
                    await self._open.wait()
                writer.write(data)
                await writer.drain()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def gate_to(target: Path) -> AsyncIterator[Gate]:
    """A gate before the server with this socket, as long as the block lasts."""
    folder = Path(tempfile.mkdtemp(prefix="gate-"))  # pytest's own folders are too long for a socket's name
    gate = Gate(target, folder)
    server = await gate.serve()
    try:
        yield gate
    finally:
        server.close()
        await gate.hang_up()
        shutil.rmtree(folder)
