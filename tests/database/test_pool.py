"""A pooled connection carries nothing from one tenant's request into the next, whatever happened in between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import StatementError

from common.audit import Origin
from common.errors import Overloaded
from common.ids import new_id
from database import Database, Tenant
from tests.database.narrow import OLDEST_USERS, Narrow, assert_bare, assert_next_sees_its_own
from tests.support.apps import services_of
from tests.support.servers import Servers
from users.models import Team

pytestmark = [pytest.mark.promise("T3"), pytest.mark.usefixtures("nothing_is_left")]

ORIGIN: Final = Origin("pool-of-one")


# -- Things that go wrong -------------------------------------------------------------------------------------------


async def break_a_rule(database: Database, tenant: Tenant) -> None:
    """A unique violation in the middle of a unit."""
    async with database.write(tenant, origin=ORIGIN) as unit:
        await unit.execute(insert(Team).values(id=new_id(), name="the same"))
        await unit.execute(insert(Team).values(id=new_id(), name="the same"))


async def write_in_a_read(database: Database, tenant: Tenant) -> None:
    """A statement that a read-only transaction refuses."""
    async with database.read(tenant) as unit:
        await unit.execute(insert(Team).values(id=new_id(), name="never"))


async def take_too_long(database: Database, tenant: Tenant) -> None:
    """The statement timeout."""
    async with database.read(tenant) as unit:
        await unit.execute(select(func.set_config("statement_timeout", "50ms", True)))
        await unit.execute(select(func.pg_sleep(10)))


async def send_nonsense(database: Database, tenant: Tenant) -> None:
    """A syntax error as the very first statement."""
    async with database.read(tenant) as unit:
        await unit.execute(text("SELEC nonsense"))


async def not_compile(database: Database, tenant: Tenant) -> None:
    """A statement that fails before anything, even BEGIN, is sent."""
    async with database.read(tenant) as unit:
        await unit.execute(text("SELECT :missing"))


async def die(database: Database, tenant: Tenant) -> None:
    """The connection is killed below the unit."""
    async with database.write(tenant, origin=ORIGIN) as unit:
        unit.audit("test.died")
        await unit.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))


async def lack_the_role(database: Database, tenant: Tenant) -> None:
    """The opening message fails half way: the path is set, the role is not."""
    async with database.read(replace(tenant, role="tenant_nobody")) as unit:
        await unit.execute(select(1))


async def forget_the_audit(database: Database, tenant: Tenant) -> None:
    """A change without an audit entry, which commit refuses."""
    async with database.write(tenant, origin=ORIGIN) as unit:
        await unit.execute(insert(Team).values(id=new_id(), name="unaudited"))


Failure = Callable[[Database, Tenant], Awaitable[None]]
FAILURES: Final[tuple[Failure, ...]] = (
    break_a_rule,
    write_in_a_read,
    take_too_long,
    send_nonsense,
    not_compile,
    die,
    lack_the_role,
    forget_the_audit,
)


@pytest.mark.parametrize("fail", FAILURES, ids=lambda failure: failure.__name__)
async def test_after_a_failure_the_connection_is_bare(narrow: Narrow, fail: Failure) -> None:
    for tenant in narrow.tenants:
        with pytest.raises((StatementError, RuntimeError)):
            await fail(narrow.database, tenant)

        await assert_bare(narrow)
    await assert_next_sees_its_own(narrow)


async def test_failing_requests_of_two_tenants_in_turns_do_not_mix(narrow: Narrow) -> None:
    body = {"email": "owner@twin.example", "username": "pool.taken"}
    for owner in narrow.owners() * 2:
        assert (await owner.post("/users", json=body)).status_code == 409
        assert (await owner.get(f"/users/{new_id()}")).status_code == 404
        assert (await owner.get("/users?q=%25")).status_code == 200
    await assert_next_sees_its_own(narrow)


async def test_many_requests_of_two_tenants_share_one_connection(narrow: Narrow) -> None:
    owners = narrow.owners()

    answers = await asyncio.gather(*(owners[number % 2].get(OLDEST_USERS) for number in range(20)))

    for number, answer in enumerate(answers):
        assert narrow.twins[number % 2].canary in answer.text
        assert narrow.twins[1 - number % 2].canary not in answer.text


async def test_a_pool_that_stays_empty_answers_503(narrow: Narrow, servers: Servers) -> None:
    config = servers.config(narrow.owner_url, database_pool_size=1, database_pool_timeout=0.05)
    url = services_of(narrow.app).database.server.engine.url.render_as_string(hide_password=False)
    database = Database(config, url)
    async with database.read(narrow.tenants[0]) as unit:
        await unit.execute(select(1))
        with pytest.raises(Overloaded):
            await database.read(narrow.tenants[1]).execute(select(1))
    assert database.pool_state() == {"in_use": 0, "idle": 1, "limit": 1}
    await database.close()
