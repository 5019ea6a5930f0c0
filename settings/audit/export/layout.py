"""The file around the entries: what stands before, between and behind them (docs/audit.md)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from common.postgresql.execution import Sink

PIECE: Final = 65_536  # bytes. PostgreSQL sends 8 KiB at a time, each of which would cost a system call at both ends


class Pieces:
    """Hands on larger pieces than it gets."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._held: list[bytes] = []
        self._size = 0

    async def add(self, data: bytes) -> None:
        """Keep this until there is enough."""
        self._held.append(data)
        self._size += len(data)
        if self._size >= PIECE:
            await self.flush()

    async def flush(self) -> None:
        """Hand on what is kept."""
        data, self._held, self._size = b"".join(self._held), [], 0
        await self._sink(data)


class Lines:
    """NDJSON: a JSON object on each line, the last of which is the end."""

    before_end = b"{"

    def __init__(self, sink: Sink, *, sealed: bool) -> None:
        self._sink = sink
        self._digest = hashlib.sha256() if sealed else None

    @property
    def sha256(self) -> str:
        """Of all that was written so far."""
        assert self._digest is not None
        return self._digest.hexdigest()

    async def add(self, entries: bytes) -> None:
        """Some more entries."""
        if self._digest is not None:
            self._digest.update(entries)
        await self._sink(entries)

    async def finish(self) -> None:
        """Lines need nothing behind them."""

    async def write_end(self, end: Mapping[str, Any]) -> None:
        """The last line, which is not part of what is sealed."""
        text = json.dumps(end, ensure_ascii=False, separators=(",", ":"))
        await self._sink(self.before_end + b'"end":' + text.encode() + b"}\n")


class Array(Lines):
    """JSON: the same lines as the elements of an array."""

    before_end = b""

    def __init__(self, sink: Sink, *, sealed: bool) -> None:
        super().__init__(sink, sealed=sealed)
        self._between = b'{"entries":[\n'
        self._after = self._between + b"],\n"

    async def add(self, entries: bytes) -> None:
        """Some more entries. JSON has no bare line breaks, so each one ends an entry."""
        await super().add(self._between + entries[:-1].replace(b"\n", b",\n"))
        self._between, self._after = b",\n", b"\n],\n"

    async def finish(self) -> None:
        """Close the array."""
        await super().add(self._after)
