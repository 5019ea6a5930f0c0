"""Moving a tenant to another server while the service runs (decision 35).

Every other tenant sees nothing of it. The moved one is refused, 503 ``tenant_moving``, from the moment its registry row
says where it goes until that row says it is there:

1. *Build* at the target what a creation builds, while the tenant is still served.
2. *Refuse*: the row says ``moving_to``; every process hears of it. What is under way ends: writes, and jobs in hand.
3. *Close* the source: its schema gets another name, by which nobody but the owner looks for it. From here on no write
   can reach it, not even that of a process which has heard of nothing.
4. *Copy* every row, and the jobs that wait, from one snapshot into one transaction at the target; compare; commit.
5. *Switch*: the row names the target, with an entry in the platform's log. From here on the tenant is served again.
6. *Clear* the source.

Killed at any point it is run again: before the switch the source alone counts, and what the target has is thrown away;
after it the target alone, and the source is cleared. One at a time: the home connection, which switches, holds the lock
that creations of the name wait for too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

import asyncpg
import structlog

from common.audit import Actor, Change, Origin
from common.errors import Conflict, DatabaseUnavailable, ServiceError, TenantNotFound, TenantOutdated
from common.ids import TenantName
from common.postgresql.errors import DRIVER_ERRORS
from common.postgresql.replica import outlast_move
from common.shards import HOME
from database import quote_identifier
from migrations.copying import Copied, copy_tenant, sizes_of, tables_in
from migrations.entries import note_for_platform
from migrations.leftovers import clear_site, closed_schema, remove_copy
from migrations.notices import notify_change
from migrations.provision import CREATING, TenantProvisioner, join_group, register
from migrations.tenant import expected_revision

QUIET_SECONDS: Final = 150.0  # longer than a job's lease: what a dead process had in hand is nobody's then
WRITES_SECONDS: Final = 15.0  # a statement is ended by the server after DATABASE_STATEMENT_TIMEOUT
LOOK_SECONDS: Final = 0.02
WRITING: Final = """
SELECT count(*) FROM pg_locks JOIN pg_class ON pg_class.oid = relation
WHERE relnamespace = to_regnamespace($1) AND relkind = 'r'
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND mode IN ('RowShareLock', 'RowExclusiveLock') AND pid <> pg_backend_pid()
"""
IN_HAND: Final = """
SELECT count(*) FROM system.outbox
WHERE tenant_id = $1 AND status = 'pending' AND locked_until > clock_timestamp()
"""

log = structlog.get_logger("platform")
Report = Callable[[str, int, int], None]
"""Told what is being done, and how many bytes of how many are copied."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move did. ``refused_seconds`` is how long the tenant was not served."""

    source: str
    target: str
    copied: Copied
    refused_seconds: float


@dataclass(frozen=True, slots=True)
class _Sites:
    """The owner's connections that a move works over. The source's and the target's are never the home's own: that one
    holds the claim."""

    home: asyncpg.Connection
    source: asyncpg.Connection
    target: asyncpg.Connection


class TenantMover:
    """Moves tenants between servers, as the owner of both."""

    def __init__(self, provisioner: TenantProvisioner) -> None:
        self._provisioner = provisioner

    async def move(
        self,
        name: TenantName,
        target: str,
        origin: Origin,
        *,
        actor: Actor,
        keep: bool = False,
        report: Report = lambda *_: None,
    ) -> Moved | None:
        """Move a tenant; None when it is there already, once what an earlier move left is cleared up, or when a move
        that was begun is taken back. With ``keep`` the source stays, closed. Raises TenantNotFound, TenantOutdated,
        InvalidRequest, Conflict or DatabaseUnavailable."""
        self._provisioner.known(target)
        async with AsyncExitStack() as stack:
            home = await stack.enter_async_context(self._provisioner.connection(seconds=None))
            if not await home.fetchval("SELECT pg_try_advisory_lock($1, hashtext($2))", CREATING, name.schema):
                raise Conflict("The tenant is being created or moved by another command.")
            row = await _find(home, name)
            source = row["shard"]
            there = await stack.enter_async_context(self._provisioner.connection(source, seconds=None))
            if source == target:
                await self._settle(home, there, name, row, keep=keep)
                return None
            if row["revision"] != expected_revision():
                raise TenantOutdated
            other = await stack.enter_async_context(self._provisioner.connection(target, seconds=None))
            sites = _Sites(home, there, other)
            report("building", 0, 0)
            await self._build(other, name, row, target)
            return await self._move(sites, name, row, target, origin, actor, keep, report)

    async def _build(self, target: asyncpg.Connection, name: TenantName, row: asyncpg.Record, shard: str) -> None:
        async with target.transaction():
            await clear_site(target, name, shard)
            await self._provisioner.build(target, name, shard)
            if shard != HOME:
                await register(target, name, row["name"], row["status"], seed=row["seed_digest"])
                await _mark(target, name, shard)
            await join_group(target, name)

    async def _move(  # noqa: PLR0917 - the parts of one command
        self,
        sites: _Sites,
        name: TenantName,
        row: asyncpg.Record,
        target: str,
        origin: Origin,
        actor: Actor,
        keep: bool,
        report: Report,
    ) -> Moved:
        source, total = row["shard"], sum((await sizes_of(sites.source, name)).values())
        began = time.monotonic()
        try:
            report("waiting for what is under way", 0, total)
            await _refuse(sites, name, source, target)
            await _await_quiet(sites.source, name)
            await _close(sites.source, name)
            closed_at = time.monotonic()
            async with sites.target.transaction():
                copied = await copy_tenant(
                    sites.source, sites.target, name, lambda done: report("copying", done, total)
                )
                if target != HOME:
                    await _mark(sites.target, name, None)
            if self._provisioner.has_replica and HOME in {source, target}:
                await outlast_move(closed_at, is_source=source == HOME)
            await _switch(sites.home, name, row, target, origin, actor)
        except BaseException:
            await asyncio.shield(asyncio.ensure_future(self._take_back(sites.home, name, source)))
            raise
        seconds = time.monotonic() - began
        report("clearing the source", total, total)
        await sites.target.execute(f"ANALYZE {tables_in(name.schema)}")
        if not keep:
            await _clear(sites.source, name, source)
        return Moved(source, target, copied, seconds)

    async def _settle(
        self, home: asyncpg.Connection, there: asyncpg.Connection, name: TenantName, row: asyncpg.Record, *, keep: bool
    ) -> None:
        """Have the tenant served where it is: after a move that was not completed, or to take one back."""
        if row["moving_to"] is not None:
            await _open(there, name, row["shard"])
            await _admit(home, name)
        for shard in self._provisioner.shards:
            if shard != row["shard"] and not keep:
                async with self._provisioner.connection(shard, seconds=None) as other:
                    await _clear(other, name, shard)

    async def _take_back(self, home: asyncpg.Connection, name: TenantName, source: str) -> None:
        """Serve the tenant where it was, unless the switch happened after all. With a server away it waits for the
        command to be run again."""
        try:
            if (await _find(home, name))["shard"] == source:
                async with self._provisioner.connection(source) as there:
                    await _open(there, name, source)
                await _admit(home, name)
        except (*DRIVER_ERRORS, ServiceError) as error:
            log.error("move_not_taken_back", tenant=name.schema, reason=type(error).__name__)


async def _find(home: asyncpg.Connection, name: TenantName) -> asyncpg.Record:
    row = await home.fetchrow(
        "SELECT name, status, revision, seed_digest, shard, moving_to FROM system.tenants WHERE id = $1",
        name.tenant_id,
    )
    if row is None:
        raise TenantNotFound
    return row


async def _refuse(sites: _Sites, name: TenantName, source: str, target: str) -> None:
    """Have every process refuse the tenant, and the upgrade of the source's tenants pass it over."""
    if source != HOME:
        await _mark(sites.source, name, target)
    async with sites.home.transaction():
        done = await sites.home.execute(
            "UPDATE system.tenants SET moving_to = $2, version = version + 1, updated_at = now() "
            "WHERE id = $1 AND shard = $3 AND revision = $4",
            name.tenant_id,
            target,
            source,
            expected_revision(),
        )
        if done != "UPDATE 1":
            raise Conflict("The tenant was changed meanwhile. Try again.")
        await notify_change(sites.home, name.schema)


async def _await_quiet(source: asyncpg.Connection, name: TenantName) -> None:
    """Wait for the jobs in hand, so that no mail is sent a second time by the job's copy, and for writes under way.
    What is still under way then is cut off: its next statement finds no table, and is answered 503."""
    if not await _comes_to_nothing(source, IN_HAND, name.tenant_id, QUIET_SECONDS):
        raise DatabaseUnavailable("A job of the tenant does not end. Try again.")
    await _comes_to_nothing(source, WRITING, name.schema, WRITES_SECONDS)


async def _comes_to_nothing(source: asyncpg.Connection, count: str, subject: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while await source.fetchval(count, subject):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(LOOK_SECONDS)
    return True


async def _close(source: asyncpg.Connection, name: TenantName) -> None:
    if await source.fetchval("SELECT to_regnamespace($1)", name.schema) is not None:
        closed = quote_identifier(closed_schema(name))
        await source.execute(f"ALTER SCHEMA {quote_identifier(name.schema)} RENAME TO {closed}")


async def _open(source: asyncpg.Connection, name: TenantName, shard: str) -> None:
    """The way back from ``_close`` and the source's half of ``_refuse``."""
    if await source.fetchval("SELECT to_regnamespace($1)", closed_schema(name)) is not None:
        closed = quote_identifier(closed_schema(name))
        await source.execute(f"ALTER SCHEMA {closed} RENAME TO {quote_identifier(name.schema)}")
    if shard != HOME:
        await _mark(source, name, None)


async def _mark(connection: asyncpg.Connection, name: TenantName, target: str | None) -> None:
    """Have a shard's upgrades and workers leave the tenant alone, or not any more. Raises Conflict after an upgrade."""
    done = await connection.execute(
        "UPDATE system.tenants SET moving_to = $2 WHERE id = $1 AND revision = $3",
        name.tenant_id,
        target,
        expected_revision(),
    )
    if done != "UPDATE 1":
        raise Conflict("The tenant was changed meanwhile. Try again.")


async def _switch(  # noqa: PLR0917 - connection first, as everywhere
    home: asyncpg.Connection, name: TenantName, row: asyncpg.Record, target: str, origin: Origin, actor: Actor
) -> None:
    """The moment of the move. On the connection that holds the claim: one that was lost meanwhile switches nothing."""
    async with home.transaction():
        done = await home.execute(
            "UPDATE system.tenants SET shard = $2, moving_to = NULL, version = version + 1, updated_at = now() "
            "WHERE id = $1 AND moving_to = $2 AND shard = $3 AND revision = $4",
            name.tenant_id,
            target,
            row["shard"],
            row["revision"],
        )
        if done != "UPDATE 1":
            raise Conflict("The tenant was changed meanwhile. Try again.")
        changes = [Change("shard", row["shard"], target)]
        await note_for_platform(home, "tenant.moved", name, row["name"], actor, origin, changes)
        await notify_change(home, name.schema)


async def _admit(home: asyncpg.Connection, name: TenantName) -> None:
    async with home.transaction():
        await home.execute(
            "UPDATE system.tenants SET moving_to = NULL, version = version + 1, updated_at = now() WHERE id = $1",
            name.tenant_id,
        )
        await notify_change(home, name.schema)


async def _clear(source: asyncpg.Connection, name: TenantName, shard: str) -> None:
    """Remove what is left of the tenant on a server where it is not."""
    async with source.transaction():
        await remove_copy(source, name, shard)
