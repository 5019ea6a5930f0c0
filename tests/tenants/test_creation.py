"""A tenant is created completely or not at all, however many are created at once and whatever dies meanwhile."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import httpx
import pytest

from common.config import Config
from tests.support.apps import connect, running
from tests.support.catalogue import everything_there_is
from tests.support.probes import owner_connection
from tests.support.servers import PLATFORM_KEY, Servers
from tests.support.wire import Wire, wire_to
from tests.support.world import API, PASSWORD, TestTenant

pytestmark = pytest.mark.promise("T5")

ADMIN = {"email": "owner@twin.example", "username": "owner", "password": PASSWORD}


async def create(http: httpx.AsyncClient, name: str, **admin: str) -> httpx.Response:
    """Ask for a tenant of this name."""
    headers = {"X-Tenant-ID": name, "X-Platform-Key": PLATFORM_KEY}
    return await http.post(
        f"{API}/auth/initialize-tenant", headers=headers, json={"name": name, "admin": ADMIN | admin}
    )


async def is_ready(http: httpx.AsyncClient, name: str) -> bool:
    """Whether the operator is told that nothing is missing."""
    headers = {"X-Tenant-ID": name, "X-Platform-Key": PLATFORM_KEY}
    details = (await http.post(f"{API}/auth/verify-tenant", headers=headers)).json()
    return bool(details["ready"]) and details["missing_tables"] == []


async def test_of_twenty_creations_of_one_name_one_wins(http: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(create(http, "wanted") for _ in range(20)))

    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 19}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"tenant_exists"}
    assert await is_ready(http, "wanted")


async def test_creations_at_once_wait_for_their_turn(servers: Servers, config: Config) -> None:
    """More creations than passwords may be hashed or connections opened at once: none is turned away.

    Eight stand for T5's hundred, which take some fifteen seconds; the limits are small instead.
    """
    small = servers.config(config.owner_url, password_workers=2, password_queue=2, database_pool_size=2)
    names = [f"crowd{number}" for number in range(8)]
    async with running(small) as (_, http):
        answers = await asyncio.gather(*(create(http, name) for name in names))

        assert Counter(answer.status_code for answer in answers) == {201: 8}
        assert all([await is_ready(http, name) for name in names])


async def test_a_schema_that_the_registry_does_not_know_is_not_taken_over(
    http: httpx.AsyncClient, config: Config
) -> None:
    async with connect(config.owner_url) as owner:
        await owner.execute("CREATE SCHEMA tenant_leftover")

        answer = await create(http, "leftover")

        assert (answer.status_code, answer.json()["code"]) == (409, "tenant_exists")
        await owner.execute("DROP SCHEMA tenant_leftover")
    assert (await create(http, "leftover")).status_code == 201


async def test_a_role_that_was_left_behind_does_not_stop_a_creation(http: httpx.AsyncClient, config: Config) -> None:
    async with connect(config.owner_url) as owner:
        await owner.execute("CREATE ROLE tenant_returned NOLOGIN")

    assert (await create(http, "returned")).status_code == 201


async def test_a_refused_owner_leaves_nothing(http: httpx.AsyncClient, config: Config) -> None:
    before = await everything_there_is(config)

    assert (await create(http, "refused", password="short")).status_code == 422
    assert (await create(http, "refused", username="?")).status_code == 422
    assert await everything_there_is(config) == before


# -- Killed creations -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def owner_wire(config: Config) -> AsyncIterator[Wire]:
    """A wire on which only the owner's connections are."""
    async with wire_to(config.owner_url) as wire:
        yield wire


@pytest.fixture(scope="module")
async def watched(servers: Servers, config: Config, owner_wire: Wire) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application on the shared database whose owner is on the wire."""
    url = config.database_url.get_secret_value()
    async with running(servers.config(url, database_owner_url=owner_wire.url)) as (_, http):
        yield http


async def trips_of_a_creation(http: httpx.AsyncClient, wire: Wire, name: str) -> int:
    """How often the owner speaks while a tenant is made."""
    wire.reset()
    assert (await create(http, name)).status_code == 201
    return wire.trips


async def kill_the_owner(config: Config) -> None:
    """End every connection of the owner but the one that ends them."""
    async with connect(config.owner_url) as owner:
        killed = await owner.fetch(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() "
            "AND usename = session_user AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
    assert [ended for (ended,) in killed] == [True]


async def test_a_creation_whose_connection_is_killed_leaves_nothing(
    config: Config, owner_wire: Wire, watched: httpx.AsyncClient
) -> None:
    trips = await trips_of_a_creation(watched, owner_wire, "measured")
    before = await everything_there_is(config)
    for point in range(4, trips + 1, 6):  # from the first statement, when it is signed in, up to COMMIT
        owner_wire.reset()

        async def kill(trip: int, point: int = point) -> None:
            if trip == point:
                await kill_the_owner(config)

        owner_wire.before_trip = kill
        answer = await create(watched, "victim")
        owner_wire.before_trip = None

        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable"), (point, answer.text)
        assert await everything_there_is(config) == before, point
    assert (await create(watched, "victim")).status_code == 201
    assert await is_ready(watched, "victim")


async def test_a_creation_whose_client_went_away_leaves_nothing_or_a_whole_tenant(
    config: Config, owner_wire: Wire, watched: httpx.AsyncClient
) -> None:
    trips = await trips_of_a_creation(watched, owner_wire, "measured_too")
    before = await everything_there_is(config)
    for point in range(1, trips + 1, 7):
        owner_wire.reset()
        task = asyncio.create_task(create(watched, "abandoned"))

        async def abandon(trip: int, point: int = point, task: asyncio.Task[httpx.Response] = task) -> None:
            if trip == point:
                task.cancel()
                await asyncio.sleep(0)

        owner_wire.before_trip = abandon
        with pytest.raises(asyncio.CancelledError):
            await task
        owner_wire.before_trip = None

        if await everything_there_is(config) != before:
            assert await is_ready(watched, "abandoned"), point
            break
    else:
        assert (await create(watched, "abandoned")).status_code == 201


async def test_a_missing_table_is_named_to_the_operator(config: Config, tenant: TestTenant) -> None:
    key = {"X-Platform-Key": PLATFORM_KEY}
    async with owner_connection(config, tenant.name) as owner:
        await owner.execute("DROP TABLE note_links, notes CASCADE")

    answer = (await tenant.anonymous.post("/auth/verify-tenant", headers=key)).json()

    assert answer["missing_tables"] == ["note_links", "notes"]
    assert (answer["exists"], answer["ready"]) == (True, False)
