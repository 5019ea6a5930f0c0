"""The short way to a route leads where FastAPI's own way leads."""

from __future__ import annotations

from typing import Any, Final

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from common.http.dispatch import add_dispatch
from tests.support.routes import long_way

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW")
ODD: Final = ("", "//", "/health/", "/health\n", "/HEALTH", "/api/v1", "/api/v1/users/", "/api/v1/users/a/b/c/d", "/no")

Arrival = tuple[Any, ...]


async def arrive(app: FastAPI, method: str, path: str, root_path: str = "") -> Arrival:
    """Where a request ends up: endpoint and parameters, then the answer's status and the methods it permits."""
    told: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        told.append(message)

    scope: Scope = {
        "type": "http",
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": path,
        "root_path": root_path,
        "query_string": b"",
        "headers": [(b"host", b"service.test")],
        "client": ("203.0.113.7", 40000),
        "server": ("service.test", 80),
    }
    await app(scope, receive, send)
    found = scope.get("endpoint"), scope.get("path_params"), scope.get("route")
    return *found, told[0]["status"], dict(told[0]["headers"]).get(b"allow")


async def arrive_both_ways(app: FastAPI, method: str, path: str, root_path: str = "") -> tuple[Arrival, Arrival]:
    """The same with the table in front of the router, and past it."""
    short = await arrive(app, method, path, root_path)
    with long_way(app):
        return short, await arrive(app, method, path, root_path)


async def test_every_path_arrives_where_fastapi_takes_it(app: FastAPI) -> None:
    """For every method, allowed or not; nobody is signed in, so nothing happens there."""
    paths = {context.path or "" for context in iter_route_contexts(app.routes)} - {"/readiness", "/metrics"}
    assert len(paths) > 40
    for path in sorted(paths | {path.replace("{", "").replace("}", "") for path in paths} | set(ODD)):
        for method in METHODS:
            short, long = await arrive_both_ways(app, method, path)
            assert short == long, (method, path)


def make_endpoint(name: str) -> Any:
    async def endpoint() -> str:
        return name

    return endpoint


async def answer_mounted(scope: Scope, receive: Receive, send: Send) -> None:
    """What a mounted application answers."""
    await PlainTextResponse("mounted", 418)(scope, receive, send)


def make_app(*paths: str, mounted: str | None = None) -> FastAPI:
    """An application of these routes in this order, behind two prefixes; the last may be something mounted."""
    outer, inner = APIRouter(prefix="/outer"), APIRouter(prefix="/inner")
    for path in paths:
        inner.add_api_route(path, make_endpoint(path), methods=["GET"])
    outer.include_router(inner)
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    if mounted is not None:
        app.mount(mounted, answer_mounted)
    app.include_router(outer)
    add_dispatch(app)
    return app


@pytest.mark.parametrize(
    "paths",
    [
        ("/{name}", "/fixed"),
        ("/fixed", "/{name}"),
        ("/{name}/end", "/fixed/{name}", "/fixed/end"),
        ("/{rest:path}", "/fixed", "/{name}"),
        ("/fixed", "/{number:int}", "/{name}"),
    ],
)
async def test_the_first_that_matches_wins(paths: tuple[str, ...]) -> None:
    app = make_app(*paths)
    for end in ("/fixed", "/other", "/7", "/fixed/end", "/fixed/other", "/other/end", "/a/b/c", "/"):
        short, long = await arrive_both_ways(app, "GET", f"/outer/inner{end}")
        assert short == long, end


@pytest.mark.parametrize("mounted", ["/outer", "/outer/inner/fixed", "/", "/elsewhere"])
async def test_what_is_mounted_before_comes_first(mounted: str) -> None:
    app = make_app("/fixed", "/{name}", mounted=mounted)
    for end in ("/fixed", "/other"):
        short, long = await arrive_both_ways(app, "GET", f"/outer/inner{end}")
        assert short == long, end


async def test_a_root_path_changes_nothing() -> None:
    app = make_app("/fixed", "/{name}")
    for root, path in (("/root", "/root/outer/inner/fixed"), ("/outer", "/outer/outer/inner/x"), ("/root", "/outer")):
        short, long = await arrive_both_ways(app, "GET", path, root)
        assert short == long, path


async def test_routes_that_come_later_are_found() -> None:
    app = make_app("/fixed")
    app.get("/late")(make_endpoint("late"))

    assert (await arrive(app, "GET", "/late"))[3] == 200
    assert (await arrive(app, "GET", "/outer/inner/fixed"))[3] == 200
