"""The figures of attachments: ``python -m benchmarks.attachments [--fast]``.

A file goes up and comes down again, through a socket, to and from the storage by default, a local folder. What counts
is how far the service's resident memory grows meanwhile. Beside the times stand those of a program that only hashes the
same bytes and writes them to the same disk, or reads them from it. See ``benchmarks.figures`` for how figures are read.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import Figure, Pace, against_limit
from benchmarks.servers import API, World, ask, resident

PATH: Final = f"{API}/tools/attachments"
BLOCK: Final = 1024**2
ROOM: Final = 2**40
BOUNDARY: Final = "a-boundary-of-the-benchmarks"
GOAL: Final = 64.0  # MB


def measure(world: World, pace: Pace) -> list[Figure]:
    """Times and memory, up and down."""
    blocks = 128 if pace.fast else 1024
    for key in ("attachments.max_bytes", "attachments.quota_bytes"):
        ask(world.service.port, "PUT", f"{API}/settings/{key}", world.headers, json={"value": ROOM})
    upload(world, 4, seed=0)  # the first request of a kind loads what it needs
    made: list[str] = []
    up, grown_up = _watched(world, lambda turn: made.append(upload(world, blocks, seed=turn)))
    down, grown_down = _watched(world, lambda turn: download(world, made[turn - 1], blocks))
    size = f"{blocks / 1024:g} GiB"
    return [
        against_limit(f"resident memory while {size} come in", [grown_up], "MB", GOAL),
        against_limit(f"resident memory while {size} go out", [grown_down], "MB", GOAL),
        _pace(f"upload of {size}", blocks, up, [write_plainly(blocks)[0] for _ in up]),
        _pace(f"download of {size}", blocks, down, [write_plainly(blocks)[1] for _ in down]),
    ]


def upload(world: World, blocks: int, *, seed: int) -> str:
    """Send a file that nobody has sent before; its id."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="f.txt"\r\n\r\n'.encode()
    tail = f"\r\n--{BOUNDARY}--\r\n".encode()
    length = len(head) + blocks * BLOCK + len(tail)
    with socket.create_connection(("127.0.0.1", world.service.port)) as connection:
        extra = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Content-Length": str(length)}
        connection.sendall(_request("POST", PATH, world, extra) + head)
        for block in _blocks(blocks, seed):
            connection.sendall(block)
        connection.sendall(tail)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    if b" 201 " not in answer.partition(b"\r\n")[0]:
        raise RuntimeError(answer[:1000].decode())
    body: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return str(body["id"])


def download(world: World, attachment_id: str, blocks: int) -> None:
    """Take a file in and throw it away."""
    buffer, received = bytearray(BLOCK), 0
    with socket.create_connection(("127.0.0.1", world.service.port)) as connection:
        connection.sendall(_request("GET", f"{PATH}/{attachment_id}/content", world, {}))
        while size := connection.recv_into(buffer):
            received += size
    if received < blocks * BLOCK:
        raise RuntimeError(f"the download broke off after {received} bytes")


def write_plainly(blocks: int) -> tuple[float, float]:
    """Seconds for what the service cannot spare: to hash and write, and to read, from the page cache as it does."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        path, digest = Path(folder, "file"), hashlib.sha256()
        started = time.perf_counter()
        with path.open("wb") as file:
            for block in _blocks(blocks, 0):
                digest.update(block)
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        written = time.perf_counter()
        with path.open("rb") as file:
            while file.read(BLOCK):
                pass
        return written - started, time.perf_counter() - written


def _watched(world: World, act: Callable[[int], object], turns: int = 3) -> tuple[list[float], float]:
    """The seconds of some turns, and by how many megabytes the service grew beyond what it had before them."""
    before = resident(world.service, "VmRSS")
    Path(f"/proc/{world.service.process.pid}/clear_refs").write_text("5")  # proc(5): resets VmHWM
    times = []
    for turn in range(1, turns + 1):
        started = time.perf_counter()
        act(turn)
        times.append(time.perf_counter() - started)
    return times, resident(world.service, "VmHWM") - before


def _blocks(count: int, seed: int) -> Iterator[bytes]:
    """Text, none like the other."""
    filling = os.urandom(BLOCK // 2).hex().encode()
    for number in range(count):
        yield f"{seed:08}{number:08}".encode() + filling[16:]


def _request(method: str, path: str, world: World, extra: dict[str, str]) -> bytes:
    headers = {"Host": "127.0.0.1", "Connection": "close", **world.headers, **extra}
    return "\r\n".join([f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items()), "", ""]).encode()


def _pace(name: str, blocks: int, ours: list[float], theirs: list[float]) -> Figure:
    turns = [(blocks / mine, blocks / plain) for mine, plain in zip(ours, theirs, strict=True)]
    return Figure.of(name, turns, "MiB/s", "by itself")
