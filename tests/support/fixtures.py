"""One PostgreSQL, one Valkey, one application and two twin tenants for each test process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from zlib import crc32

import httpx
import pytest
from fastapi import FastAPI

import main
from common.config import Config
from serving.usage import notes
from tests.support.apps import Wired, running
from tests.support.post import PostOffice, post_office
from tests.support.probes import end_idle_connections
from tests.support.servers import Servers, running_servers
from tests.support.staff import Staff, hire
from tests.support.wire import wire_to
from tests.support.world import TestTenant, client_of, create_tenant, create_twin


@pytest.fixture(scope="session", autouse=True)
async def _lent_connections() -> AsyncIterator[None]:
    """Tests lend each other the owner's connections, which end with the process."""
    yield
    await end_idle_connections()


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """The process's own PostgreSQL and Valkey."""
    with running_servers() as started:
        yield started


@pytest.fixture(scope="session")
def config(servers: Servers) -> Config:
    """The configuration of the shared application, with a database of its own."""
    return servers.config(servers.new_database())


@pytest.fixture(scope="session")
async def app(config: Config) -> AsyncIterator[FastAPI]:
    """The shared application, started."""
    application = main.create_app(config)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(notes, "INTERVAL", 24 * 3600.0)  # what is noted is written when a test says so
        async with application.router.lifespan_context(application):
            yield application


@pytest.fixture(scope="session")
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the shared application."""
    async with client_of(app) as client:
        yield client


@pytest.fixture(scope="session")
async def alpha(http: httpx.AsyncClient) -> TestTenant:
    """One of the twins. Tests may add to it, but must leave its five people as they are."""
    return await create_twin(http, "tenant_alpha")


@pytest.fixture(scope="session")
async def beta(http: httpx.AsyncClient) -> TestTenant:
    """The other one."""
    return await create_twin(http, "tenant_beta")


@pytest.fixture(scope="session")
async def all_staff(http: httpx.AsyncClient, config: Config, alpha: TestTenant, beta: TestTenant) -> dict[str, Staff]:
    """In each twin, by its name, people whose permissions reach differently far."""
    return {twin.name: await hire(http, config, twin) for twin in (alpha, beta)}


@pytest.fixture
async def tenant(http: httpx.AsyncClient) -> TestTenant:
    """A tenant of the test's own, with nobody but its owner."""
    return await create_tenant(http)


@pytest.fixture(scope="session")
async def shared_office(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PostOffice]:
    """An application with a database of its own, whose mails are delivered when a test says so."""
    async with post_office(servers, tmp_path_factory.mktemp("office")) as opened:
        yield opened


@pytest.fixture
async def office(shared_office: PostOffice) -> PostOffice:
    """The same, with nothing under way that a test before has left."""
    await shared_office.clear()
    return shared_office


@pytest.fixture(scope="session")
async def branches(shared_office: PostOffice) -> dict[str, TestTenant]:
    """The twin tenants of that application."""
    return {name: await create_twin(shared_office.http, f"tenant_{name}") for name in ("north", "south")}


@pytest.fixture
def branch(request: pytest.FixtureRequest, office: PostOffice, branches: dict[str, TestTenant]) -> TestTenant:
    """One of them, with no mail under way: which one, the test's name decides, so that both are lived in."""
    del office  # it is cleared
    return branches[("north", "south")[crc32(request.node.nodeid.encode()) % 2]]


@pytest.fixture(scope="session")
async def wired(servers: Servers, config: Config, app: FastAPI) -> AsyncIterator[Wired]:
    """A second application on the shared one's database, through a wire that counts its pool's round trips.

    It serves the same tenants, and the shared application's tokens are good here too.
    """
    direct = config.database_url.get_secret_value()
    async with (
        wire_to(direct) as wire,
        running(servers.config(wire.url, database_owner_url=direct, database_direct_url=direct)) as (wired_app, client),
    ):
        yield Wired(wired_app, client, wire)
