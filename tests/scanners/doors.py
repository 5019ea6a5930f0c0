"""An application with holes, on a port of its own: what finds nothing in the service must find these.

Each path is one known fault. It runs beside the service under test, on the same PostgreSQL, for as long as a scan; it
fetches nothing and sends nobody anywhere but on this machine.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from html import escape
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.test_integration import free_port

TABLE: Final = "CREATE TABLE things (id int, name text); INSERT INTO things VALUES (1, 'chair'), (2, 'table')"


def page(text: str) -> HTMLResponse:
    """A page of HTML with this in it, as it is."""
    return HTMLResponse(f"<html><head><title>Things</title></head><body>{text}</body></html>")


async def _found(request: Request, condition: str) -> list[Any]:
    pool: asyncpg.Pool = request.app.state.pool
    rows: list[Any] = await pool.fetch(f"SELECT id, name FROM things WHERE {condition}")
    return rows


def _listed(rows: list[Any]) -> HTMLResponse:
    return page("".join(f"<p>{row['id']}: {escape(str(row['name']))}</p>" for row in rows) or "<p>Nothing.</p>")


async def loud(request: Request) -> Response:
    """A value in the text of a statement, and PostgreSQL's complaint in the answer."""
    try:
        return _listed(await _found(request, f"name = '{request.query_params.get('q', '')}'"))
    except asyncpg.PostgresError as error:
        return page(f"<p>PostgreSQL query failed: ERROR:  {escape(str(error))}</p>")


async def quiet(request: Request) -> Response:
    """The same with a number, and without a word about errors."""
    try:
        return _listed(await _found(request, f"id = {request.query_params.get('id', '0')}"))
    except asyncpg.PostgresError:
        return page("<p>Nothing.</p>")


async def one(request: Request) -> Response:
    """The same with a part of the path."""
    try:
        return _listed(await _found(request, f"name = '{request.path_params['name']}'"))
    except asyncpg.PostgresError:
        return page("<p>Nothing.</p>")


async def posted(request: Request) -> Response:
    """The same with a field of a JSON body."""
    try:
        return _listed(await _found(request, f"name = '{(await request.json())['name']}'"))
    except (asyncpg.PostgresError, ValueError, KeyError, TypeError) as error:
        return page(f"<p>PostgreSQL query failed: ERROR:  {escape(str(error))}</p>")


async def greeting(request: Request) -> Response:
    """What was asked for, unescaped in a page."""
    return page(f"<p>Hello {request.query_params.get('name', '')}</p>")


async def elsewhere(request: Request) -> Response:
    """A redirection to wherever one likes."""
    return RedirectResponse(request.query_params.get("to", "/"), 302)


async def file(request: Request) -> Response:
    """Any file of the machine."""
    try:
        text = await asyncio.to_thread(Path(request.query_params.get("name", "")).read_text)
        return page(f"<pre>{escape(text)}</pre>")
    except (OSError, ValueError):
        return page("<p>Nothing.</p>")


async def fetched(request: Request) -> Response:
    """Whatever lies at an address, as long as that is this machine."""
    address = request.query_params.get("url", "")
    try:
        if urlsplit(address).hostname == "127.0.0.1":
            async with httpx.AsyncClient(trust_env=False, timeout=5) as http:
                await http.get(address)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        pass
    return page("<p>Fetched.</p>")


ROUTES: Final = [
    Route("/loud", loud),
    Route("/quiet", quiet),
    Route("/things/{name:path}", one),
    Route("/things", posted, methods=["POST"]),
    Route("/greeting", greeting),
    Route("/elsewhere", elsewhere),
    Route("/file", file),
    Route("/fetched", fetched),
]


@contextmanager
def open_doors(dsn: str) -> Iterator[str]:
    """The application on an empty database, in a thread of its own: its address."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        # Only to be left at its end: SQL that was brought in may have changed what a connection is.
        async with asyncpg.create_pool(dsn, min_size=1, max_size=8) as pool:
            await pool.execute(TABLE)
            app.state.pool = pool
            yield

    with served(Starlette(routes=ROUTES, lifespan=lifespan)) as address:
        yield address


@contextmanager
def served(app: Starlette) -> Iterator[str]:
    """An application on a free port of this machine, as long as the block lasts: its address."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=asyncio.run, args=(server.serve(),), daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "it did not start"
            thread.join(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)
