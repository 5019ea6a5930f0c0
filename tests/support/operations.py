"""Every operation of the running application, so that a list in a test can be held against it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from serving.route import Route
from tests.support.world import API


@dataclass(frozen=True, slots=True)
class Operation:
    """A method and a path template, below ``/api/v1`` or, with ``//``, the root, by the name of its function."""

    name: str
    method: str
    path: str
    route: APIRoute

    @property
    def address(self) -> str:
        """The whole path."""
        return self.path[1:] if self.path.startswith("//") else API + self.path


def operations_of(app: FastAPI) -> Iterator[Operation]:
    """The operations of the three modules."""
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        if isinstance(route, Route):
            full = context.path or ""
            path = full.removeprefix(API) if full.startswith(API) else f"/{full}"
            for method in sorted(route.methods or ()):
                yield Operation(route.name, method, path, route)
