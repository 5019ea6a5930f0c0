"""Requests whose route can be called directly go there from here, past Starlette's and FastAPI's layers.

Those layers ask, for each request, what is known at the start: whether there are forms, background tasks, exit stacks,
handlers of errors. Whatever cannot be called directly takes the long way, and arrives at the same place.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from common.errors import ServiceError
from common.http.direct import Handler, direct_handler
from common.http.dispatch import Dispatch
from common.http.headers import INDEXED, IndexedHeaders

Handlers = Mapping[Any, Callable[[Request, Any], Response | Awaitable[Response]]]


class VisitRequest(Request):
    """A request whose headers were read already."""

    @property
    def headers(self) -> IndexedHeaders:
        """The same headers, found by name instead of by looking through them all."""
        found: IndexedHeaders = self.scope["state"][INDEXED]
        return found

    async def body(self) -> bytes:
        """The whole body, which is one message as a rule: two generators less than Starlette's own."""
        if hasattr(self, "_body") or self._stream_consumed:
            return await super().body()
        parts, more = list[bytes](), True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._is_disconnected = True
                raise ClientDisconnect
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        self._stream_consumed, self._body = True, b"".join(parts)
        return self._body


class Shortcut:
    """Calls routes directly, in front of ``app``, which is everything else."""

    def __init__(self, app: ASGIApp, *, service: FastAPI, dispatch: Dispatch) -> None:
        self._app = app
        self._service = service
        self._dispatch = dispatch
        self._handlers: Handlers = service.exception_handlers
        self._direct: dict[int, Handler | None] = {}  # by the route's identity: made when first asked for

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's."""
        plain = scope["type"] == "http" and not scope.get("root_path")
        found = self._dispatch.find(scope) if plain else None
        act = self._act(found[0].route) if found else None
        if found is None or act is None:
            await self._app(scope, receive, send)
            return
        entry, scope["path_params"] = found
        scope["app"], scope["router"] = self._service, self._service.router
        scope["route"], scope["endpoint"] = entry.route, entry.endpoint
        request = VisitRequest(scope, receive)
        try:
            response = await act(request)
        except Exception as error:
            response = await self._answer(request, error)
        try:
            await response(scope, receive, send)
        except ServiceError as error:  # of an answer that is made while it is sent, before its first byte
            await (await self._answer(request, error))(scope, receive, send)

    def _act(self, route: APIRoute) -> Handler | None:
        key = id(route)
        if key not in self._direct:
            handle = direct_handler(route)
            around = getattr(route, "around", None)  # what routes of ours put around their handler
            self._direct[key] = around(handle) if handle is not None and around is not None else handle
        return self._direct[key]

    async def _answer(self, request: Request, error: Exception) -> Response:
        """What the nearest handler makes of an error. Raises it again if there is none."""
        handler = next((self._handlers[kind] for kind in type(error).__mro__ if kind in self._handlers), None)
        if handler is None:
            raise error
        response = handler(request, error)
        return await response if inspect.isawaitable(response) else response
