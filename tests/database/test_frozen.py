"""A server that stops answering in the middle of a transaction: the wait is as long as was agreed, and is over then."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from common.config import Config
from tests.support.apps import running, services_of
from tests.support.problems import problem_of
from tests.support.servers import Servers
from tests.support.wire import Wire, wire_to
from tests.support.world import API, TestTenant

TRIPS: Final = 5  # of the request
AGREED: Final = 1.5  # seconds a statement may take by the client's clock
ENOUGH: Final = AGREED + 1.4  # whoever lets the drivers end such a connection in order waits for another two


@contextmanager
def frozen(wire: Wire, trips: int) -> Iterator[None]:
    """So many round trips pass, and then nothing on any connection until the end of the block."""
    left, thawed = [trips], asyncio.Event()

    async def hold(_: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            await thawed.wait()

    wire.before_trip = hold
    try:
        yield
    finally:
        wire.before_trip = None
        thawed.set()


@pytest.mark.promise("S2")
async def test_a_frozen_server_is_given_up_in_time(
    servers: Servers, config: Config, alpha: TestTenant, beta: TestTenant
) -> None:
    direct = config.database_url.get_secret_value()
    times = {"database_statement_timeout": AGREED - 1, "database_connect_timeout": 0.5}
    async with (
        wire_to(direct) as wire,
        running(servers.config(wire.url, database_owner_url=direct, database_direct_url=direct, **times)) as (
            app,
            http,
        ),
    ):
        for trip in range(TRIPS):
            headers = (alpha, beta)[trip % 2].owner.headers
            assert (await http.post(f"{API}/tools/notes", json={"title": "before"}, headers=headers)).status_code == 201

            with frozen(wire, trip):
                async with asyncio.timeout(ENOUGH):
                    answer = await http.post(f"{API}/tools/notes", json={"title": "frozen"}, headers=headers)

            problem_of(answer, 503, "database_unavailable")
            assert services_of(app).database.pool_state()["in_use"] == 0
            assert (await http.post(f"{API}/tools/notes", json={"title": "after"}, headers=headers)).status_code == 201
