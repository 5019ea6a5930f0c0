"""Upgrading one tenant: one transaction, whose SQL was written once for everybody at the same revision."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Literal

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from common.postgresql.errors import NO_ANSWER, driver_error
from common.shards import HOME
from database import quote_identifier
from migrations.notices import notify_change
from migrations.seed import digest, write_seed
from migrations.tenant import expected_revision, rights_sql
from migrations.trees import upgrade_in_turn, upgrade_sql_in_turn

HERE: Final = "(shard = 'default' AND moving_to IS NULL)"  # not on a shard, nor on its way to another server
BEHIND: Final = f"({HERE} AND (revision <> :revision OR seed_digest <> :digest))"
# A change of a table waits for whoever is reading it, and everybody else waits behind the change: no longer than this,
# after which the tenant has its turn again later.
LOCK_MS: Final = 2_000
_UPGRADING: Final = 7_300_003  # first half of the advisory lock that upgrades of one tenant wait for
# What the SQL of an upgrade says if the tenant's role needs rights on something new, or if it touches what is seeded.
_MORE: Final = re.compile(r"\bCREATE (?!UNIQUE INDEX|INDEX)|\b(permissions|roles|role_permissions)\b")
_PASSING: Final = {"55P03", "40P01", "57P01", "57P02", "57P03"}  # lock timeout, deadlock, server stopping or starting


@dataclass(frozen=True, slots=True)
class Laggard:
    """A tenant that is behind, and the revision that the registry has of it."""

    tenant: str
    schema: str
    role: str
    revision: str
    shard: str = HOME


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a tenant's upgrade, after so many seconds and tries. ``current``: another run was quicker."""

    tenant: str
    revision: str  # before
    result: Literal["upgraded", "current", "failed"]
    seconds: float
    tries: int
    error: str | None = None
    shard: str = HOME


@dataclass(frozen=True, slots=True)
class Plan:
    """How to get from one revision to the newest. Without ``sql`` Alembic does it, tenant by tenant. ``more``: rights
    and seed have to be written in any case."""

    sql: str | None
    more: bool


class Upgrader:
    """Upgrades tenants, on the engine's connections."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._plans: dict[str, Plan] = {}

    async def upgrade(self, laggard: Laggard) -> bool:
        """Upgrade one tenant; False when another run was quicker."""
        async with self._engine.begin() as connection:
            await connection.execute(
                text(f"SELECT pg_advisory_xact_lock({_UPGRADING}, hashtext(:id))"), {"id": laggard.tenant}
            )
            raw: Any = (await connection.get_raw_connection()).driver_connection
            await raw.execute(
                f"SET LOCAL search_path TO {quote_identifier(laggard.schema)}, pg_temp;"
                f"SET LOCAL lock_timeout TO {LOCK_MS}; SET LOCAL statement_timeout TO 0"
            )
            return await self._upgrade(connection, raw, laggard)

    async def _upgrade(self, connection: AsyncConnection, raw: asyncpg.Connection, laggard: Laggard) -> bool:
        newest = {"id": laggard.tenant, "revision": expected_revision(), "digest": digest()}
        # The schema knows its own revision; the registry may have been told another, as after a restored dump.
        found = await connection.execute(
            text(
                "SELECT (SELECT version_num FROM alembic_version) AS revision, seed_digest <> :digest AS reseed "
                f"FROM system.tenants WHERE id = :id AND {BEHIND} FOR UPDATE"
            ),
            newest,
        )
        state = found.one_or_none()
        if state is None:
            return False
        plan = await self.plan(state.revision)
        if plan.sql is None:
            await upgrade_in_turn(connection, "tenant")
        elif plan.sql:
            await raw.execute(plan.sql)
        if plan.more or state.reseed:
            await raw.execute(rights_sql(laggard.schema, laggard.role))
            await write_seed(raw)
        await connection.execute(
            text(
                "UPDATE system.tenants SET revision = :revision, seed_digest = :digest, version = version + 1, "
                "updated_at = now() WHERE id = :id"
            ),
            newest,
        )
        await notify_change(raw, laggard.schema)
        return True

    async def plan(self, revision: str) -> Plan:
        """How to get from this revision to the newest, found out once."""
        if revision not in self._plans:
            self._plans[revision] = await plan_from(revision)
        return self._plans[revision]


async def plan_from(revision: str) -> Plan:
    """How to get from this revision to the newest."""
    sql = await upgrade_sql_in_turn("tenant", revision)
    return Plan(sql, more=sql is None or _MORE.search(sql) is not None)


def may_pass(error: Exception) -> bool:
    """Whether trying again later may help: somebody was using the tables, or the server went away."""
    cause = driver_error(error)
    state = getattr(cause, "sqlstate", None) or ""
    lost = isinstance(cause, NO_ANSWER)
    return lost or state in _PASSING or state.startswith("08")


def describe(error: Exception) -> str:
    """The first line of what an error says, without what SQLAlchemy puts before it."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    said = str(cause.__cause__ or cause).partition("\n")[0]
    return said or type(error).__name__
