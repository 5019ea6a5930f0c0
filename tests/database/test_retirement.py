"""Connections that have served many tenants are replaced, so that what a PostgreSQL backend keeps stays bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import func, select, text

from common.config import Config
from common.observability.metrics import PoolCollector
from database import Database, Tenant
from migrations.login import service_login
from migrations.tenant import expected_revision
from tests.support.apps import connect, registered
from tests.support.backends import add_probe, memory_of
from tests.support.clusters import make_tenant
from tests.support.servers import Servers
from tests.support.world import TestTenant
from users.models import Role, Team, User

pytestmark = pytest.mark.promise("T3")

MANY = 8


@pytest.fixture(scope="module")
async def tenants(config: Config, app: FastAPI) -> list[Tenant]:
    """Some tenants of the shared database."""
    del app  # it prepared the database
    names = [await make_tenant(config, f"retiring{number}") for number in range(MANY)]
    async with connect(config.owner_url) as owner:
        await add_probe(owner)
    return [Tenant(name, name.schema, "active", expected_revision()) for name in names]


@asynccontextmanager
async def pool(servers: Servers, config: Config, **changes: int) -> AsyncIterator[Database]:
    """The pool of a process on the shared database, of one connection unless ``changes`` say otherwise."""
    url = config.database_url.get_secret_value()
    own = servers.config(url, **{"database_pool_size": 1, **changes})
    database = Database(own, service_login(own).url)
    try:
        yield database
    finally:
        await database.close()


async def backend_of(database: Database, tenant: Tenant) -> int:
    """The backend that serves a unit of this tenant."""
    async with database.read(tenant) as unit:
        return int((await unit.execute(select(func.pg_backend_pid()))).scalar_one())


async def living(config: Config, backends: Sequence[int]) -> int:
    """How many of them are still there."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY($1)"
    async with connect(config.owner_url) as owner:
        return int(await owner.fetchval(query, backends))


async def test_after_so_many_tenants_a_connection_is_replaced(
    servers: Servers, config: Config, tenants: list[Tenant]
) -> None:
    async with pool(servers, config, database_connection_tenants=3) as database:
        backends = [await backend_of(database, tenant) for tenant in tenants[:7]]

        first, second, third = backends[0], backends[3], backends[6]
        assert backends == [first] * 3 + [second] * 3 + [third]
        assert len({first, second, third}) == 3
        assert database.retired() == 2
        assert await until_gone(config, [first, second])
        assert await living(config, [third]) == 1
        assert database.pool_state() == {"in_use": 0, "idle": 1, "limit": 1}


async def until_gone(config: Config, backends: Sequence[int]) -> bool:
    """A backend whose client hung up needs a moment to end."""
    for _ in range(200):
        if await living(config, backends) == 0:
            return True
        await asyncio.sleep(0.05)
    return False


@pytest.mark.parametrize("bound", [0, 3])
async def test_few_tenants_keep_their_connection_and_zero_keeps_any(
    servers: Servers, config: Config, tenants: list[Tenant], bound: int
) -> None:
    served = tenants if bound == 0 else tenants[:2]
    async with pool(servers, config, database_connection_tenants=bound) as database:
        backends = {await backend_of(database, tenant) for tenant in served * 5}
        assert (len(backends), database.retired()) == (1, 0)


async def test_requests_at_the_same_time_do_not_notice(servers: Servers, config: Config, tenants: list[Tenant]) -> None:
    """Replaced after every tenant, which is the most often there can be, in a pool that everybody waits for."""
    async with pool(servers, config, database_connection_tenants=1, database_pool_size=2) as database:

        async def ask(number: int) -> str:
            async with database.read(tenants[number % MANY]) as unit:
                return str((await unit.execute(text("SELECT current_user"))).scalar_one())

        answers = await asyncio.gather(*(ask(number) for number in range(40)))

        assert answers == [tenants[number % MANY].role for number in range(40)]
        assert database.retired() == 40
        assert database.pool_state()["in_use"] == 0


async def test_a_backend_that_is_replaced_holds_less(servers: Servers, config: Config, tenants: list[Tenant]) -> None:
    async def most(bound: int) -> int:
        held = []
        async with pool(servers, config, database_connection_tenants=bound) as database:
            for tenant in tenants:
                async with database.read(tenant) as unit:
                    for model in (User, Role, Team):
                        await unit.execute(select(model))
                    held.append((await memory_of(unit))[1])
        return max(held)

    unbound, bound = await most(0), await most(2)

    assert bound < unbound


async def test_retirements_are_counted(servers: Servers, config: Config, tenants: list[Tenant]) -> None:
    registry = CollectorRegistry()
    async with pool(servers, config, database_connection_tenants=2) as database:
        registry.register(PoolCollector(database.pool_state, database.retired, database.servers))
        for tenant in tenants[:4]:
            await backend_of(database, tenant)
        assert b'database_connections_retired_total{shard="default"} 2.0' in generate_latest(registry)


async def test_parts_of_the_pool_have_tenants_of_their_own(
    servers: Servers, config: Config, tenants: list[Tenant], app: FastAPI, alpha: TestTenant
) -> None:
    changes = {"database_subpools": 3, "database_pool_size": 7, "database_connection_tenants": 0}
    async with pool(servers, config, **changes) as database, pool(servers, config, **changes) as other:
        served: dict[int, set[int]] = {}
        for tenant in [*tenants, await registered(app, alpha.name)] * 2:
            engine = database.server.engine_for(tenant.name.schema)
            backend = await backend_of(database, tenant)
            served.setdefault(id(engine), set()).add(backend)
            assert other.server.engines.index(other.server.engine_for(tenant.name.schema)) == (
                database.server.engines.index(engine)
            )

        assert len(served) == 3
        assert len(set().union(*served.values())) == sum(len(backends) for backends in served.values())
        assert database.pool_state()["limit"] == 9  # a third, rounded up, each
        async with database.system() as unit:
            assert (await unit.execute(select(1))).scalar_one() == 1
