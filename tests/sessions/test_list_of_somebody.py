"""The list of somebody's sessions, as an administrator sees it, does what all lists do."""

from __future__ import annotations

import httpx
import pytest

from common.config import Config
from tests.sessions import test_list as own
from tests.support.contracts import Row
from tests.support.contracts.resource import moment
from tests.support.probes import owner_connection
from tests.support.world import TestTenant, create_tenant


@pytest.fixture(scope="module")
async def listed(http: httpx.AsyncClient, config: Config) -> TestTenant:
    """A tenant whose owner is logged in at sixty places, four of each creation time."""
    tenant = await create_tenant(http)
    for key in ("sessions.idle_seconds", "sessions.absolute_seconds"):  # the rows are years old
        assert (await tenant.owner.put(f"/settings/{key}", json={"value": 3_000_000_000})).status_code == 200
    rows = [Row(f"row{number}", f"row {number}", moment(number // 4)) for number in range(60)]
    async with owner_connection(config, tenant.name) as connection:
        await own.TestListOfSessions.insert(connection, rows)
    TestListOfSomebodysSessions.path = f"/users/{tenant.people['owner'].id}/sessions"
    return tenant


class TestListOfSomebodysSessions(own.TestListOfSessions):
    """Sixty sessions of one user."""

    template = "/users/{user_id}/sessions"
