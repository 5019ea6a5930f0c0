"""Load from wrk, which is compiled: it costs a few microseconds a request, where a client in Python costs what it
asks.

It comes with Debian and Ubuntu (``apt-get install wrk``). Each run gets a script that has the requests ready, sends
them in turn, and writes what came of them as JSON (wrk, SCRIPTING).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks.machine import OTHERS, pin

CONNECTIONS: Final = 8
SCRIPT: Final = """
local requests, turn = {}, 0
init = function()
%s
end
request = function() turn = turn %% #requests + 1; return requests[turn] end
done = function(summary, latency)
  local failed = summary.errors
  io.write(string.format('{"requests": %%d, "seconds": %%f, "p50": %%f, "p99": %%f, "refused": %%d, "broken": %%d}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6,
    failed.status, failed.connect + failed.read + failed.write + failed.timeout))
end
"""


class WrkMissing(Exception):
    """wrk is not installed."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, and the status that answers it."""

    path: str
    headers: Mapping[str, str]
    method: str = "GET"
    body: str | None = None
    status: int = 200


@dataclass(frozen=True, slots=True)
class Answers:
    """What came of it, times in seconds."""

    rate: float
    count: int
    p50: float
    p99: float
    all: Mapping[str, Any] = field(repr=False)


def fire(port: int, requests: Sequence[Request], seconds: float, connections: int = CONNECTIONS) -> Answers:
    """Send the requests in turn over kept connections for some seconds. Raises RuntimeError if one is refused, and
    WrkMissing."""
    program = shutil.which("wrk")
    if program is None:
        raise WrkMissing("wrk is not installed; on Debian and Ubuntu: apt-get install wrk")
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(SCRIPT % "\n".join(f"requests[{turn}] = {_lua(one)}" for turn, one in enumerate(requests, 1)))
        script.flush()
        options = ["-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", script.name]
        client = subprocess.Popen(
            [program, *options, f"http://127.0.0.1:{port}/"],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(script.name).parent,
        )
        pin(client.pid, OTHERS)
        said, _ = client.communicate()
    found = json.loads(said.splitlines()[-1])
    if found["refused"] or found["broken"] or not found["requests"]:
        raise RuntimeError(f"{requests[0].method} {requests[0].path}: {found}")
    return Answers(found["requests"] / found["seconds"], found["requests"], found["p50"], found["p99"], found)


def insist(port: int, request: Request) -> None:
    """Send it once. Raises RuntimeError if another status answers: wrk itself only tells refusals."""
    address = f"http://127.0.0.1:{port}{request.path}"
    with httpx.Client(trust_env=False, timeout=60) as client:
        answer = client.request(request.method, address, headers=request.headers, content=request.body)
    if answer.status_code != request.status:
        raise RuntimeError(f"{request.method} {request.path}: {answer.status_code} instead of {request.status}")


def _lua(request: Request) -> str:
    """A call of wrk's own that writes the request once, when wrk starts."""
    headers = ", ".join(f"[{_quoted(name)}] = {_quoted(value)}" for name, value in request.headers.items())
    body = "nil" if request.body is None else _quoted(request.body)
    return f"wrk.format({_quoted(request.method)}, {_quoted(request.path)}, {{{headers}}}, {body})"


def _quoted(text: str) -> str:
    escaped = "".join(char if char.isprintable() and char not in '"\\' else f"\\{ord(char):03}" for char in text)
    return f'"{escaped}"'
