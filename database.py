"""PostgreSQL: the pool, the tenant transaction, and the three units of work.

A transaction belongs to one tenant, and the database enforces it. The login role owns nothing and inherits nothing, so
a statement outside a unit gets *permission denied*. A unit's transaction opens with one message::

    BEGIN; SET LOCAL search_path TO tenant_x; SET LOCAL ROLE tenant_x; ...

after which it can see that tenant's tables and no others. ``SET LOCAL`` ends with the transaction, so nothing of it
stays on a pooled connection, and PgBouncer in transaction mode may stand in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import structlog
from sqlalchemy import CursorResult, Executable, bindparam, func, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from common.audit import ANONYMOUS, Actor, Change, Origin, Outcome, Target, entry
from common.config import Config
from common.errors import Conflict, DatabaseUnavailable, Overloaded, ServiceError, UnknownReference, Unprocessable
from common.ids import TenantName

log = structlog.get_logger("database")

SYSTEM_SCHEMA: Final = "system"
SYSTEM_ROLE: Final = "system_service"  # may read and write the system schema; the login role may become it
PREPARED_STATEMENTS = 512  # per connection; SQL text is free of tenant names, so this holds every statement we have


class ScopedConnection(asyncpg.Connection):  # type: ignore[misc] # asyncpg ships no types
    """An asyncpg connection that sends a unit's ``SET LOCAL`` statements in the same message as ``BEGIN``.

    Sent apart they would cost a round trip each. asyncpg starts a transaction with ``execute("BEGIN ...;")``, a simple
    query without arguments, to which more statements may be appended.
    """

    opening: str | None = None

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:  # noqa: ASYNC109 - asyncpg's
        if self.opening is None or not query.startswith("BEGIN"):
            return str(await super().execute(query, *args, timeout=timeout))
        statements, self.opening = f"{query} {self.opening}", None
        try:
            return str(await super().execute(statements, timeout=timeout))
        except BaseException:
            # The transaction may be open, failed, or half scoped. Nobody may meet this connection again.
            self.terminate()
            raise


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant as the registry knows it."""

    name: TenantName
    role: str
    status: str
    revision: str


@dataclass(frozen=True, slots=True)
class Scope:
    """What a transaction may see: a schema, and the role whose rights it has."""

    schema: str
    role: str

    def opening(self, *, read_only: bool, timeout_ms: int) -> str:
        """The statements that follow BEGIN. Schema and role come from the registry; quoting is the second lock."""
        statements = [
            f"SET LOCAL search_path TO {quote_identifier(self.schema)}, pg_temp",
            f"SET LOCAL statement_timeout TO {timeout_ms}",
            f"SET LOCAL ROLE {quote_identifier(self.role)}",
        ]
        if read_only:
            statements.insert(0, "SET TRANSACTION READ ONLY")
        return "; ".join(statements)


SYSTEM_SCOPE = Scope(SYSTEM_SCHEMA, SYSTEM_ROLE)


class ReadUnit:
    """A read-only transaction, opened by its first statement: three round trips with ``BEGIN`` and ``COMMIT``."""

    read_only = True

    def __init__(self, engine: AsyncEngine, scope: Scope, timeout_ms: int) -> None:
        self.commit_sent = False  # from then on nobody but the database knows whether the change is there
        self._engine = engine
        self._opening = scope.opening(read_only=self.read_only, timeout_ms=timeout_ms)
        self._connection: AsyncConnection | None = None

    async def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        """Run one statement in this unit's transaction."""
        if self._connection is not None:
            return await self._connection.execute(statement, parameters)
        try:
            return await (await self._connect()).execute(statement, parameters)
        except DBAPIError as error:
            # A pooled connection that died while nobody used it is noticed here. Nothing is lost by beginning anew, and
            # one restart of the server empties the whole pool.
            if not error.connection_invalidated:
                raise
            await self.close()
        return await (await self._connect()).execute(statement, parameters)

    async def commit(self) -> None:
        """End the transaction; the unit can be used for another."""
        if self._connection is not None:
            self.commit_sent = not self.read_only
            await self._connection.commit()
            await self.close()

    async def close(self) -> None:
        """Give the connection back, rolling back what was not committed. Harmless when there is none."""
        connection, self._connection = self._connection, None
        if connection is not None:
            # Shielded: a cancelled request must still return its connection to the pool.
            await asyncio.shield(connection.close())

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if kind is None:
                await self.commit()
        finally:
            await self.close()

    async def _connect(self) -> AsyncConnection:
        try:
            connection = await self._engine.connect()
        except PoolTimeoutError:
            raise Overloaded("All database connections are busy. Try again.") from None
        try:
            raw = await connection.get_raw_connection()
            driver = raw.driver_connection
            assert isinstance(driver, ScopedConnection)
            driver.opening = self._opening
        except BaseException:
            await connection.close()
            raise
        self._connection = connection
        return connection


class WriteUnit(ReadUnit):
    """A transaction that changes a tenant's data. Its audit entries commit with the change, or neither does."""

    read_only = False

    def __init__(
        self, engine: AsyncEngine, scope: Scope, timeout_ms: int, *, actor: Actor = ANONYMOUS, origin: Origin
    ) -> None:
        super().__init__(engine, scope, timeout_ms)
        self.actor = actor
        self.origin = origin
        self._entries: list[dict[str, Any]] = []
        self._effects: list[Callable[[], None]] = []
        self._changed = False

    async def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        self._changed = self._changed or bool(getattr(statement, "is_dml", False))
        return await super().execute(statement, parameters)

    def audit(
        self,
        action: str,
        *,
        target: Target | None = None,
        changes: Sequence[Change] = (),
        outcome: Outcome = "success",
        actor: Actor | None = None,
    ) -> None:
        """Note what is being done. ``actor`` overrides the unit's own: a login makes somebody of nobody."""
        self._entries.append(
            entry(
                action,
                actor=actor or self.actor,
                origin=self.origin,
                target=target,
                changes=changes,
                outcome=outcome,
            )
        )

    def after_commit(self, effect: Callable[[], None]) -> None:
        """Have a process-local effect happen once the change is durable, and never if it is not."""
        self._effects.append(effect)

    async def commit(self) -> None:
        """Write the audit entries in one statement, COMMIT, then run the effects."""
        if self._changed and not self._entries:
            raise RuntimeError("a change without an audit entry must not be committed")
        if self._entries:
            await super().execute(_APPEND_AUDIT, {"entries": self._entries})
            self._entries = []
        await super().commit()
        self._changed = False
        effects, self._effects = self._effects, []
        for effect in effects:
            effect()


_APPEND_AUDIT = select(func.audit_append(bindparam("entries", type_=JSONB)))


class SystemUnit:
    """A transaction on the system schema. Deliberately not a ReadUnit: no tenant function accepts it."""

    def __init__(self, engine: AsyncEngine, timeout_ms: int, *, read_only: bool = True) -> None:
        self._unit = _SystemReadUnit(engine, SYSTEM_SCOPE, timeout_ms)
        if not read_only:
            self._unit = _SystemWriteUnit(engine, SYSTEM_SCOPE, timeout_ms)

    async def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        """Run one statement in this unit's transaction."""
        return await self._unit.execute(statement, parameters)

    async def commit(self) -> None:
        """End the transaction."""
        await self._unit.commit()

    async def __aenter__(self) -> SystemUnit:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        await self._unit.__aexit__(kind, error, trace)


class _SystemReadUnit(ReadUnit):
    pass


class _SystemWriteUnit(_SystemReadUnit):
    read_only = False


# -- Errors ---------------------------------------------------------------------------------------------------------

DATABASE_ERRORS: Final = (DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)

LOST_RACES: Final = {"40001", "40P01"}  # serialization_failure, deadlock_detected
GONE: Final = {"57P01", "57P02", "57P03", "53300", "25006"}  # shutting down, starting, full, read-only
# No such role, password, database, schema or table: it has not been prepared yet, or not for this version.
UNPREPARED: Final = {"22023", "28P01", "28000", "3D000", "3F000", "42P01"}
TIMEOUTS: Final = {"57014", "55P03"}  # of a statement, of a lock
UNSTORABLE: Final = {"22021", "22P05", "22003", "22008", "23514", "22001"}  # NUL, surrogate, out of range, CHECK


def may_retry(error: Exception, unit: ReadUnit) -> bool:
    """Whether running the unit's transaction again is safe and may help.

    A lost race was rolled back, so always. After a broken connection only if COMMIT had not been sent: what is not
    committed is gone, but a COMMIT without an answer may have arrived.
    """
    if _sqlstate(error) in LOST_RACES or isinstance(_driver_error(error), asyncpg.InvalidCachedStatementError):
        return True
    return not unit.commit_sent and isinstance(translate(error, {}), DatabaseUnavailable)


def translate(error: Exception, constraints: Mapping[str, type[ServiceError]]) -> ServiceError | None:
    """What a database error means to the caller; None when it is a defect of ours.

    ``constraints`` says which rule a named constraint stands for: rules are enforced by the database, and their
    violation is translated here, once.
    """
    state = _sqlstate(error)
    if state is None or state in GONE or state.startswith("08"):
        return DatabaseUnavailable() if _is_connection_trouble(error) else None
    if state in UNPREPARED:
        log.error("database_not_prepared", sqlstate=state)
        return DatabaseUnavailable("The database is being prepared. Try again.")
    if state in {"23505", "23503"}:
        return _broken_rule(error, state, constraints)
    if state in UNSTORABLE or isinstance(_driver_error(error).__cause__, OverflowError):  # the driver cannot encode it
        return Unprocessable("A value cannot be stored: it is out of range or has characters that no text may have.")
    if state in LOST_RACES:
        return Conflict("Somebody changed the same records at the same moment. Try again.")
    return Overloaded("The database took too long. Try again.") if state in TIMEOUTS else None


def _broken_rule(error: Exception, state: str, constraints: Mapping[str, type[ServiceError]]) -> ServiceError:
    name = getattr(_driver_error(error), "constraint_name", None) or ""
    if name in constraints:
        return constraints[name]()
    return Conflict() if state == "23505" else UnknownReference()


def _is_connection_trouble(error: Exception) -> bool:
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _sqlstate(error) is not None or isinstance(error, InterfaceError)
    return True


def _driver_error(error: Exception) -> BaseException:
    """asyncpg's own exception, below SQLAlchemy's two wrappers."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return error.orig.__cause__ or error.orig
    return error


def _sqlstate(error: Exception) -> str | None:
    return getattr(_driver_error(error), "sqlstate", None)


class Database:
    """The pool of one process, and the only maker of units."""

    def __init__(self, config: Config, url: str) -> None:
        self._timeout_ms = int(config.database_statement_timeout * 1000)
        self.engine = create_async_engine(
            url,
            echo=config.sql_echo,
            hide_parameters=True,  # they hold password hashes, and errors and the echo go to the log
            pool_size=config.database_pool_size,
            max_overflow=0,
            pool_timeout=config.database_pool_timeout,
            pool_recycle=config.database_pool_recycle,
            pool_use_lifo=True,  # keeps few connections hot; no pre-ping, which would cost three round trips
            connect_args={
                "connection_class": ScopedConnection,
                "prepared_statement_cache_size": PREPARED_STATEMENTS,
                "timeout": config.database_connect_timeout,
                # A frozen server sends nothing: the client's own clock ends the wait, just after the server's would.
                "command_timeout": config.database_statement_timeout + 1,
            },
        )

    def read(self, tenant: Tenant) -> ReadUnit:
        """A read-only unit of one tenant."""
        return ReadUnit(self.engine, _scope(tenant), self._timeout_ms)

    def write(self, tenant: Tenant, *, actor: Actor = ANONYMOUS, origin: Origin) -> WriteUnit:
        """A unit of one tenant that may change things, on behalf of ``actor``."""
        return WriteUnit(self.engine, _scope(tenant), self._timeout_ms, actor=actor, origin=origin)

    def system(self, *, read_only: bool = True) -> SystemUnit:
        """A unit of the system schema."""
        return SystemUnit(self.engine, self._timeout_ms, read_only=read_only)

    def pool_state(self) -> dict[str, int]:
        """Connections of this process by state."""
        pool = self.engine.pool
        assert isinstance(pool, AsyncAdaptedQueuePool)
        return {"in_use": pool.checkedout(), "idle": pool.checkedin(), "limit": pool.size()}

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def quote_identifier(name: str) -> str:
    """A name as a quoted SQL identifier (PostgreSQL 4.1.1)."""
    return '"' + name.replace('"', '""') + '"'


def _scope(tenant: Tenant) -> Scope:
    return Scope(tenant.name.schema, tenant.role)
