"""Connections to the live service on which anything may be written."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

PATIENCE: Final = 20.0  # seconds in which every connection must have ended by itself: more than all deadlines together
PIECE: Final = 65_536


@dataclass(frozen=True)
class Told:
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        """The body of a refusal."""
        assert self.headers["content-type"] == "application/problem+json", (self.status, self.headers, self.body[:200])
        found: dict[str, Any] = json.loads(self.body)
        return found


def head(method: str, target: str, headers: dict[str, str]) -> bytes:
    """A request's head, on a connection that ends with its answer."""
    lines = [f"{method} {target} HTTP/1.1", "Host: service.test", "Connection: close"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode("latin-1")


async def converse(url: str, *pieces: bytes, ending: bool = False) -> list[Told]:
    """Everything that is answered to these bytes until the service closes the connection, which it must.

    What cannot be sent because the service has closed already, is not sent. ``ending``: say that nothing more comes.
    """
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)

    async def send() -> None:
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            if ending:
                writer.write_eof()
        except ConnectionError:
            pass

    sending = asyncio.create_task(send())
    received = b""
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    part = await reader.read(PIECE)
                except ConnectionError:
                    break  # closed while something was still being sent
                if not part:
                    break
                received += part
    finally:
        sending.cancel()
        writer.close()
    return list(_read(received))


def _read(received: bytes) -> list[Told]:
    found = []
    while received:
        start, separator, rest = received.partition(b"\r\n\r\n")
        assert separator, received[:300]
        assert start.startswith(b"HTTP/1.1 "), start[:300]
        first, *lines = start.decode("latin-1").split("\r\n")
        status, headers = int(first.split()[1]), dict(line.lower().split(": ", 1) for line in lines)
        if "chunked" in headers.get("transfer-encoding", ""):
            body, rest = rest, b""
        else:
            length = int(headers.get("content-length", 0)) if status >= 200 else 0
            body, rest = rest[:length], rest[length:]
        found.append(Told(status, headers, body))
        received = rest
    return found
