"""A TCP proxy that is a bad network: slow, swallowing everything, or cutting connections in the middle of an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

_CHUNK: Final = 65536


@dataclass
class Relay:
    """Passes connections on to a server's unix socket. What it does to them may be changed at any time."""

    target: str
    port: int = 0
    delay: float = 0.0  # seconds by which every piece comes later, in either direction
    swallows: bool = False  # connections stay open, also new ones, and nothing comes through
    spares: int = 0  # answers that still pass whole
    cuts_after: int | None = None  # bytes of the answer after them that pass, before its connection is cut
    cut: int = 0  # how many were

    def __post_init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._passing = asyncio.Event()
        self._passing.set()

    def swallow(self) -> None:
        """From now on the other side has disappeared without a word, as behind a firewall that forgets."""
        self.swallows = True
        self._passing.clear()

    def heal(self) -> None:
        """Be a good network again; what was swallowed comes through."""
        self.swallows, self.delay, self.cuts_after = False, 0.0, None
        self._passing.set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        ends = [writer]
        directions: list[asyncio.Task[None]] = []
        try:
            await self._passing.wait()
            there, back = await asyncio.open_unix_connection(self.target)
            ends.append(back)
            directions = [
                asyncio.create_task(self._pass(reader, back)),
                asyncio.create_task(self._pass(there, writer, answers=True)),
            ]
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        except OSError:
            pass  # the server is away
        finally:
            for direction in directions:
                direction.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
            for end in ends:
                end.transport.abort()
            self._tasks.discard(task)

    async def hang_up(self) -> None:
        """End every connection."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _is_next(self) -> bool:
        self.spares -= 1
        return self.spares < 0

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool = False) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(_CHUNK):
                if self.delay:
                    await asyncio.sleep(self.delay)
                await self._passing.wait()
                if answers and self.cuts_after is not None and self._is_next():
                    writer.write(data[: self.cuts_after])
                    self.cut, self.cuts_after = self.cut + 1, None
                    await writer.drain()
                    return
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def relay_to(target: str) -> AsyncIterator[Relay]:
    """One in front of the server with this socket, on a port of this machine."""
    relay = Relay(target)
    server = await asyncio.start_server(relay.accept, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        await relay.hang_up()
