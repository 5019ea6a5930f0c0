"""A client that costs less than what it asks: raw HTTP/1.1 over kept connections, no parsing but status and length.

It runs in a process of its own, ``python -m benchmarks.load``: one JSON object in on standard input, one out.

Whoever is told to come back in a second comes back within two: the connections stand for people who have nothing to do
with each other. All at once after exactly a second, as one loop would wake them, is a thing that only one loop does.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final

import uvloop

RETRY_AFTER: Final = 1.0  # seconds, what the service asks for with its 503; each client adds up to as much again
LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Order:
    """What to send, over how many connections, for how long; ``pause`` seconds lie between an answer and the next."""

    port: int
    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    connections: int = 8
    seconds: float = 1.0
    pause: float = 0.0

    def write(self) -> bytes:
        """The request as it goes over the wire."""
        body = self.body.encode()
        headers = {"Host": "127.0.0.1", **self.headers}
        if body:
            headers["Content-Length"] = str(len(body))
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass(frozen=True, slots=True)
class Yield:
    """What came of it: answers by status, and how long they took, in seconds."""

    statuses: Mapping[str, int]
    seconds: float
    latencies: Sequence[float]

    def rate(self, status: int = 200) -> float:
        """Answers of this status a second."""
        return self.statuses.get(str(status), 0) / self.seconds

    def percentile(self, share: float) -> float:
        """The latency that this share of the answers stayed within."""
        return sorted(self.latencies)[min(len(self.latencies) - 1, int(len(self.latencies) * share))]


async def pull(order: Order) -> Yield:
    """Send the request again and again on every connection until the time is up."""
    request, statuses, latencies = order.write(), Counter[str](), list[float]()
    started = time.perf_counter()

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", order.port)
        while time.perf_counter() - started < order.seconds:
            sent = time.perf_counter()
            writer.write(request)
            status = await _read_status(reader)
            statuses[status] += 1
            latencies.append(time.perf_counter() - sent)
            if pause := random.uniform(RETRY_AFTER, 2 * RETRY_AFTER) if status == "503" else order.pause:  # noqa: S311
                await asyncio.sleep(pause)
        writer.close()

    await asyncio.gather(*(one() for _ in range(order.connections)))
    return Yield(dict(statuses), time.perf_counter() - started, latencies)


async def _read_status(reader: asyncio.StreamReader) -> str:
    head = await reader.readuntil(b"\r\n\r\n")
    length = LENGTH.search(head)
    await reader.readexactly(int(length[1]) if length else 0)
    return head[9:12].decode()


if __name__ == "__main__":
    result = uvloop.run(pull(Order(**json.load(sys.stdin))))
    json.dump(asdict(result), sys.stdout)
