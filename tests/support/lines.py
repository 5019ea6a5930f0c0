"""A client that costs less than what it asks: raw HTTP/1.1 over one kept connection, which may break at any moment."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
RETRY_AFTER: Final = re.compile(rb"\r\nretry-after: *\d+", re.IGNORECASE)
CLOSES: Final = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)

BROKEN: Final = (ConnectionError, asyncio.IncompleteReadError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``retry`` says whether it told when to come again."""

    status: int
    body: bytes
    retry: bool

    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


def request(method: str, path: str, headers: Mapping[str, str], body: object = None) -> bytes:
    """A request as it goes over the wire."""
    data = b"" if body is None else json.dumps(body).encode()
    sent = {"Host": "127.0.0.1", **headers}
    if data:
        sent |= {"Content-Type": "application/json", "Content-Length": str(len(data))}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


class Line:
    """One connection. What is not answered raises one of ``BROKEN``; the connection is of no use then."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self.port: int = writer.get_extra_info("sockname")[1]

    @classmethod
    async def open(cls, port: int) -> Self:
        """Connect to this port of the machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: object = None, *, patience: float = 30.0
    ) -> Answer:
        """Send one request and read its answer."""
        return await self.exchange(request(method, path, headers, body), patience=patience)

    async def exchange(self, written: bytes, *, patience: float = 30.0) -> Answer:
        """The same for a request that is written already."""
        async with asyncio.timeout(patience):
            self.writer.write(written)
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = LENGTH.search(head)
            data = await self._reader.readexactly(int(length[1])) if length else b""
        if CLOSES.search(head):
            self.close()
        return Answer(int(head[9:12]), data, bool(RETRY_AFTER.search(head)))

    @property
    def is_closed(self) -> bool:
        """Whether it is of no use any more."""
        return self.writer.is_closing()

    async def hang_up(self, written: bytes, seconds: float) -> None:
        """Send what may be a part of a request, wait a moment, and be gone without a word."""
        self.writer.write(written)
        await asyncio.sleep(seconds)
        self.writer.transport.abort()

    def close(self) -> None:
        """Close the connection."""
        self.writer.close()


def owner_of(line: Line, server_port: int, pids: set[int]) -> int | None:
    """Which of these processes holds the other end of a connection: by its socket's number (proc(5), net/tcp)."""
    there, here = f":{server_port:04X}", f":{line.port:04X}"
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(there) and row[2].endswith(here)}
    return next((pid for pid in pids if inodes & _files_of(pid)), None)


def _files_of(pid: int) -> set[str]:
    try:
        return {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
    except OSError:  # it has ended, or a file was closed meanwhile
        return set()
