"""A prepared database with two tenants on each version of PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import asyncpg
import pytest

from common.config import Config
from database import Scope
from manage.embedded import EmbeddedPostgres
from migrations.bootstrap import prepare_database
from tests.support.apps import connect
from tests.support.clusters import NEWEST, cluster, installed_versions, make_tenant, plain_database
from tests.support.servers import Servers


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
