"""A client that keeps its connection, and may hang up in the middle of a request."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any, Final

LENGTH: Final = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.I)


class Line:
    """One connection to the service; ``ask`` and ``hang_up`` open a new one where there is none."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        reader, writer = await self._open()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = LENGTH.search(head)
        body = await reader.readexactly(int(length[1])) if length else b""
        if b"\r\nconnection: close" in head.lower():
            self.close()
        return int(head[9:12]), body

    async def hang_up(self, request: bytes, length: int, seconds: float) -> None:
        """Send so much of a request, wait a moment, and be gone without a word."""
        _, writer = await self._open()
        writer.write(request[:length])
        await asyncio.sleep(seconds)
        writer.transport.abort()
        self._writer = None

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._writer is not None:
            self._writer.close()
        self._writer = None

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._writer is None or self._reader is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self._reader, self._writer


def write_request(method: str, path: str, headers: dict[str, str], body: Any = None) -> bytes:
    """A request as bytes."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} /api/v1{path} HTTP/1.1", "Host: service.test"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content
