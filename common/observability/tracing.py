"""Traces by OpenTelemetry, sent by OTLP over HTTP to the collector that the configuration names, if any (decision 42).

This file knows the API alone, which FastAPI brings. The SDK, which makes and sends the spans, is an extra and is loaded
where traces are made. Nothing here is global: an application's traces are its own.
"""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, TracerProvider
from opentelemetry.util.types import Attributes

from common.config import Config, ConfigError

CLOSE_SECONDS: Final = 3.0  # for what is not sent yet; a collector that hangs takes no more of a stop
MISSING: Final = (
    "OTEL_EXPORTER_OTLP_ENDPOINT: traces need the packages opentelemetry-sdk and "
    "opentelemetry-exporter-otlp-proto-http (the extra `tracing`), which are not installed"
)
# What a request's span may say from its beginning. Not the path, the query and the host, which FastAPI would add: links
# carry their secret in the path or the query, and all three are the client's own words.
TOLD: Final = frozenset({"http.request.method", "url.scheme", "network.protocol.version"})

log = structlog.get_logger("tracing")


class Tracing:
    """What makes the spans of one application, if any are made."""

    def __init__(self, sdk: Any, service: str = "", version: str = "") -> None:
        self._sdk = sdk
        self.is_on = sdk is not None
        self.provider: TracerProvider | None = DiscreetProvider(sdk) if sdk is not None else None
        """For FastAPI's own hook."""
        self.tracer: Tracer | None = sdk.get_tracer(service, version) if sdk is not None else None
        """For ours."""

    async def close(self) -> None:
        """Send what is left, and wait no longer than a stop may take."""
        if not self.is_on:
            return
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def shut_down() -> None:
            self._sdk.shutdown()
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(done.set)

        # Not a thread of a pool: the interpreter would wait for it, and with it for the collector, before it ends.
        threading.Thread(target=shut_down, name="traces", daemon=True).start()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await done.wait()
        except TimeoutError:
            log.warning("traces_abandoned", seconds=CLOSE_SECONDS)


NO_TRACES: Final = Tracing(None)


def start_tracing(config: Config, service: str, version: str) -> Tracing:
    """What the configuration asks for. Raises ConfigError without the packages."""
    endpoint = config.traces_endpoint
    if endpoint is None:
        return NO_TRACES
    try:
        traces, export, resources, otlp = map(importlib.import_module, _SDK)
    except ImportError:
        raise ConfigError([MISSING]) from None
    said = resources.OTELResourceDetector().detect().attributes  # OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES
    ours = {
        "service.name": service,
        "service.version": version,
        "deployment.environment.name": config.environment,
    }
    try:
        exporter = otlp.OTLPSpanExporter(endpoint=endpoint)
        sdk = traces.TracerProvider(resource=resources.Resource.create({**ours, **said}), shutdown_on_exit=False)
        sdk.add_span_processor(export.BatchSpanProcessor(exporter))
    except ValueError as error:  # of a variable that the SDK reads, which does not say which
        raise ConfigError([f"OTEL_: {error}"]) from None
    return Tracing(sdk, service, version)


_SDK: Final = (
    "opentelemetry.sdk.trace",
    "opentelemetry.sdk.trace.export",
    "opentelemetry.sdk.resources",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
)


class DiscreetProvider(TracerProvider):
    """A provider whose spans begin with nothing but what is ``TOLD``."""

    def __init__(self, sdk: TracerProvider) -> None:
        self._sdk = sdk

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> Tracer:
        """The SDK's, made discreet."""
        return _DiscreetTracer(
            self._sdk.get_tracer(instrumenting_module_name, instrumenting_library_version, schema_url, attributes)
        )


class _DiscreetTracer(Tracer):
    def __init__(self, sdk: Tracer) -> None:
        self._sdk = sdk

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        *args: Any,
        **options: Any,
    ) -> Span:
        told = {key: value for key, value in (attributes or {}).items() if key in TOLD}
        return self._sdk.start_span(name, context, kind, told, *args, **options)

    def start_as_current_span(self, name: str, *args: Any, end_on_exit: bool = True, **options: Any) -> Any:
        span = self.start_span(name, *args, **options)
        return trace.use_span(span, end_on_exit, record_exception=False, set_status_on_exception=False)


@contextmanager
def span_of(
    tracer: Tracer,
    name: str,
    kind: SpanKind,
    attributes: Mapping[str, str | int],
    context: Context | None = None,
) -> Iterator[None]:
    """A span around something. Of an error it keeps what kind it is, never its text, which has values in it."""
    with tracer.start_as_current_span(
        name,
        context,
        kind,
        attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield
        except BaseException as error:
            mark_failed(span, error)
            raise


def mark_failed(span: Span, error: BaseException) -> None:
    """Have a span say that it failed, and by what: PostgreSQL's own code of an error, or the name of its class."""
    state: str | None = getattr(getattr(error, "orig", None) or error, "sqlstate", None)
    span.set_attribute("error.type", state or type(error).__qualname__)
    span.set_status(StatusCode.ERROR)


def trace_ids(span: Span) -> dict[str, str]:
    """What lines of the log say to be found from the trace, and the trace from them; nothing without one."""
    context = span.get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": trace.format_trace_id(context.trace_id), "span_id": trace.format_span_id(context.span_id)}
