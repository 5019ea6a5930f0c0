"""HEAD wherever there is GET (RFC 9110 section 9.3.2): the same headers, no body."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Head:
    """Hands a HEAD request on as the GET that it stands for, and keeps the body back.

    The answer ends with its headers: what streams a body hears, as of a client that hung up, that nobody wants it. A
    ``Range`` means nothing here (RFC 9110 section 14.2): who looks for one asks the state for ``is_head``.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                scope["endpoint"] = inner.get("endpoint")  # by which the request is counted and its span is named
                await send(message)
                await send({"type": "http.response.body"})

        # A copy: the server looks at its own scope to know that no body will follow.
        scope.setdefault("state", {})["is_head"] = True
        inner = {**scope, "method": "GET"}
        try:
            await self._app(inner, receive, send_headers)
        finally:
            scope["endpoint"] = inner.get("endpoint")


def with_head(methods: set[str]) -> set[str]:
    """The methods of an address whose routes have these."""
    return methods | {"HEAD"} if "GET" in methods else methods
