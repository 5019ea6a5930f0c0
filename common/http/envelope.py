"""The envelope around every request, in pure ASGI: its id, its log line, its metrics, its headers, and the last net.

Not a BaseHTTPMiddleware: that one costs more than most endpoints and loses connections when a request is cancelled.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping, Sequence
from typing import Final

import structlog
from opentelemetry.trace import get_current_span
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.audit import Origin
from common.http.headers import INDEXED, MAX_USER_AGENT, IndexedHeaders, Network, read_client_address, read_request_id
from common.http.problems import answer_internal_error
from common.http.tracing import describe
from common.observability.context import start_context
from common.observability.logs import AccessLog
from common.observability.metrics import HttpMetrics
from common.observability.tracing import trace_ids

log = structlog.get_logger("request")

JSON_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
HEADERS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": JSON_POLICY,
    "Cross-Origin-Resource-Policy": "same-site",
}
VARY: Final = "Authorization, X-API-Key, X-Tenant-ID"
AUTHENTICATION: Final = "/api/v1/auth/"
# What is added to every answer, by where it comes from, unless the answer says something else itself.
_ANYWHERE: Final = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
_API: Final = [*_ANYWHERE, (b"cache-control", b"private"), (b"vary", VARY.encode())]
_AUTHENTICATION: Final = [*_ANYWHERE, (b"cache-control", b"no-store"), (b"vary", VARY.encode())]
_NAMES: Final = frozenset(name for name, _ in _API)
STATUS: Final = "status"  # in the request's state, as soon as the answer's headers are out
QUIET: Final = frozenset({"/health", "/readiness", "/metrics"})  # asked every few seconds: logged only when they fail


class Net:
    """Answers what nobody else has caught, inside of all that adds headers, so that this answer too gets them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception:
            # Headers that are out cannot be taken back; the server can only cut the connection.
            if scope["type"] != "http" or STATUS in scope["state"]:
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
        is_traced: bool,
    ) -> None:
        self._app = app
        self._access_log = access_log
        self._metrics = metrics
        self._templates = templates
        self._is_traced = is_traced
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
        span = get_current_span() if self._is_traced else None
        start_context(request_id=origin.request_id, **(trace_ids(span) if span is not None else {}))
        started = time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                state[STATUS] = message["status"]
                _add_headers(scope, message, origin.request_id)
                if span is not None:  # which ends with the answer's last byte
                    describe(span, scope, self._templates)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            if span is not None and STATUS not in state:
                describe(span, scope, self._templates)
            self._record(scope, state.get(STATUS, 0), time.perf_counter() - started)

    def _origin(self, scope: Scope, headers: IndexedHeaders) -> Origin:
        peer = scope["client"][0] if scope.get("client") else None
        agent = headers.get("user-agent")
        is_forwarded = headers.has(b"x-forwarded-for")
        return Origin(
            request_id=read_request_id(headers),
            ip_address=read_client_address(peer, headers, self._trusted) if is_forwarded else peer,
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
    added = _headers_for(scope["path"])
    present = _NAMES.intersection([name for name, _ in raw])  # ASGI's names are bytes in lower case
    raw.append((b"x-request-id", request_id.encode()))
    raw += [header for header in added if header[0] not in present] if present else added
    message["headers"] = raw
    if b"vary" in present and added is not _ANYWHERE:
        MutableHeaders(raw=raw).add_vary_header(VARY)


def _headers_for(path: str) -> list[tuple[bytes, bytes]]:
    if not path.startswith(("/api/", "/ofrep/")):
        return _ANYWHERE
    return _AUTHENTICATION if path.startswith(AUTHENTICATION) else _API
