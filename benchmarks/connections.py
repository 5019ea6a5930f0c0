"""What a PostgreSQL backend keeps for every tenant it has served, and what replacing it costs.

One connection visits one tenant after the other, as the least lucky of a pool would. What it holds is what the backend
itself says (``pg_backend_memory_contexts``); the most it held at any time is compared.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
from sqlalchemy import select, text

from benchmarks.figures import Figure, Pace, at_most
from benchmarks.tenants import create_tenants
from common.audit import Origin
from common.config import Config
from database import Database, Tenant
from manage.embedded import EmbeddedPostgres
from migrations.bootstrap import prepare_database
from migrations.login import plain_dsn, service_login
from migrations.tenant import expected_revision
from settings.models import Setting
from tools.models import Event, Note, Task
from users.models import Role, Team, User, UserSession

GOAL: Final = 0.4
MODELS: Final[Sequence[Any]] = (User, Role, Team, UserSession, Setting, Note, Task, Event)
MEMORY: Final = """
    CREATE SCHEMA probe;
    CREATE FUNCTION probe.memory() RETURNS bigint SECURITY DEFINER LANGUAGE sql
        AS 'SELECT sum(total_bytes)::bigint FROM pg_catalog.pg_backend_memory_contexts';
    GRANT USAGE ON SCHEMA probe TO PUBLIC;
"""


@dataclass(frozen=True, slots=True)
class Round:
    """What a connection held after each visit, in bytes, and how often it was replaced."""

    held: list[int]
    retired: int


def measure(pace: Pace) -> list[Figure]:
    """Make the tenants, and measure."""
    tenants = 100 if pace.fast else 1_000
    bound = int(Config.model_fields["database_connection_tenants"].default)
    return measure_bound(tenants, min(bound, tenants // 4))


def measure_bound(count: int, bound: int) -> list[Figure]:
    """The figures of a server with so many tenants."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        Path(name).chmod(0o755)
        quick = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        with EmbeddedPostgres(Path(name) / "postgres", settings=quick) as postgres:
            postgres.create_database("bench")
            config = Config.model_validate(
                {
                    "database_url": postgres.url("bench"),
                    "redis_url": "none",
                    "secret_key": "a secret of the benchmarks, long enough",
                    "environment": "development",
                    "database_pool_size": 1,
                }
            )
            return asyncio.run(make_and_compare(config, count, bound))


async def make_and_compare(config: Config, count: int, bound: int) -> list[Figure]:
    """The tenants, then the figures."""
    tenants = await make_tenants(config, count)
    return [*await compare(config, tenants, bound), await opening(config, tenants)]


async def make_tenants(config: Config, count: int) -> list[Tenant]:
    """So many, in a database that tells what its backends hold."""
    await prepare_database(config)
    owner = await asyncpg.connect(plain_dsn(config.owner_url))
    await owner.execute(MEMORY)
    await owner.close()
    names = await create_tenants(config, (f"many{number}" for number in range(count)), "no hash")
    return [Tenant(name, name.schema, "active", expected_revision()) for name in names]


async def compare(config: Config, tenants: Sequence[Tenant], bound: int) -> list[Figure]:
    """Memory without and with the bound, and with a divided pool."""
    free = await visit(config, tenants, database_connection_tenants=0)
    bounded = await visit(config, tenants, database_connection_tenants=bound)
    divided = await visit(config, tenants, database_connection_tenants=0, database_subpools=5)
    base, most = free.held[0], max(free.held)
    each = (most - base) / len(tenants) / 1024
    kept = f"kept for ever, {each:.0f} kB a tenant"
    return [
        _memory(f"backend after {len(tenants):,} tenants, {bound} a connection", bounded, most, kept),
        _memory(f"backend after {len(tenants):,} tenants, pool in 5 parts", divided, most, kept),
    ]


def _memory(name: str, found: Round, most: int, kept: str) -> Figure:
    return Figure.of(name, [(max(found.held) / 1e6, most / 1e6)], "MB", kept, at_most(GOAL))


async def visit(config: Config, tenants: Sequence[Tenant], **changes: int) -> Round:
    """A page of each kind in each tenant, and an audit entry."""
    async with pool(config, **changes) as database:
        held = [await use(database, tenant) for tenant in tenants]
        return Round(held, database.retired())


@asynccontextmanager
async def pool(config: Config, **changes: int) -> AsyncIterator[Database]:
    """A process's pool."""
    database = Database(config.model_copy(update=changes), service_login(config).url)
    try:
        yield database
    finally:
        await database.close()


async def use(database: Database, tenant: Tenant) -> int:
    """Some of the tenant's tables, read and written; what the backend holds then."""
    async with database.read(tenant) as unit:
        for model in MODELS:
            await unit.execute(select(model).limit(50))
    async with database.write(tenant, origin=Origin("bench")) as unit:
        unit.audit("bench.visited")
        held = (await unit.execute(text("SELECT probe.memory()"))).scalar_one()
    return int(held)


async def opening(config: Config, tenants: Sequence[Tenant]) -> Figure:
    """A visit that needs a new connection, and everything prepared on it, over one that does not."""
    new, old = list[float](), list[float]()
    async with pool(config, database_connection_tenants=0) as database:
        for tenant in tenants[:20]:
            await use(database, tenant)  # its pages are in memory then
            for samples in (old, new):
                if samples is new:
                    await database.server.engine.dispose()
                started = time.perf_counter()
                await use(database, tenant)
                samples.append((time.perf_counter() - started) * 1000)
    name = f"two units of {len(MODELS) + 2} statements on a new connection"
    return Figure.of(name, list(zip(new, old, strict=True)), "ms", "on one in use")
