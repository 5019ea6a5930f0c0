"""The service as operators run it: a process of its own, whose log can be read."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from manage.listening import UVICORN

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def running_service(folder: Path, environment: dict[str, str]) -> AsyncIterator[tuple[httpx.AsyncClient, Path]]:
    """A service on a unix socket below ``folder``, ready for requests, and the file with everything it prints."""
    socket, output = folder / "http.sock", folder / "output.log"
    with output.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *UVICORN, "--uds", str(socket), "--log-level", "debug"),
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "DRAIN_SECONDS": "0", **environment},
            stdout=log,
            stderr=log,
        )
        try:
            transport = httpx.AsyncHTTPTransport(uds=str(socket))
            async with httpx.AsyncClient(transport=transport, base_url="http://service.test") as client:
                await _until_ready(client, process)
                yield client, output
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def _until_ready(client: httpx.AsyncClient, process: asyncio.subprocess.Process) -> None:
    while True:
        assert process.returncode is None, "the service ended before it was ready"
        try:
            if (await client.get("/readiness")).status_code == 200:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.05)
