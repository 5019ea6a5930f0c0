"""The short way from a path to its route.

FastAPI's router tries the pattern of one route after the other, more than 200 for the last of them. Here the routes lie
in a table by method and path, those with parameters by method and number of slashes, in FastAPI's order. What is not
found there, a wrong method for example, takes FastAPI's own way: nothing but the time differs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute, APIRouter, iter_route_contexts
from starlette.convertors import Convertor
from starlette.routing import Route, compile_path
from starlette.types import Receive, Scope, Send

SEVERAL_SEGMENTS: Final = ":path}"


def add_dispatch(app: FastAPI) -> Dispatch:
    """Put the table in front of the router. Routes that are added later are found by the router."""
    app.router.middleware_stack = table = Dispatch(app.router)
    app.state.addresses = Addresses(context.path or "" for context in iter_route_contexts(app.routes))
    return table


class Addresses:
    """Which template an address belongs to, whatever the method: the most exact one."""

    def __init__(self, templates: Iterable[str]) -> None:
        known = set(templates)
        self._spelled_out = frozenset(path for path in known if "{" not in path)
        endings = {path: path.rpartition("}")[2] for path in known}
        self._endings = tuple({ending for ending in endings.values() if ending.startswith(".")})
        self._with_ending = [compile_path(path)[0] for path, ending in endings.items() if ending in self._endings]

    def belongs(self, path: str, template: str) -> bool:
        """Whether the template is meant, of those that match: not if another one spells the path out, and not if it
        ends with a parameter where another one says how the last part ends, such as ``.ics``."""
        if "{" not in template:
            return True
        if path in self._spelled_out:
            return False
        is_open = template.endswith("}") and path.endswith(self._endings)
        return not (is_open and any(pattern.match(path) for pattern in self._with_ending))


def is_meant(scope: Scope, template: str) -> bool:
    """Whether a request's address is one of this template, and not of a more exact one beside it."""
    addresses: Addresses | None = getattr(scope["app"].state, "addresses", None)
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    return addresses is None or addresses.belongs(path, template)


@dataclass(frozen=True, slots=True)
class Entry:
    """A route in the table, with what FastAPI's context finds anew each time it is asked."""

    context: Any
    route: APIRoute
    endpoint: Any
    convertors: Mapping[str, Convertor[Any]]


class Dispatch:
    """Hands a request to the route that the router would choose."""

    def __init__(self, router: APIRouter) -> None:
        self._router = router
        # None: a route of Starlette's own, such as the documentation's, which the router handles.
        self._fixed: dict[tuple[str, str], Entry | None] = {}
        self._patterns: dict[tuple[str, int], list[tuple[re.Pattern[str], Entry | None]]] = {}
        for context in iter_route_contexts(router.routes):
            if not isinstance(context.original_route, Route) or SEVERAL_SEGMENTS in (context.path or ""):
                return  # may match anything: what comes after it is the router's business
            self._add(context)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's."""
        plain = scope["type"] == "http" and not scope.get("root_path")
        found = self.find(scope) if plain else None
        if found is None:
            await self._router.app(scope, receive, send)
            return
        entry, path_params = found
        scope["router"] = self._router
        scope["route"], scope["endpoint"] = entry.route, entry.endpoint
        scope["path_params"] = path_params
        await entry.context.app(scope, receive, send)

    def _add(self, context: Any) -> None:
        route = context.original_route
        entry = None
        if isinstance(route, APIRoute):
            entry = Entry(context, route, context.endpoint, context.param_convertors)
        for method in context.methods:
            patterns = self._patterns.setdefault((method, context.path.count("/")), [])
            if "{" in context.path:
                patterns.append((context.path_regex, entry))
            elif not any(earlier.match(context.path) for earlier, _ in patterns):
                self._fixed.setdefault((method, context.path), entry)

    def find(self, scope: Scope) -> tuple[Entry, dict[str, Any]] | None:
        """The route that the router would choose and its parameters; None where the router has to say."""
        method, path = scope["method"], scope["path"]
        if (method, path) in self._fixed:
            entry = self._fixed[method, path]
            return (entry, {}) if entry is not None else None
        for pattern, entry in self._patterns.get((method, path.count("/")), ()):
            matched = pattern.match(path)
            if matched is not None:
                return (entry, _convert(entry, matched)) if entry is not None else None
        return None


def _convert(entry: Entry, matched: re.Match[str]) -> dict[str, Any]:
    return {name: entry.convertors[name].convert(text) for name, text in matched.groupdict().items()}
