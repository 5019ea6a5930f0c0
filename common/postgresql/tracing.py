"""Spans of what a unit asks of PostgreSQL, by OpenTelemetry's conventions for databases, and never a value
(https://opentelemetry.io/docs/specs/semconv/database/postgresql/).

Only what belongs to a span that is recorded gets one: a request that is not sampled, and what a process does for
itself, take the plain connection and cost nothing.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Self

from opentelemetry.trace import SpanKind, Tracer, get_current_span
from sqlalchemy import URL, Executable
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncResult
from sqlalchemy.pool import PoolProxiedConnection

from common.observability.tracing import span_of
from common.postgresql.execution import Answer, Filled, Parameters, Rows, Sink, UnitConnection

SPANS: Final = "spans"  # among an engine's execution options
MAX_TEXT: Final = 4_000  # characters of a statement: lists of ids can be as long as they like


def take_connection(engine: AsyncEngine) -> Awaitable[UnitConnection]:
    """A connection of the pool, whose statements have spans if somebody records them. See ``UnitConnection.take``."""
    spans = engine.get_execution_options().get(SPANS)
    if spans is None or not get_current_span().is_recording():
        return UnitConnection.take(engine)
    return TracedConnection.take(engine)


class Spans:
    """The spans of one server."""

    def __init__(self, tracer: Tracer, url: URL) -> None:
        self._tracer = tracer
        self._database = url.database or ""
        self._everywhere: dict[str, str | int] = {"db.system.name": "postgresql"}
        if url.host:  # else a socket
            self._everywhere |= {"server.address": url.host, "server.port": url.port or 5432}

    def wait(self) -> AbstractContextManager[None]:
        """Around the wait for a connection of the pool, opening a new one included."""
        attributes = {**self._everywhere, "db.namespace": self._database}
        return span_of(self._tracer, "wait for a connection", SpanKind.INTERNAL, attributes)

    def call(self, schema: str, operation: str, table: str = "", text: str = "") -> AbstractContextManager[None]:
        """Around one call of the server."""
        told = {"db.operation.name": operation, "db.collection.name": table, "db.query.text": text}
        attributes = {
            **self._everywhere,
            "db.namespace": f"{self._database}|{schema}",
            **{name: value for name, value in told.items() if value},
        }
        return span_of(self._tracer, f"{operation} {table}".strip(), SpanKind.CLIENT, attributes)

    def statement(self, schema: str, sql: str) -> AbstractContextManager[None]:
        """Around a statement."""
        shape = shape_of(sql)
        return self.call(schema, shape.operation, shape.table, shape.text)


class TracedConnection(UnitConnection):
    """One whose every call of the server is a span. That of a transaction's first statement has its BEGIN in it."""

    def __init__(self, engine: AsyncEngine, pooled: PoolProxiedConnection) -> None:
        super().__init__(engine, pooled)
        self._spans: Spans = engine.get_execution_options()[SPANS]

    @classmethod
    async def take(cls, engine: AsyncEngine) -> Self:
        spans: Spans = engine.get_execution_options()[SPANS]
        with spans.wait():
            return await super().take(engine)

    async def commit(self) -> None:
        with self._spans.call(self.driver.schema, "COMMIT"):
            await super().commit()

    async def stream(self, statement: Executable, *, batch: int) -> AsyncResult[Any]:
        with self._of_general(statement, None):
            return await super().stream(statement, batch=batch)

    async def copy(self, sql: str, arguments: Sequence[Any], sink: Sink, **options: str | bool) -> str:
        shape = shape_of(sql)
        with self._spans.call(self.driver.schema, "COPY", shape.table, shape.text):
            return await super().copy(sql, arguments, sink, **options)

    async def _run(self, filled: Filled) -> Rows:
        with self._spans.statement(self.driver.schema, filled.sql):
            return await super()._run(filled)

    async def _run_generally(self, statement: Executable, parameters: Parameters) -> Answer:
        with self._of_general(statement, parameters):
            return await super()._run_generally(statement, parameters)

    def _of_general(self, statement: Executable, parameters: Parameters) -> AbstractContextManager[None]:
        sets = [parameters] if isinstance(parameters, Mapping) else parameters or ({},)
        compiled, *_ = self.compile(statement, tuple(sets[0]))
        return self._spans.statement(self.driver.schema, compiled.string)


@dataclass(frozen=True, slots=True)
class Shape:
    """What may be told of a statement."""

    operation: str
    table: str  # the first one; "" if that is not easily said
    text: str


# Literals, and what only looks like parts of them: names, with and without quotes, and placeholders.
_TOKENS: Final = re.compile(
    r"""[eE]'(?:[^'\\]|\\.|'')*'
      | (?P<kept> "(?:[^"]|"")*" | \$\d+ | [^\W\d][\w$]* )
      | '(?:[^']|'')*' | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ | \d[\w.]* """,
    re.VERBOSE | re.DOTALL,
)
_INNERMOST: Final = re.compile(r"\([^()]*\)")
_OPERATION: Final = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE)\b")
_TABLE: Final = re.compile(r"\b(?:FROM|INTO|UPDATE) (?!AS\b)([\w.]+)")


@lru_cache(maxsize=1024)
def shape_of(sql: str) -> Shape:
    """What may be told of a statement: its text without any literal. Values are sent apart from it and are not in it,
    but constants of ours are, and nobody should have to look at each."""
    text = _TOKENS.sub(lambda found: found["kept"] or "?", sql)
    return Shape(*_target(text), text[:MAX_TEXT])


def _target(text: str) -> tuple[str, str]:
    flat, parts = text.replace('"', ""), 1
    while parts:  # subqueries and arguments go, and with them the parts of a WITH
        flat, parts = _INNERMOST.subn("", flat)
    flat = " ".join(flat.split())
    operation = _OPERATION.search(flat)
    if operation is None:
        return flat.partition(" ")[0].upper() or "UNKNOWN", ""
    if operation[1] == "SELECT" and operation.start():  # perhaps from a part of its WITH
        return operation[1], ""
    table = _TABLE.search(flat, operation.start())
    return operation[1], table[1] if table else ""
