"""Routers put together as one flat list of routes.

``include_router`` keeps a tree, and analyses every endpoint in it once more for each application: some 3 ms a route of
a start, and a second copy of all that is known of its parameters. Here a route stays what it was made as. A part says
its whole prefix and its tags itself; only what comes before all of them is put in front here.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute, Route, compile_path


def join(parts: Iterable[APIRouter]) -> APIRouter:
    """A router with the routes of all parts, in their order."""
    joined = APIRouter()
    for part in parts:
        joined.routes.extend(part.routes)
    return joined


def mount(app: FastAPI, router: APIRouter, prefix: str = "") -> None:
    """Have the application serve a router's routes below the prefix, which has no parameters."""
    app.router.routes.extend(_below(prefix, route) for route in router.routes)


def _below(prefix: str, route: BaseRoute) -> BaseRoute:
    assert isinstance(route, Route), f"{route} is not alone: join its routes first"
    moved = copy(route)  # others may have the same
    moved.path = prefix + route.path
    moved.path_regex, moved.path_format, moved.param_convertors = compile_path(moved.path)
    return moved
