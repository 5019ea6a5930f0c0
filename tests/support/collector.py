"""A collector of traces, as the service knows one: OTLP over HTTP, read with the protocol's own messages."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, cast

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

PATIENCE: Final = 20.0  # seconds until a span must have arrived
SOON: Final = {"OTEL_BSP_SCHEDULE_DELAY": "50"}  # milliseconds between two exports, instead of five seconds


@dataclass(frozen=True)
class Seen:
    """A span that was received."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: Mapping[str, Any]
    is_error: bool
    message: str
    events: int
    resource: Mapping[str, Any]


class Collector:
    """What arrives, and whether anything is answered: while ``gate`` is closed, nothing is."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.asked = threading.Event()
        self.bodies: list[bytes] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"collector": self}))
        self._server.block_on_close = False  # a handler may hang as long as the test wants it to
        self._server.daemon_threads = True

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def spans(self) -> list[Seen]:
        """Everything that has arrived."""
        return [span for body in list(self.bodies) for span in _read(body)]

    async def trace(self, trace_id: str, parent_id: str) -> list[Seen]:
        """The spans of a trace that began elsewhere, the outermost first, as soon as that has arrived: it ends last."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = [span for span in self.spans if span.trace_id == trace_id]
            for outermost in found:
                if outermost.parent_id == parent_id:
                    return [outermost, *(span for span in found if span is not outermost)]
            await asyncio.sleep(0.02)
        raise AssertionError(f"trace {trace_id} has not arrived")

    @contextmanager
    def running(self) -> Iterator[Collector]:
        """Listen."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            self.gate.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    collector: Collector
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Take a batch."""
        body = self.rfile.read(int(self.headers["content-length"]))
        self.collector.asked.set()
        self.collector.gate.wait()
        is_ours = self.path == "/v1/traces" and self.headers["content-type"] == "application/x-protobuf"
        if is_ours:
            self.collector.bodies.append(body)
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200 if is_ours else 400)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


def _read(body: bytes) -> Iterator[Seen]:
    for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans:
        resource = _values(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield Seen(
                    span.name,
                    trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    _values(span.attributes),
                    span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
                    span.status.message,
                    len(span.events),
                    resource,
                )


def _values(items: Any) -> dict[str, Any]:
    return {item.key: _value(item) for item in cast("list[KeyValue]", items)}


def _value(item: KeyValue) -> Any:
    kind = item.value.WhichOneof("value")
    return getattr(item.value, kind) if kind else None
