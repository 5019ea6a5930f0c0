"""Everything that stands around the routes, in its order: pure ASGI only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from prometheus_client import CollectorRegistry
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp

from common.config import Config
from common.http.body_limit import BodyLimit, Patience
from common.http.dispatch import add_dispatch
from common.http.envelope import Envelope, Net
from common.http.head import Head
from common.http.shortcut import Shortcut
from common.observability.logs import AccessLog
from common.observability.metrics import HttpMetrics

EXPOSED_HEADERS: Final = (
    "Accept-Ranges",
    "Content-Disposition",
    "Content-Range",
    "ETag",
    "Idempotency-Replayed",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Request-ID",
)
ALLOWED_HEADERS: Final = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "If-Range",
    "Range",
    "X-API-Key",
    "X-Request-ID",
    "X-Tenant-ID",
)


def build_stack(
    app: FastAPI, config: Config, registry: CollectorRegistry, *, larger: Mapping[str, int], is_traced: bool
) -> ASGIApp:
    """The layers around an application whose routes are all there; what is made last stands outermost.

    ``larger`` has the limits in bytes of the paths whose bodies may be larger than others.
    """
    dispatch = add_dispatch(app)
    stack: ASGIApp = app.build_middleware_stack()
    # Starlette's own answer to a defect has not our headers and form: Net's has.
    inner = stack.app if isinstance(stack, ServerErrorMiddleware) else stack
    stack = BodyLimit(
        Net(Shortcut(inner, service=app, dispatch=dispatch)),
        limit=config.max_body_bytes,
        larger=larger,
        patience=Patience(config.body_stall_seconds, config.body_bytes_per_second),
    )
    if config.cors_origins:
        stack = _with_cors(stack, config)
    templates: dict[object, str] = {route.endpoint: route.path or "" for route in iter_route_contexts(app.routes)}
    return Envelope(
        Head(stack),
        metrics=HttpMetrics(registry),
        access_log=AccessLog(config),
        templates=templates,
        trusted_proxies=config.trusted_proxies,
        is_traced=is_traced,
    )


def _with_cors(stack: ASGIApp, config: Config) -> ASGIApp:
    return CORSMiddleware(
        stack,
        allow_origins=list(config.cors_origins),
        allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=list(ALLOWED_HEADERS),
        expose_headers=list(EXPOSED_HEADERS),
        max_age=600,
    )
