"""PostgreSQL: the tenant transaction, and the units of work.

A transaction belongs to one tenant, and the database enforces it. The login role owns nothing and inherits nothing, so
a statement outside a unit gets *permission denied*. A unit's transaction opens with one message::

    BEGIN; SET LOCAL search_path TO tenant_x; SET LOCAL ROLE tenant_x; ...

after which it can see that tenant's tables and no others. ``SET LOCAL`` ends with the transaction, so nothing of it
stays on a pooled connection, and PgBouncer in transaction mode may stand in between.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

import structlog
from opentelemetry.trace import Tracer
from sqlalchemy import (
    Delete,
    Executable,
    Select,
    Text,
    Update,
    bindparam,
    column,
    func,
    literal,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncResult

from common.audit import ANONYMOUS, NOT_A_CHANGE, PLATFORM, Actor, Change, Origin, Outcome, Target, entry
from common.cache.listener import CHANNEL, write_payload
from common.cache.two_level import Message
from common.cache.versions import COMMIT_SECONDS, Lease, Version
from common.config import Config
from common.errors import (
    DatabaseUnavailable,
    Overloaded,
    TenantMoving,
)
from common.ids import TenantName, new_id
from common.observability.counts import AUDIT_ENTRIES
from common.postgresql.connection import PATIENCE, PROOF_SECONDS, Behind
from common.postgresql.errors import DATABASE_ERRORS, translate
from common.postgresql.execution import Answer, Parameters, Sink, UnitConnection, Written
from common.postgresql.replica import PAUSE, Replica
from common.postgresql.server import Server
from common.postgresql.tracing import take_connection
from common.shards import HOME

log = structlog.get_logger("database")

SYSTEM_SCHEMA: Final = "system"
SYSTEM_ROLE: Final = "system_service"  # may read and write the system schema; the login role may become it
# The planner is also told that nothing is cached. Otherwise it reckons that a whole walk along an index reads each page
# once, and charges one that a LIMIT ends early for a share of that: several times too little (decision 32).
PLANNED_ANEW: Final = "SET LOCAL plan_cache_mode TO force_custom_plan; SET LOCAL effective_cache_size TO '1MB'"


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant as the registry knows it."""

    name: TenantName
    role: str
    status: str
    revision: str
    created_at: datetime | None = None
    shard: str = HOME
    is_moving: bool = False  # to another shard; nobody but the mover touches it meanwhile

    @property
    def version_key(self) -> str:
        """Where Redis has its newest version: a tenant made anew under an old name has another history."""
        return f"{self.name.schema}/version/{self.created_at.timestamp() if self.created_at else ''}"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a transaction may see: a schema, and the role whose rights it has."""

    schema: str
    role: str

    def opening(self, *, read_only: bool, timeout_ms: int, one_snapshot: bool = False) -> str:
        """The statements that follow BEGIN. Schema and role come from the registry; quoting is the second lock."""
        statements = [
            f"SET LOCAL search_path TO {quote_identifier(self.schema)}, pg_temp",
            f"SET LOCAL statement_timeout TO {timeout_ms}",
            f"SET LOCAL ROLE {quote_identifier(self.role)}",
        ]
        modes = [*(["ISOLATION LEVEL REPEATABLE READ"] if one_snapshot else []), *(["READ ONLY"] if read_only else [])]
        if modes:
            statements.insert(0, f"SET TRANSACTION {', '.join(modes)}")
        return "; ".join(statements)


SYSTEM_SCOPE = Scope(SYSTEM_SCHEMA, SYSTEM_ROLE)


Forget = Callable[[Sequence[Message]], Awaitable[None]]
"""Drops cached values in this process and in Redis; other processes hear of them by NOTIFY."""


class ReadUnit:
    """A read-only transaction, opened by its first statement: three round trips with ``BEGIN`` and ``COMMIT``."""

    read_only = True
    one_snapshot = False

    def __init__(self, engine: AsyncEngine, scope: Scope, timeout_ms: int, proof: str | None = None) -> None:
        self.commit_sent = False  # from then on nobody but the database knows whether the change is there
        self._engine = engine
        self._schema = scope.schema
        self._timeout_ms = timeout_ms  # 0: none
        self._proof = proof  # that a replica has what must be seen; none is needed on the primary
        self._opening = scope.opening(read_only=self.read_only, timeout_ms=timeout_ms, one_snapshot=self.one_snapshot)
        self._connection: UnitConnection | None = None

    async def execute(self, statement: Executable | Written, parameters: Parameters = None) -> Answer:
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

    def plan_anew(self) -> None:
        """Have this transaction's statements planned for their own values each time, where the right plan depends on
        them: a rare word is found by another index than a frequent one. Before the first statement: it goes with BEGIN.
        """
        assert self._connection is None
        self._opening += f"; {PLANNED_ANEW}"

    async def stream(self, statement: Executable, *, batch: int) -> AsyncResult[Any]:
        """Run a SELECT whose rows are fetched ``batch`` at a time, from a cursor: constant memory, one snapshot."""
        connection = self._connection or await self._connect()
        return await connection.stream(statement, batch=batch)

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
            await connection.close()

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if kind is None:
                await self.commit()
        finally:
            await self.close()

    async def _connect(self) -> UnitConnection:
        began = time.monotonic()
        try:
            connection = await take_connection(self._engine)
        except PoolTimeoutError:
            raise Overloaded("All database connections are busy. Try again.") from None
        connection.driver.open_with(self._schema, self._opening, self._proof)
        if self._timeout_ms:  # the wait for a connection is part of what a frozen server may take in all
            waited = round(time.monotonic() - began)
            connection.driver.answer_within(max(self._timeout_ms / 1000 + PATIENCE - waited, PATIENCE))
        self._connection = connection
        return connection


def _is_change(statement: Executable) -> bool:
    """Whether a statement changes what an audit entry has to tell of."""
    is_written = bool(getattr(statement, "is_dml", False))
    return is_written and not NOT_A_CHANGE.items() <= statement.get_execution_options().items()


class WriteUnit(ReadUnit):
    """A transaction that changes a tenant's data. The change, its audit entries, the jobs it orders and the cached
    values it makes stale commit together, or none of them does."""

    read_only = False

    def __init__(
        self,
        engine: AsyncEngine,
        scope: Scope,
        timeout_ms: int,
        *,
        actor: Actor = ANONYMOUS,
        origin: Origin,
        forget: Forget,
        copy: ReplicatedTenant | None = None,
    ) -> None:
        super().__init__(engine, scope, timeout_ms)
        self._copy = copy
        self.actor = actor
        self.origin = origin
        self._forget = forget
        self._entries: list[dict[str, Any]] = []
        self._jobs: list[dict[str, Any]] = []
        self._stale: list[Message] = []
        self._changed = False

    async def execute(self, statement: Executable | Written, parameters: Parameters = None) -> Answer:
        meant = statement.statement if isinstance(statement, Written) else statement
        self._changed = self._changed or _is_change(meant)
        self._note_stale_copies(meant)
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
        self.note(
            entry(
                action,
                actor=actor or self.actor,
                origin=self.origin,
                target=target,
                changes=changes,
                outcome=outcome,
            )
        )

    def note(self, item: dict[str, Any]) -> None:
        """An entry that ``common.audit.entry`` made."""
        self._entries.append(item)

    def invalidate(self, kind: str, field: str | None = None) -> None:
        """Have every process forget a cached value of this tenant, or all of a kind, once the change is durable."""
        message = (f"{self._schema}/{kind}", field)
        if message not in self._stale:
            self._stale.append(message)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Take back what is done inside, and nothing else, if it fails: rows, entries, jobs and stale copies."""
        assert self._connection is not None, "a savepoint needs a transaction that has begun"
        collected: tuple[list[Any], ...] = (self._entries, self._jobs, self._stale)
        lengths = [len(items) for items in collected]
        try:
            async with self._connection.general().begin_nested():
                yield
        except BaseException:
            for items, length in zip(collected, lengths, strict=True):
                del items[length:]
            raise

    def enqueue(self, kind: str, payload: Mapping[str, Any], *, run_at: datetime | None = None) -> None:
        """Order a job, to be done after the commit and not before ``run_at``, as often as it takes to succeed once."""
        self._jobs.append(
            {
                "id": str(new_id()),
                "kind": kind,
                "payload": dict(payload),
                "run_at": run_at.isoformat() if run_at else None,
            }
        )

    async def commit(self) -> None:
        """Write everything that goes with the change in one statement, COMMIT, then forget what is stale here."""
        if self._changed and not self._entries:
            raise RuntimeError("a change without an audit entry must not be committed")
        if self._entries or self._jobs or self._stale:
            chosen = map(bool, (self._entries, self._jobs, self._stale))
            noted = await super().execute(_companions(*chosen), self._values())
            if self._copy is not None and self._entries:
                await self._commit_version(self._copy, Version(noted.one()[0], UUID(self._entries[-1]["id"])))
        await super().commit()
        AUDIT_ENTRIES.inc(len(self._entries))
        stale, self._entries, self._jobs, self._stale, self._changed = self._stale, [], [], [], False
        if stale:
            await self._forget(stale)

    async def _commit_version(self, copy: ReplicatedTenant, version: Version) -> None:
        """COMMIT what readers of the replica must see: they are told before, and again if that took long."""
        began = time.monotonic()
        is_told = await self._tell(copy, version)
        await super().commit()
        if is_told and time.monotonic() - began > COMMIT_SECONDS:
            is_told = await self._tell(copy, version)
            await super().commit()  # of the message, if there was one
        if not is_told:
            await copy.outlast(version)

    async def _tell(self, copy: ReplicatedTenant, version: Version) -> bool:
        is_told = await copy.tell(version)
        if not is_told:
            await super().execute(select(func.pg_notify(CHANNEL, write_payload([PAUSE]))))
        return is_told

    def _note_stale_copies(self, statement: Executable) -> None:
        """Have the copies of a table forgotten whose rows change: its model says beside its columns which they are,
        ``info={"copies": kind}``. A statement about one row may name the field, ``execution_options(copy=field)``. What
        an INSERT makes nobody can have read."""
        if isinstance(statement, Update | Delete):
            kind = getattr(statement.table, "info", {}).get("copies")
            if kind is not None:
                self.invalidate(kind, statement.get_execution_options().get("copy"))

    def _values(self) -> dict[str, Any]:
        """What goes with the change, as ``_companions`` takes it."""
        stale = write_payload(self._stale) if self._stale else None
        values = {"entries": self._entries, "jobs": self._jobs, "stale": stale}
        return {name: value for name, value in values.items() if value}


@cache
def _companions(entries: bool, jobs: bool, stale: bool) -> Executable:
    """One SELECT that appends the audit entries, queues the jobs and notifies the listeners."""
    calls: list[Any] = []
    if entries:
        calls.append(func.audit_append(bindparam("entries", type_=JSONB)))
    if jobs:
        calls.append(func.system.enqueue(bindparam("jobs", type_=JSONB)))
    if stale:
        calls.append(func.pg_notify(CHANNEL, bindparam("stale", type_=Text)))
    return select(*calls)


_entries = table("audit_logs", column("id"), column("seq"))


class ReplicatedTenant:
    """A tenant that the replica has too: which commit its readers must see, and whether it is there."""

    def __init__(self, replica: Replica, tenant: Tenant, timeout_ms: int, primary: AsyncEngine) -> None:
        self.replica = replica
        self._key = tenant.version_key
        self._scope = _scope(tenant)
        self._timeout_ms = timeout_ms
        self._primary = primary

    async def find_proof(self) -> str | None:
        """What a transaction on the replica has to begin with; None sends it to the primary."""
        version = await self.replica.find_version(self._key)
        if isinstance(version, Lease):
            self.replica.in_background(self._fill(version))
        return _proof_of(version) if isinstance(version, Version) else None

    async def tell(self, version: Version) -> bool:
        """Have all readers hear of a commit that is about to be made. False: some may not."""
        return await self.replica.versions.tell(self._key, version)

    async def outlast(self, version: Version) -> None:
        """Wait until nobody can miss a commit that readers could not be told of."""
        await self.replica.outlast(lambda: self._has_replayed(version))

    async def _fill(self, lease: Lease) -> None:
        await asyncio.sleep(COMMIT_SECONDS)  # what was told before the lease, and lost, is committed by then
        newest = select(_entries.c.seq, _entries.c.id).order_by(_entries.c.seq.desc()).limit(1)
        try:
            async with ReadUnit(self._primary, self._scope, self._timeout_ms) as unit:
                found = (await unit.execute(newest)).one_or_none()
        except (*DATABASE_ERRORS, Overloaded):
            return  # the next reader tries again
        if found is not None:
            await self.replica.versions.fill(self._key, lease, Version(*found))

    async def _has_replayed(self, version: Version) -> bool:
        if self.replica.breaker.is_open:
            return False
        unit = ReadUnit(self.replica.server.engine, self._scope, self._timeout_ms, _proof_of(version))
        try:
            await unit.execute(select(literal(1)))
        except (Behind, Overloaded, *DATABASE_ERRORS) as error:
            if not isinstance(error, Behind):
                self.replica.breaker.failed(slowly=False)
            return False
        finally:
            await unit.close()
        return True


def _proof_of(version: Version) -> str:
    return f"SELECT FROM audit_logs WHERE id = '{version.entry}'"  # parsed as a UUID, whatever it was


class ReplicaUnit(ReadUnit):
    """A read-only transaction on the replica, if that has every commit of its tenant; else, and whenever something goes
    wrong there, on the primary."""

    def __init__(
        self,
        engine: AsyncEngine,
        scope: Scope,
        timeout_ms: int,
        *,
        copy: ReplicatedTenant | None = None,
        replica: AsyncEngine | None = None,
    ) -> None:
        super().__init__(engine, scope, timeout_ms)
        self._copy = copy
        self._engines = (engine, replica or engine)

    @property
    def is_on_replica(self) -> bool:
        """Whether the transaction is not one of the primary."""
        return self._proof is not None

    async def execute(self, statement: Executable | Written, parameters: Parameters = None) -> Answer:
        if self._connection is not None or self._copy is None:
            return await super().execute(statement, parameters)
        self._proof = await self._copy.find_proof()
        self._engine = self._engines[self.is_on_replica]
        if self.is_on_replica:
            try:
                found = await super().execute(statement, parameters)
            except (Behind, Overloaded, *DATABASE_ERRORS) as error:
                await self.leave_replica(error)
            else:
                self._copy.replica.breaker.succeeded()
                self._copy.replica.count("replica")
                return found
        return await super().execute(statement, parameters)

    async def leave_replica(self, error: Exception) -> None:
        """Go on with a new transaction on the primary, for good."""
        assert self._copy is not None
        replica, self._copy = self._copy.replica, None
        self._engine, self._proof = self._engines[0], None
        await self.close()
        if isinstance(error, Behind):
            replica.count("behind")
        elif isinstance(error, Overloaded) or isinstance(translate(error, {}), DatabaseUnavailable):
            replica.breaker.failed(slowly=False)
            replica.count("unavailable")
        else:
            replica.count("failed")  # cancelled by what it had to replay, or behind a migration


class BookkeepingUnit(ReadUnit):
    """A transaction for what only notes that something was used, tried or done. Nobody has changed anything, so nothing
    is audited, invalidated or ordered. Deliberately not a WriteUnit: no function that changes a tenant's data accepts
    it."""

    read_only = False


class ExportUnit(ReplicaUnit):
    """A read-only transaction that sees one snapshot for as long as it takes, and whose rows leave by COPY."""

    one_snapshot = True

    async def begin(self) -> None:
        """Begin the transaction and take its snapshot. A connection that had died in the pool is noticed here."""
        await self.execute(select(literal(1)))

    async def copy(self, statement: Select[*tuple[Any, ...]], sink: Sink, **options: str | bool) -> int:
        """Have PostgreSQL write the rows of a SELECT as text (``options`` are those of COPY) and hand them to ``sink``,
        whole rows at a time; answers how many there were.

        Nothing is read from the server while the sink is busy, so a slow one slows COPY down and nothing piles up.
        Leaving early, by an error of the sink or by cancellation, cancels COPY in the server.
        """
        assert self._connection is not None, "an export begins before it copies"
        query = statement.compile(dialect=self._engine.dialect, compile_kwargs={"render_postcompile": True})
        values = query.construct_params()
        arguments = [values[name] for name in getattr(query, "positiontup", None) or ()]
        done = await self._connection.copy(str(query), arguments, sink, **options)
        return int(done.removeprefix("COPY "))


class SystemUnit:
    """A transaction on the system schema. Deliberately not a ReadUnit: no tenant function accepts it.

    One that changes things obeys a WriteUnit's rule: its audit entries, which go to the platform's own log, and its
    notifications commit with the change, and without an entry it refuses to commit.
    """

    def __init__(self, unit: ReadUnit) -> None:
        self._unit = unit

    async def execute(self, statement: Executable | Written, parameters: Parameters = None) -> Answer:
        """Run one statement in this unit's transaction."""
        return await self._unit.execute(statement, parameters)

    def audit(
        self,
        action: str,
        *,
        target: Target | None = None,
        changes: Sequence[Change] = (),
        outcome: Outcome = "success",
        tenant: TenantName | None = None,
        origin: Origin | None = None,
    ) -> None:
        """Note what is being done, and which tenant it concerns. ``origin`` overrides the unit's own."""
        unit = self._writing
        tenant_id = tenant.tenant_id if tenant else None
        unit.note(
            entry(
                action,
                actor=unit.actor,
                origin=origin or unit.origin,
                target=target,
                changes=changes,
                outcome=outcome,
                tenant_id=tenant_id,
            )
        )

    def invalidate(self, kind: str, field: str | None = None) -> None:
        """Have every process forget a value cached for the whole system, ``system/<kind>``, once this is durable."""
        self._writing.invalidate(kind, field)

    async def commit(self) -> None:
        """End the transaction."""
        await self._unit.commit()

    @property
    def _writing(self) -> WriteUnit:
        assert isinstance(self._unit, WriteUnit), "this unit of the system schema only reads, or keeps books"
        return self._unit

    async def __aenter__(self) -> SystemUnit:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        await self._unit.__aexit__(kind, error, trace)


class Database:
    """The only maker of units. ``forget`` is told what commits have made stale; ``shards`` are the URLs of the servers
    beside the home database, which alone has the registry, the platform's log and what else concerns all tenants."""

    def __init__(
        self,
        config: Config,
        url: str,
        forget: Forget | None = None,
        *,
        replica: Replica | None = None,
        shards: Mapping[str, str] | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self._forget = forget or _nothing_cached
        self._replica = replica
        self._timeout_ms = int(config.database_statement_timeout * 1000)
        self.server = Server(config, url, tracer)
        others = {name: Server(config, there, tracer) for name, there in (shards or {}).items()}
        self.servers = {HOME: self.server, **others}

    def read(self, tenant: Tenant) -> ReadUnit:
        """A read-only unit of one tenant."""
        return ReadUnit(self._engine_of(tenant), _scope(tenant), self._timeout_ms)

    def read_replica(self, tenant: Tenant) -> ReplicaUnit:
        """A read-only unit of one tenant, on the replica if there is one that has all of its commits."""
        engine, copy = self._engine_of(tenant), self._copy_of(tenant)
        there = copy.replica.server.engine_for(tenant.name.schema) if copy else None
        return ReplicaUnit(engine, _scope(tenant), self._timeout_ms, copy=copy, replica=there)

    def write(self, tenant: Tenant, *, actor: Actor = ANONYMOUS, origin: Origin) -> WriteUnit:
        """A unit of one tenant that may change things, on behalf of ``actor``."""
        return WriteUnit(
            self._engine_of(tenant),
            _scope(tenant),
            self._timeout_ms,
            actor=actor,
            origin=origin,
            forget=self._forget,
            copy=self._copy_of(tenant),
        )

    def export(self, tenant: Tenant) -> ExportUnit:
        """A unit of one tenant to export from. Its statements may take any time: who exports watches the clock."""
        engine, copy = self._server_of(tenant).export_engine, self._copy_of(tenant)
        there = copy.replica.server.export_engine if copy else None
        return ExportUnit(engine, _scope(tenant), 0, copy=copy, replica=there)

    def bookkeeping(self, tenant: Tenant) -> BookkeepingUnit:
        """A unit of one tenant for notes such as ``last_used_at``, and for nothing else."""
        return BookkeepingUnit(self._engine_of(tenant), _scope(tenant), self._timeout_ms)

    def system(self, *, read_only: bool = True, actor: Actor = PLATFORM, origin: Origin | None = None) -> SystemUnit:
        """A unit of the home's system schema; one that changes things does so on behalf of ``actor``."""
        if read_only:
            return self.system_of(HOME)
        made = WriteUnit(
            self.server.engine,
            SYSTEM_SCOPE,
            self._timeout_ms,
            actor=actor,
            origin=origin or Origin(str(new_id())),
            forget=self._forget,
        )
        return SystemUnit(made)

    def system_of(self, shard: str) -> SystemUnit:
        """A read-only unit of a server's system schema, which beside the home's has nothing but its tenants' jobs."""
        return SystemUnit(ReadUnit(self._server(shard).engine, SYSTEM_SCOPE, self._timeout_ms))

    def system_bookkeeping(self, shard: str = HOME) -> SystemUnit:
        """A unit of a system schema for what nobody has decided: tries that are counted, jobs that are done."""
        return SystemUnit(BookkeepingUnit(self._server(shard).engine, SYSTEM_SCOPE, self._timeout_ms))

    def pool_state(self, shard: str = HOME) -> dict[str, int]:
        """Connections of this process by state."""
        return self.servers[shard].pool_state()

    def retired(self, shard: str = HOME) -> int:
        """Connections that were closed because they had served many tenants."""
        return self.servers[shard].retired

    async def replica_answers(self) -> bool:
        """Whether the replica answers now, whatever the breaker thinks; True where there is none."""
        if self._replica is None:
            return True
        try:
            async with (
                asyncio.timeout(PROOF_SECONDS),
                ReadUnit(self._replica.server.engine, SYSTEM_SCOPE, self._timeout_ms) as unit,
            ):
                await unit.execute(select(literal(1)))
        except (*DATABASE_ERRORS, Overloaded):
            return False
        return True

    async def close(self) -> None:
        """Close every connection."""
        if self._replica is not None:
            await self._replica.close()
        for server in self.servers.values():
            await server.close()

    def _engine_of(self, tenant: Tenant) -> AsyncEngine:
        return self._server_of(tenant).engine_for(tenant.name.schema)

    def _server_of(self, tenant: Tenant) -> Server:
        if tenant.is_moving:
            raise TenantMoving
        return self._server(tenant.shard)

    def _server(self, shard: str) -> Server:
        server = self.servers.get(shard)
        if server is None:
            log.error("shard_not_configured", shard=shard)
            raise DatabaseUnavailable
        return server

    def _copy_of(self, tenant: Tenant) -> ReplicatedTenant | None:
        if self._replica is None or tenant.shard != HOME:  # the replica is the home's
            return None
        return ReplicatedTenant(self._replica, tenant, self._timeout_ms, self.server.engine)


async def _nothing_cached(_: Sequence[Message]) -> None:
    """Where nothing is cached, nothing has to be forgotten; the other processes hear of it all the same."""


def quote_identifier(name: str) -> str:
    """A name as a quoted SQL identifier (PostgreSQL 4.1.1)."""
    return '"' + name.replace('"', '""') + '"'


def _scope(tenant: Tenant) -> Scope:
    return Scope(tenant.name.schema, tenant.role)
