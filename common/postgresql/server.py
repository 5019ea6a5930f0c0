"""The pools of one process on one PostgreSQL server."""

from __future__ import annotations

import time
from functools import cached_property
from typing import Any, Final
from zlib import crc32

import pydantic_core
from opentelemetry.trace import Tracer
from sqlalchemy import event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry

from common.config import Config
from common.observability.counts import POOL_WAIT
from common.postgresql.connection import PATIENCE, ScopedConnection, UnpreparedConnection
from common.postgresql.tracing import SPANS, Spans

PREPARED_STATEMENTS: Final = 512  # per connection; SQL text is free of tenant names, so this holds every one we have
PREPARED: Final = {
    "connection_class": ScopedConnection,
    "prepared_statement_cache_size": PREPARED_STATEMENTS,
}
UNPREPARED: Final = {
    "connection_class": UnpreparedConnection,
    "prepared_statement_cache_size": 0,  # SQLAlchemy's
    "statement_cache_size": 0,  # asyncpg's
}


class Server:
    """One PostgreSQL server, with a pool for requests and one for exports."""

    def __init__(self, config: Config, url: str, tracer: Tracer | None = None) -> None:
        self._config = config
        self._url = url
        self._spans = {SPANS: Spans(tracer, make_url(url))} if tracer is not None else {}
        self.retired = 0
        """How many connections were closed because they had served many tenants."""
        count = config.database_subpools
        self.engines = [self._make_engine(-(-config.database_pool_size // count)) for _ in range(count)]

    @property
    def engine(self) -> AsyncEngine:
        """The pool of requests that are no tenant's; without ``DATABASE_SUBPOOLS``, that of all."""
        return self.engines[0]

    def engine_for(self, schema: str) -> AsyncEngine:
        """The pool that serves this schema: the same in every process, so that a backend of PostgreSQL sees only its
        share of the tenants."""
        return self.engines[crc32(schema.encode()) % len(self.engines)]

    @cached_property
    def export_engine(self) -> AsyncEngine:
        """The pool of exports, apart from that of requests: each takes as long as its reader, and nobody else is to
        wait for it."""
        return self._make_engine(self._config.export_pool_size)

    def pool_state(self) -> dict[str, int]:
        """Connections for requests by state."""
        total = {"in_use": 0, "idle": 0, "limit": 0}
        for engine in self.engines:
            pool = engine.pool
            assert isinstance(pool, AsyncAdaptedQueuePool)
            total["in_use"] += pool.checkedout()
            total["idle"] += pool.checkedin()
            total["limit"] += pool.size()
        return total

    async def close(self) -> None:
        """Close every connection."""
        for engine in self.engines:
            await engine.dispose()
        if "export_engine" in self.__dict__:  # made by the first export
            await self.export_engine.dispose()

    def _make_engine(self, pool_size: int) -> AsyncEngine:
        config = self._config
        engine = create_async_engine(
            self._url,
            echo=config.sql_echo,
            execution_options=self._spans,
            json_deserializer=pydantic_core.from_json,  # a third of what json.loads takes
            hide_parameters=True,  # they hold password hashes, and errors and the echo go to the log
            poolclass=_TimedPool,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=config.database_pool_timeout,
            pool_recycle=config.database_pool_recycle,
            pool_use_lifo=True,  # keeps few connections hot; no pre-ping, which would cost three round trips
            connect_args={
                **(PREPARED if config.database_prepared_statements else UNPREPARED),
                "timeout": config.database_connect_timeout,
                # A frozen server sends nothing: the client's own clock ends the wait, just after the server's would.
                "command_timeout": config.database_statement_timeout + PATIENCE,
            },
        )
        if config.database_connection_tenants:
            event.listen(engine.pool, "checkin", self._retire)
        return engine

    def _retire(self, connection: Any, record: ConnectionPoolEntry) -> None:
        """Have a connection that has served enough tenants closed: its backend keeps what it has learnt of each one's
        tables for as long as it lives. The pool closes it, and opens another, when somebody wants it next."""
        if connection is None:  # it has broken meanwhile
            return
        if len(connection.driver_connection.schemas) >= self._config.database_connection_tenants:
            record.invalidate(soft=True)
            self.retired += 1


class _TimedPool(AsyncAdaptedQueuePool):
    """A pool that tells how long it takes to give a connection, opening a new one included."""

    def _do_get(self) -> ConnectionPoolEntry:
        began = time.perf_counter()
        try:
            return super()._do_get()
        finally:
            POOL_WAIT.observe(time.perf_counter() - began)
