"""Every operation of the running application, so that a list in a test can be held against it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

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


@cache
def operations_of(app: FastAPI) -> tuple[Operation, ...]:
    """The operations of the three modules, found once: it takes a walk through every router."""
    return tuple(
        Operation(context.original_route.name, method, _below_api(context.path or ""), context.original_route)
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, Route)
        for method in sorted(context.original_route.methods or ())
    )


def _below_api(path: str) -> str:
    return path.removeprefix(API) if path.startswith(API) else f"/{path}"
