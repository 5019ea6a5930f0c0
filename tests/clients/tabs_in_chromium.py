"""The session of ``clients/typescript`` in a real browser: two tabs, one lock, another origin than the service's.

Not among the files that `make test` collects: `make test-browser` runs it, because it needs Chromium.
"""

from __future__ import annotations

import asyncio
import shutil
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from common.config import Config
from tests.support.apps import running
from tests.support.listening import listening
from tests.support.world import PASSWORD, TestTenant

PAGES: Final = Path(__file__).parent / "browser"
FLAGS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
)  # fmt: skip
FOUND: Final = {
    "readable": ["X-Request-ID", "RateLimit", "RateLimit-Policy"],
    "same": 5,
    "refreshes": 5,  # five rounds in two tabs: one tab asks, the other takes what it got
    "names": ["member", "member"],
    "afterwards": "nobody",
    "heard": True,
}


def website(project: Path, result: asyncio.Future[dict[str, Any]]) -> Starlette:
    """The pages, the compiled client, and where a page reports what it found."""

    async def report(request: Request) -> Response:
        if not result.done():
            result.set_result(await request.json())
        return Response(status_code=204)

    return Starlette(
        routes=[
            Route("/result", report, methods=["POST"]),
            Mount("/dist", StaticFiles(directory=project / "dist")),
            Mount("/node_modules", StaticFiles(directory=(project / "node_modules").resolve())),
            Mount("/", StaticFiles(directory=PAGES, html=True)),
        ]
    )


@asynccontextmanager
async def chromium(address: str, profile: Path) -> AsyncIterator[None]:
    """The browser, with this page open."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    assert program is not None, "Chromium is not installed: run make test-browser"
    command = (program, *FLAGS, f"--user-data-dir={profile}", address)
    process = await asyncio.create_subprocess_exec(*command, stdout=DEVNULL, stderr=DEVNULL)
    try:
        yield
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def found_by_page(project: Path, config: Config, tenant: TestTenant, profile: Path) -> dict[str, Any]:
    """What the page reports of the tenant, from an origin that the service admits."""
    result: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(listening(website(project, result)))
        app, _ = await stack.enter_async_context(running(config.model_copy(update={"cors_origins": (site,)})))
        service = await stack.enter_async_context(listening(app))
        told = {"service": service, "tenant": tenant.name, "username": "member", "password": PASSWORD}
        await stack.enter_async_context(chromium(f"{site}/index.html?{urlencode(told)}", profile))
        async with asyncio.timeout(60):
            return await result


async def test_two_tabs_refresh_once_and_log_out_together(
    config: Config, typescript: Path, alpha: TestTenant, beta: TestTenant, tmp_path: Path
) -> None:
    for tenant in (alpha, beta):
        assert await found_by_page(typescript, config, tenant, tmp_path / tenant.name) == FOUND
