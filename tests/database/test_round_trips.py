"""What a unit of work costs on the wire, counted at the socket."""

from __future__ import annotations

import itertools
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from common.audit import Origin
from common.ids import new_id
from database import Tenant, WriteUnit
from tests.support.apps import Wired, registered, services_of
from tests.support.world import PASSWORD, Api, TestTenant
from users.models import Team, User

_numbers = itertools.count(1)
ORIGIN = Origin("round-trips")


@pytest.fixture
async def alpha_there(wired: Wired, alpha: TestTenant) -> Tenant:
    """Alpha, as the wired application knows it."""
    return await registered(wired.app, alpha.name)


@pytest.fixture
async def owner(wired: Wired, alpha: TestTenant) -> Api:
    """Alpha's owner as a client of the wired application."""
    return Api(wired.http, alpha.owner.headers)


async def warm_cost(wired: Wired, action: Callable[[], Awaitable[Any]]) -> int:
    """Trips of the action once its statements are prepared and the caches filled: the least of a few attempts, since
    a cache entry lives for less than a second."""
    costs = []
    for _ in range(4):
        wired.wire.reset()
        await action()
        costs.append(wired.wire.trips)
    return min(costs)


async def add_team(unit: WriteUnit) -> None:
    """One statement and one audit entry."""
    await unit.execute(insert(Team).values(id=new_id(), name=f"team {next(_numbers)} of the wire"))
    unit.audit("test.team.created")


async def test_a_tenant_read_costs_three_round_trips(wired: Wired, alpha_there: Tenant) -> None:
    async def read() -> None:
        async with services_of(wired.app).database.read(alpha_there) as unit:
            await unit.execute(select(func.count()).select_from(User))

    assert await warm_cost(wired, read) == 3
    begin, commit = wired.wire.statements  # the query in between is prepared: its text is not sent again
    assert begin.startswith('BEGIN; SET TRANSACTION READ ONLY; SET LOCAL search_path TO "tenant_alpha"')
    assert commit == "COMMIT;"


async def test_a_tenant_write_costs_its_statements_and_three(wired: Wired, alpha_there: Tenant) -> None:
    async def write() -> None:
        async with services_of(wired.app).database.write(alpha_there, origin=ORIGIN) as unit:
            await add_team(unit)
            await unit.execute(select(func.count()).select_from(Team))

    assert await warm_cost(wired, write) == 2 + 3  # BEGIN, the audit entry, COMMIT


async def test_audit_entries_cost_one_round_trip_however_many(wired: Wired, alpha_there: Tenant) -> None:
    async def write() -> None:
        async with services_of(wired.app).database.write(alpha_there, origin=ORIGIN) as unit:
            for _ in range(5):
                unit.audit("test.noted")

    assert await warm_cost(wired, write) == 3


async def test_a_unit_that_is_not_used_costs_nothing(wired: Wired, alpha_there: Tenant) -> None:
    database = services_of(wired.app).database
    wired.wire.reset()

    async with database.read(alpha_there), database.write(alpha_there, origin=ORIGIN):
        pass

    assert (wired.wire.trips, wired.wire.connections) == (0, 0)


async def test_a_checkout_from_the_pool_costs_nothing(wired: Wired, alpha_there: Tenant) -> None:
    database = services_of(wired.app).database
    async with database.read(alpha_there) as unit:
        await unit.execute(select(1))
    wired.wire.reset()

    async with database.server.engine.connect():
        pass

    assert (wired.wire.trips, wired.wire.connections) == (0, 0)


async def test_a_rolled_back_read_leaves_nothing_to_pay(wired: Wired, alpha_there: Tenant) -> None:
    async def give_up() -> None:
        unit = services_of(wired.app).database.read(alpha_there)
        await unit.execute(select(func.count()).select_from(User))
        await unit.close()

    assert await warm_cost(wired, give_up) == 3  # ROLLBACK instead of COMMIT


async def test_reading_a_user_costs_three_round_trips(wired: Wired, alpha: TestTenant, owner: Api) -> None:
    async def read() -> None:
        assert (await owner.get(f"/users/{alpha.people['member'].id}")).status_code == 200

    assert await warm_cost(wired, read) == 3


async def test_a_page_of_users_costs_three_round_trips(wired: Wired, owner: Api) -> None:
    async def read() -> None:
        assert (await owner.get("/users")).status_code == 200

    assert await warm_cost(wired, read) == 3


async def test_creating_a_user_costs_five_round_trips(wired: Wired, owner: Api) -> None:
    async def create() -> None:
        name = f"wire{next(_numbers)}"
        answer = await owner.post("/users", json={"email": f"{name}@wire.example", "username": name})
        assert answer.status_code == 201, answer.text

    assert await warm_cost(wired, create) == 5  # BEGIN, INSERT, the answer's SELECT, the audit entry, COMMIT


async def test_a_login_costs_thirteen_round_trips(wired: Wired, alpha: TestTenant) -> None:
    client = Api(wired.http, {"X-Tenant-ID": alpha.name})

    async def log_in() -> None:
        answer = await client.post("/auth/login", json={"username": "owner", "password": PASSWORD})
        assert answer.status_code == 200, answer.text

    # Three to find the user, three to count the try, three to take it back; BEGIN, the session, the entry, COMMIT.
    assert await warm_cost(wired, log_in) == 13


async def test_a_known_token_is_verified_without_the_database(wired: Wired, owner: Api) -> None:
    async def verify() -> None:
        assert (await owner.get("/auth/test")).status_code == 200

    assert await warm_cost(wired, verify) == 0


async def test_only_the_begin_message_names_the_tenant(wired: Wired, alpha: TestTenant, owner: Api) -> None:
    """One prepared statement serves all tenants only if no statement's text has a tenant in it."""
    await services_of(wired.app).database.server.engine.dispose()  # new connections prepare everything before our eyes
    wired.wire.reset()
    name = f"wire{next(_numbers)}"
    body = {"email": f"{name}@wire.example", "username": name, "role_ids": [alpha.role_ids["viewer"]]}

    created = await owner.post("/users", json=body, headers={"Idempotency-Key": name})
    await owner.patch(f"/users/{created.json()['id']}", json={"full_name": "Wire"})
    await owner.delete(f"/users/{created.json()['id']}")
    await owner.get("/users?q=wire&include_total=true")

    naming = [text for text in wired.wire.statements if "alpha" in text]
    assert len(naming) >= 4
    assert all(text.startswith("BEGIN") for text in naming)
    assert len(wired.wire.statements) > 3 * len(naming)  # the others are there, too


async def test_what_a_unit_sets_ends_with_its_transaction(wired: Wired, alpha_there: Tenant) -> None:
    """``SET`` without ``LOCAL`` would stay on the pooled connection."""
    wired.wire.reset()
    async with services_of(wired.app).database.write(alpha_there, origin=ORIGIN) as unit:
        await add_team(unit)

    settings = [part for text in wired.wire.statements for part in re.findall(r"\bSET\s+(\w+)", text)]
    assert settings == ["LOCAL"] * 3
