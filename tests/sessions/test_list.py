"""The list of one's sessions does what all lists do."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
import httpx
import pytest

from common.config import Config
from common.ids import new_id
from tests.support.contracts import GrowingListContract, Row
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
        await TestListOfSessions.insert(connection, rows)
    return tenant


class TestListOfSessions(GrowingListContract):
    """Many sessions."""

    path = "/auth/sessions"
    sorts = ("created_at", "last_used_at")

    @staticmethod
    async def insert(connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        """The owner's sessions, with refresh tokens that nobody has."""
        await connection.executemany(
            """INSERT INTO user_sessions (id, user_id, refresh_digest, rotated_at, created_at, last_used_at,
                                          idle_expires_at, expires_at, user_agent)
               SELECT $1, id, '', $2, $2, $2, now() + interval '1 day', now() + interval '1 day', $3
               FROM users WHERE username = 'owner'""",
            [(new_id(), row.created_at, f"browser {row.word} {row.text}") for row in rows],
        )
