"""The list of invitations does what all lists do."""

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
    """A tenant with sixty invitations, four of each creation time."""
    tenant = await create_tenant(http)
    rows = [Row(f"row{number}", f"row {number}", moment(number // 4)) for number in range(60)]
    async with owner_connection(config, tenant.name) as connection:
        await TestListOfInvitations.insert(connection, rows)
    return tenant


class TestListOfInvitations(GrowingListContract):
    """Many invitations."""

    path = "/users/invitations"
    sorts = ("created_at", "expires_at", "email")

    @staticmethod
    async def insert(connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        """Invitations that were never mailed, to addresses that hold the rows' texts."""
        await connection.executemany(
            """INSERT INTO invitations (id, email, email_normalized, expires_at, created_at, updated_at)
               VALUES ($1, $2, lower($2), $3::timestamptz + interval '7 days', $3, $3)""",
            [(new_id(), f"{row.word} {row.text} @twin.example", row.created_at) for row in rows],
        )
