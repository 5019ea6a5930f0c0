"""A pooled connection carries nothing from one tenant's request into the next, whatever happened in between."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import StatementError

from common.audit import Origin
from common.config import Config
from common.errors import Overloaded
from common.ids import new_id
from database import Database, Tenant
from tests.support.apps import connect, registered, running, services_of
from tests.support.servers import Servers
from tests.support.wire import Wire, wire_to
from tests.support.world import Api, TestTenant
from users.models import Team, User

pytestmark = pytest.mark.promise("T3")

ORIGIN: Final = Origin("pool-of-one")
TRIPS: Final = 5
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Narrow:
    """An application on the shared database with one connection for all its requests."""

    app: FastAPI
    http: httpx.AsyncClient
    wire: Wire
    owner_url: str
    tenants: tuple[Tenant, Tenant]
    twins: tuple[TestTenant, TestTenant]

    @property
    def database(self) -> Database:
        """The pool of one."""
        return services_of(self.app).database

    def owners(self) -> list[Api]:
        """The owners of both tenants, as clients of this application."""
        return [Api(self.http, twin.owner.headers) for twin in self.twins]


@pytest.fixture(scope="module")
async def narrow(
    servers: Servers, config: Config, app: FastAPI, alpha: TestTenant, beta: TestTenant
) -> AsyncIterator[Narrow]:
    """It goes through a wire, on which requests are cancelled."""
    del app  # it prepared the database
    url = config.database_url.get_secret_value()
    async with (
        wire_to(url) as wire,
        running(servers.config(wire.url, database_owner_url=url, database_pool_size=1)) as (narrow_app, http),
    ):
        tenants = (await registered(narrow_app, alpha.name), await registered(narrow_app, beta.name))
        yield Narrow(narrow_app, http, wire, url, tenants, (alpha, beta))


@pytest.fixture(autouse=True)
async def nothing_is_left(narrow: Narrow) -> AsyncIterator[None]:
    """After each test the pool is whole, its connection is bare, and no transaction is open."""
    yield
    await assert_bare(narrow)
    assert narrow.database.pool_state()["in_use"] == 0
    open_transactions = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
    async with connect(narrow.owner_url) as owner:
        for _ in range(100):  # a backend whose client hung up needs a moment to notice
            if (idle := await owner.fetchval(open_transactions)) == 0:
                break
            await asyncio.sleep(0.05)
    assert idle == 0


async def assert_bare(narrow: Narrow) -> None:
    """The raw pooled connection, outside any transaction, is the login role's and looks nowhere."""
    login, settings = "", {}
    async with narrow.database.engine.connect() as connection:
        raw: Any = (await connection.get_raw_connection()).driver_connection
        assert not raw.is_in_transaction()
        login, current = await raw.fetchrow("SELECT session_user, current_user")
        names = ("search_path", "role", "statement_timeout", "transaction_read_only")
        settings = {name: await raw.fetchval(f"SHOW {name}") for name in names}
    assert current == login
    assert settings == {
        "search_path": '"$user", public',
        "role": "none",
        "statement_timeout": "0",
        "transaction_read_only": "off",
    }


async def assert_next_sees_its_own(narrow: Narrow) -> None:
    """Each tenant's next request finds its own rows only."""
    for twin, other, owner in zip(narrow.twins, reversed(narrow.twins), narrow.owners(), strict=True):
        answer = await owner.get("/users?limit=200")
        assert answer.status_code == 200, answer.text
        assert twin.canary in answer.text
        assert other.canary not in answer.text


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

    answers = await asyncio.gather(*(owners[number % 2].get("/users?limit=200") for number in range(20)))

    for number, answer in enumerate(answers):
        assert narrow.twins[number % 2].canary in answer.text
        assert narrow.twins[1 - number % 2].canary not in answer.text


async def test_a_pool_that_stays_empty_answers_503(narrow: Narrow, servers: Servers) -> None:
    config = servers.config(narrow.owner_url, database_pool_size=1, database_pool_timeout=0.05)
    database = Database(config, services_of(narrow.app).database.engine.url.render_as_string(hide_password=False))
    async with database.read(narrow.tenants[0]) as unit:
        await unit.execute(select(1))
        with pytest.raises(Overloaded):
            await database.read(narrow.tenants[1]).execute(select(1))
    assert database.pool_state() == {"in_use": 0, "idle": 1, "limit": 1}
    await database.close()


# -- Clients that go away -------------------------------------------------------------------------------------------


async def write_a_team(narrow: Narrow, number: int) -> None:
    """A unit of five round trips."""
    async with narrow.database.write(narrow.tenants[number % 2], origin=ORIGIN) as unit:
        await unit.execute(insert(Team).values(id=new_id(), name=f"cancelled {number}"))
        await unit.execute(select(func.count()).select_from(User))
        unit.audit("test.team.created")


async def post_a_user(narrow: Narrow, number: int) -> None:
    """A request of five round trips."""
    body = {"email": f"gone{number}@pool.example", "username": f"pool.gone{number}"}
    assert (await narrow.owners()[number % 2].post("/users", json=body)).status_code == 201


Work = Callable[[Narrow, int], Awaitable[None]]


@pytest.mark.parametrize("work", [write_a_team, post_a_user], ids=["unit", "request"])
async def test_work_cancelled_at_any_round_trip_is_done_or_not_done(narrow: Narrow, work: Work) -> None:
    for trip, delay in itertools.product(range(1, TRIPS + 1), (None, 0, 0.001)):
        number = next(_numbers)
        await assert_next_sees_its_own(narrow)  # also prepares what will be cancelled: a living connection, warm caches

        await cancel_at(narrow, trip, delay, asyncio.ensure_future(work(narrow, number)))

        await assert_bare(narrow)
    assert await halves(narrow) == []


async def test_work_cancelled_while_it_connects_leaves_the_pool_whole(narrow: Narrow) -> None:
    for trip in range(1, 9):
        await narrow.database.engine.dispose()

        await cancel_at(narrow, trip, None, asyncio.ensure_future(write_a_team(narrow, next(_numbers))))

        await assert_next_sees_its_own(narrow)
    assert await halves(narrow) == []


async def cancel_at(narrow: Narrow, trip: int, delay: float | None, work: asyncio.Future[None]) -> None:
    """Cancel the work when it sends for the n-th time: before the server hears of it, or ``delay`` seconds later."""

    async def cancel(sent: int) -> None:
        if sent == trip and delay is None:
            work.cancel()
        elif sent == trip:
            asyncio.get_running_loop().call_later(delay or 0, work.cancel)

    narrow.wire.reset()
    narrow.wire.before_trip = cancel
    with suppress(asyncio.CancelledError):
        await work
    narrow.wire.before_trip = None
    assert narrow.wire.trips >= trip


async def halves(narrow: Narrow) -> list[str]:
    """Teams without their audit entry or the reverse, users without theirs, per tenant."""
    found: list[str] = []
    async with connect(narrow.owner_url) as owner:
        for tenant in narrow.tenants:
            schema = tenant.name.schema
            teams, noted = await owner.fetchrow(
                f"SELECT (SELECT count(*) FROM {schema}.teams WHERE name LIKE 'cancelled %'), "
                f"(SELECT count(*) FROM {schema}.audit_logs WHERE action = 'test.team.created' "
                f"AND request_id = '{ORIGIN.request_id}')"
            )
            users, told = await owner.fetchrow(
                f"SELECT (SELECT count(*) FROM {schema}.users WHERE username LIKE 'pool.gone%'), "
                f"(SELECT count(*) FROM {schema}.audit_logs WHERE action = 'users.user.created' "
                "AND target_name LIKE 'pool.gone%')"
            )
            found += [schema] if (teams, users) != (noted, told) else []
    return found
