"""Every operation of the running application, so that a list in a test can be held against it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from serving.route import Route


@dataclass(frozen=True, slots=True)
class Operation:
    """A method and a path template below ``/api/v1``, by the name of its function."""

    name: str
    method: str
    path: str
    route: APIRoute


def operations_of(app: FastAPI) -> Iterator[Operation]:
    """The operations of the three modules."""
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, Route):
            path = (context.path or "").removeprefix("/api/v1")
            for method in sorted(route.methods or ()):
                yield Operation(route.name, method, path, route)
