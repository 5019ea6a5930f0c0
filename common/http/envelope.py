"""The envelope around every request, in pure ASGI: its id, its log line, its metrics, its headers, and the last net.

Not a BaseHTTPMiddleware: that one costs more than most endpoints and loses connections when a request is cancelled.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping, Sequence
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.audit import Origin
from common.http.headers import INDEXED, MAX_USER_AGENT, IndexedHeaders, Network, read_client_address, read_request_id
from common.http.problems import answer_internal_error
from common.observability.context import start_context
from common.observability.logs import AccessLog
from common.observability.metrics import HttpMetrics

log = structlog.get_logger("request")

JSON_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
HEADERS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": JSON_POLICY,
    "Cross-Origin-Resource-Policy": "same-site",
}
_HEADERS: Final = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
_HEADER_NAMES: Final = frozenset(name for name, _ in _HEADERS)
VARY: Final = "Authorization, X-API-Key, X-Tenant-ID"
_VARY: Final = (b"vary", VARY.encode())
QUIET: Final = frozenset({"/health", "/readiness", "/metrics"})  # asked every few seconds: logged only when they fail


class Net:
    """Answers what nobody else has caught, inside of all that adds headers, so that this answer too gets them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        except Exception:
            if scope["type"] != "http" or started:  # headers are out; the server can only cut the connection
                raise
            log.exception("request_failed", method=scope["method"])
            await answer_internal_error(Request(scope))(scope, receive, send)


class Envelope:
    """Outermost of our middleware: every answer passes it, whoever made it."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: HttpMetrics,
        access_log: AccessLog,
        templates: Mapping[object, str],
        trusted_proxies: Sequence[str],
    ) -> None:
        self._app = app
        self._access_log = access_log
        self._metrics = metrics
        self._templates = templates
        self._trusted: list[Network] = [ipaddress.ip_network(text) for text in trusted_proxies]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._handle(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = IndexedHeaders(scope["headers"])
        origin = self._origin(scope, headers)
        state = scope.setdefault("state", {})
        state["request_id"], state["origin"], state[INDEXED] = origin.request_id, origin, headers
        start_context(request_id=origin.request_id)
        started = time.perf_counter()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(scope, message, origin.request_id)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            self._record(scope, status, time.perf_counter() - started)

    def _origin(self, scope: Scope, headers: Headers) -> Origin:
        peer = scope["client"][0] if scope.get("client") else None
        agent = headers.get("user-agent")
        return Origin(
            request_id=read_request_id(headers),
            ip_address=read_client_address(peer, headers, self._trusted),
            user_agent=agent[:MAX_USER_AGENT] if agent else None,
        )

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = self._templates.get(scope.get("endpoint"), "unmatched")
        self._metrics.observe(scope["method"], route, status, seconds)
        if status >= 500 or route not in QUIET:
            self._access_log(scope["method"], route, status, seconds)


def _add_headers(scope: Scope, message: Message, request_id: str) -> None:
    raw: list[tuple[bytes, bytes]] = list(message.get("headers", ()))
    said = scope["state"].get("answer_headers")
    if said:
        raw = [header for header in raw if header[0].decode("latin-1") not in {name.lower() for name in said}]
        raw += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in said.items()]
    # Looked up once, not once for each header that is added: ASGI's names are bytes in lower case.
    present = {name for name, _ in raw}
    raw.append((b"x-request-id", request_id.encode()))
    raw += _HEADERS if present.isdisjoint(_HEADER_NAMES) else [one for one in _HEADERS if one[0] not in present]
    message["headers"] = raw
    path: str = scope["path"]
    if path.startswith(("/api/", "/ofrep/")):
        if b"cache-control" not in present:
            raw.append((b"cache-control", b"no-store" if path.startswith("/api/v1/auth/") else b"private"))
        if b"vary" in present:
            MutableHeaders(raw=raw).add_vary_header(VARY)
        else:
            raw.append(_VARY)
