"""A wire between the service and PostgreSQL that counts round trips and keeps the SQL text that went over it.

A round trip is what costs time on a real network: a burst of bytes from the client after the server has answered the
one before. Statements sent together count once, a statement that is prepared first counts twice.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit

# FATAL, admin_shutdown (PostgreSQL manual 54.7, ErrorResponse)
_FIELDS: Final = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
GOOD_BYE: Final = b"E" + (len(_FIELDS) + 4).to_bytes(4) + _FIELDS
_SOCKET: Final = ".s.PGSQL.5432"
_CHUNK: Final = 65536


class Statements:
    """Collects the text of every ``Query`` and ``Parse`` message of one connection (PostgreSQL manual, 54.7)."""

    def __init__(self, collected: list[str]) -> None:
        self._collected = collected
        self._pending = b""
        self._started = False

    def feed(self, data: bytes) -> None:
        """Take in what the client sent."""
        self._pending += data
        while (message := self._next()) is not None:
            kind, body = message
            if kind == b"Q":
                self._collected.append(body.split(b"\0")[0].decode())
            elif kind == b"P":
                self._collected.append(body.split(b"\0")[1].decode())  # after the prepared statement's name

    def _next(self) -> tuple[bytes, bytes] | None:
        offset = 1 if self._started else 0  # only the first message, the start-up packet, has no type
        if len(self._pending) < offset + 4:
            return None
        end = offset + int.from_bytes(self._pending[offset : offset + 4])
        if len(self._pending) < end:
            return None
        kind, body = self._pending[:offset], self._pending[offset + 4 : end]
        self._pending, self._started = self._pending[end:], True
        return kind, body


class Wire:
    """Relays connections to a server's unix socket. ``url`` is the server's own URL with the wire's address."""

    def __init__(self, server_url: str, folder: Path) -> None:
        parts = urlsplit(server_url)
        address = parse_qs(parts.query)
        self._target = f"{address['host'][0]}/.s.PGSQL.{address['port'][0]}"
        self._folder = folder
        self.url = parts._replace(query=f"host={quote(str(folder))}&port=5432").geturl()
        self.trips = 0
        self.connections = 0
        self.statements: list[str] = []
        self.before_trip: Callable[[int], Awaitable[None]] | None = None  # awaited with the trip's number
        self._relays: set[asyncio.Task[None]] = set()
        self._clients: set[asyncio.StreamWriter] = set()

    def say(self, message: bytes) -> None:
        """Tell every client something that the server has not said."""
        for client in self._clients:
            client.write(message)

    def reset(self) -> None:
        """Begin to count anew."""
        self.trips = self.connections = 0
        self.statements.clear()

    async def serve(self) -> asyncio.Server:
        """Start to listen."""
        return await asyncio.start_unix_server(self._accept, self._folder / _SOCKET)

    async def hang_up(self) -> None:
        """End every relay."""
        for relay in list(self._relays):
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relay = asyncio.current_task()
        assert relay is not None
        self._relays.add(relay)
        self._clients.add(writer)
        self.connections += 1
        server_reader, server_writer = await asyncio.open_unix_connection(self._target)
        answered = asyncio.Event()
        answered.set()
        directions = (
            asyncio.ensure_future(self._send(reader, server_writer, answered)),
            asyncio.ensure_future(_answer(server_reader, writer, answered)),
        )
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in (writer, server_writer):  # first: whoever hangs up may cancel the rest
                end.close()
            for direction in directions:
                direction.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
            self._clients.discard(writer)
            self._relays.discard(relay)

    async def _send(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answered: asyncio.Event) -> None:
        statements = Statements(self.statements)
        while data := await reader.read(_CHUNK):
            statements.feed(data)
            if answered.is_set():
                answered.clear()
                self.trips += 1
                if self.before_trip is not None:
                    await self.before_trip(self.trips)
            with suppress(ConnectionError):
                writer.write(data)
                await writer.drain()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answered: asyncio.Event) -> None:
    while data := await reader.read(_CHUNK):
        answered.set()
        writer.write(data)
        await writer.drain()


@asynccontextmanager
async def wire_to(server_url: str) -> AsyncIterator[Wire]:
    """A wire to the server of this URL, as long as the block lasts."""
    folder = Path(tempfile.mkdtemp(prefix="wire-"))  # pytest's own folders are too long for a socket's name
    wire = Wire(server_url, folder)
    server = await wire.serve()
    try:
        yield wire
    finally:
        server.close()
        await wire.hang_up()
        shutil.rmtree(folder)
