"""A prepared database with two tenants on each version of PostgreSQL, and an application with a pool of one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import asyncpg
import pytest
from fastapi import FastAPI

from common.config import Config
from database import Scope
from manage.embedded import EmbeddedPostgres
from migrations.bootstrap import prepare_database
from tests.database.narrow import Narrow, assert_bare
from tests.support.apps import connect, registered, running
from tests.support.clusters import NEWEST, cluster, installed_versions, make_tenant, plain_database
from tests.support.servers import Servers
from tests.support.wire import wire_to
from tests.support.world import TestTenant


@dataclass(frozen=True, slots=True)
class Fortress:
    """A prepared database that holds the tenants ``ours`` and ``theirs``."""

    config: Config
    login_role: str
    login_url: str


@pytest.fixture(scope="session", params=sorted(installed_versions()), ids=lambda version: f"pg{version}")
def postgres(request: pytest.FixtureRequest, servers: Servers) -> Iterator[EmbeddedPostgres]:
    """A server of each version; the newest is the one that all tests share."""
    if request.param == NEWEST:
        yield servers.postgres
    else:
        with cluster(request.param) as server:
            yield server


@pytest.fixture(scope="session")
async def fortress(postgres: EmbeddedPostgres) -> Fortress:
    """The database."""
    config = await plain_database(postgres)
    login = await prepare_database(config)
    for name in ("ours", "theirs"):
        await make_tenant(config, name)
    return Fortress(config, login.role, login.url)


@pytest.fixture
async def owner(fortress: Fortress) -> AsyncIterator[asyncpg.Connection]:
    """The owner's connection."""
    async with connect(fortress.config.owner_url) as connection:
        yield connection


@pytest.fixture
async def login(fortress: Fortress) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the service's login role, without a unit around it."""
    async with connect(fortress.login_url) as connection:
        yield connection


@pytest.fixture
async def inside(login: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """The same connection, inside a transaction of the tenant ``ours``."""
    scope = Scope("tenant_ours", "tenant_ours")
    await login.execute(f"BEGIN; {scope.opening(read_only=False, timeout_ms=8000)}")
    yield login
    await login.execute("ROLLBACK")


@pytest.fixture(scope="session")
async def narrow(
    servers: Servers, config: Config, app: FastAPI, alpha: TestTenant, beta: TestTenant
) -> AsyncIterator[Narrow]:
    """An application on the shared database with a pool of one, whose connection is on a wire."""
    del app  # it prepared the database
    url = config.database_url.get_secret_value()
    async with (
        wire_to(url) as wire,
        running(servers.config(wire.url, database_owner_url=url, database_pool_size=1)) as (narrow_app, http),
    ):
        tenants = (await registered(narrow_app, alpha.name), await registered(narrow_app, beta.name))
        yield Narrow(narrow_app, http, wire, url, tenants, (alpha, beta))


@pytest.fixture
async def nothing_is_left(narrow: Narrow) -> AsyncIterator[None]:
    """After each test the pool is whole, its connection is bare, and no transaction is open."""
    yield
    await assert_bare(narrow)
    for _ in range(100):  # what was cancelled is given back in its own time
        if narrow.database.pool_state()["in_use"] == 0:
            break
        await asyncio.sleep(0.05)
    assert narrow.database.pool_state()["in_use"] == 0
    open_transactions = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
    async with connect(narrow.owner_url) as owner:
        for _ in range(100):  # a backend whose client hung up needs a moment to notice
            if (idle := await owner.fetchval(open_transactions)) == 0:
                break
            await asyncio.sleep(0.05)
    assert idle == 0
