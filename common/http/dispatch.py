"""The short way from a path to its route.

FastAPI keeps included routers as a tree: for each request it asks every branch whether anything was added since, and
tries one pattern after the other, which is a quarter of a cheap request with 80 routes and more with each. Here the
routes lie in a table by method and path, those with parameters by method and number of slashes, in FastAPI's order.
What is not found there, a wrong method for example, takes FastAPI's own way: nothing but the time differs.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute, APIRouter, iter_route_contexts
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

SEVERAL_SEGMENTS: Final = ":path}"
TELEMETRY: Final = "fastapi.telemetry"  # set by FastAPI's OpenTelemetry hook, which its router tells what it chose


def add_dispatch(app: FastAPI) -> Dispatch:
    """Put the table in front of the router. Routes that are added later are found by the router."""
    app.router.middleware_stack = table = Dispatch(app.router)
    return table


class Dispatch:
    """Hands a request to the route that the router would choose."""

    def __init__(self, router: APIRouter) -> None:
        self._router = router
        self._fixed: dict[tuple[str, str], Any] = {}
        self._patterns: dict[tuple[str, int], list[Any]] = {}
        for context in iter_route_contexts(router.routes):
            if not isinstance(context.original_route, Route) or SEVERAL_SEGMENTS in (context.path or ""):
                return  # may match anything: what comes after it is the router's business
            self._add(context)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's."""
        plain = scope["type"] == "http" and not scope.get("root_path") and scope.get(TELEMETRY) is None
        found = self.find(scope) if plain else None
        if found is None:
            await self._router.app(scope, receive, send)
            return
        context, path_params = found
        scope["router"] = self._router
        scope["route"], scope["endpoint"] = context.original_route, context.endpoint
        scope["path_params"] = path_params
        await context.app(scope, receive, send)

    def _add(self, context: Any) -> None:
        for method in context.methods:
            patterns = self._patterns.setdefault((method, context.path.count("/")), [])
            if "{" in context.path:
                patterns.append(context)
            elif not any(earlier.path_regex.match(context.path) for earlier in patterns):
                self._fixed.setdefault((method, context.path), context)

    def find(self, scope: Scope) -> tuple[Any, dict[str, Any]] | None:
        """The route that the router would choose and its parameters; None where the router has to say."""
        method, path = scope["method"], scope["path"]
        context, path_params = self._fixed.get((method, path)), {}
        if context is None:
            for context in self._patterns.get((method, path.count("/")), ()):
                # What a context's own ``matches`` does for its method, without asking for that again.
                found = context.path_regex.match(path)
                if found is not None:
                    convert = context.param_convertors
                    path_params = {name: convert[name].convert(text) for name, text in found.groupdict().items()}
                    break
            else:
                return None
        # A route of Starlette's own, such as the documentation's, is handled by the router.
        return (context, path_params) if isinstance(context.original_route, APIRoute) else None
