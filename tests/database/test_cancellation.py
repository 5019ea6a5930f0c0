"""Work that is cancelled, as a request is whose client goes away, is done or not done, and the pool stays whole."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import pytest
from sqlalchemy import func, insert, select

from common.audit import Origin
from common.ids import new_id
from tests.database.narrow import Narrow, assert_bare, assert_next_sees_its_own
from tests.support.apps import connect
from users.models import Team, User

pytestmark = [pytest.mark.promise("T3"), pytest.mark.usefixtures("nothing_is_left")]

ORIGIN: Final = Origin("cancelled")
TRIPS: Final = 5
_numbers = itertools.count(1)


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
        await narrow.database.server.engine.dispose()

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
