"""The operations of the running application, so that a test covers each one or fails for the one it does not know."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from common.http.dispatch import Dispatch
from serving.guards import Guard
from serving.route import Route, guard_of
from tests.support.world import API


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path below ``/api/v1``."""

    name: str
    method: str
    path: str
    guard: Guard

    @property
    def parameters(self) -> list[str]:
        """The names in the path's braces."""
        return re.findall(r"{(\w+)}", self.path)

    def path_with(self, values: Mapping[str, str]) -> str:
        """The path with its parameters filled in."""
        return self.path.format_map(values)


def operations(app: FastAPI) -> list[Operation]:
    """Every operation below ``/api/v1``."""
    found = []
    for context in iter_route_contexts(app.routes):
        path = context.path or ""
        if path.startswith(API):
            assert isinstance(context.original_route, Route), f"{path} is no Route: nothing guards it"
            guard = guard_of(context.original_route)
            name = context.original_route.name
            found += [Operation(name, method, path.removeprefix(API), guard) for method in context.methods or ()]
    return found


@contextmanager
def long_way(app: FastAPI) -> Iterator[None]:
    """Have every request go the way that FastAPI itself would take."""
    table = app.router.middleware_stack
    assert isinstance(table, Dispatch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "find", lambda _scope: None)  # nothing is found in the table
        yield
