"""The span of each request, by FastAPI's own hook: what it is given, and what only the service knows.

The hook stands around everything else, so the short ways to a route (decision 18) stay short. It would hear from its
router which route was chosen, and is told here instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fastapi.telemetry import TelemetryConfig
from opentelemetry.trace import Span
from starlette.types import Scope

from common.observability.context import bound_values
from common.observability.metrics import METHODS
from common.observability.tracing import Tracing

PROBES: Final = frozenset({"/health", "/readiness", "/metrics"})


def telemetry_of(tracing: Tracing) -> TelemetryConfig:
    """FastAPI's ``telemetry``: spans of requests, if there are traces, and never anything else. Its logs would have the
    text of exceptions, and what somebody sets globally would have addresses with their secrets."""
    return {
        "tracer_provider": tracing.provider,
        "tracing": tracing.is_on,
        "metrics": False,
        "logs": False,
        "operation_spans": False,
        "auto_configure": False,
        "exclude": lambda scope: scope["path"] in PROBES,
    }


def describe(span: Span, scope: Scope, templates: Mapping[object, str]) -> None:
    """Have a request's span say what its line of the log says: the route's template, never the path; the request id,
    and the tenant as soon as it is known."""
    if not span.is_recording():
        return
    bound = bound_values()
    told = {"request.id": bound.get("request_id"), "tenant.id": bound.get("tenant")}
    route = templates.get(scope.get("endpoint"))
    if route is not None:
        told["http.route"] = route
        method = scope["method"] if scope["method"] in METHODS else "HTTP"
        span.update_name(f"{method} {route}")
    span.set_attributes({name: value for name, value in told.items() if value is not None})
