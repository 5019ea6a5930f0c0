"""The lists of teams and of their members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from common.config import Config
from common.ids import new_id
from tests.roles_teams.people import new_team
from tests.support.contracts import GrowingListContract, ListContract, Row
from tests.support.contracts.resource import moment
from tests.support.probes import owner_connection
from tests.support.world import TestTenant, create_tenant


class TestListOfTeams(GrowingListContract):
    """Many teams."""

    path = "/users/teams"
    sorts = ("name", "created_at", "updated_at")

    @pytest.fixture(scope="module")
    @staticmethod
    async def listed(http: httpx.AsyncClient, config: Config) -> TestTenant:
        """A tenant with sixty teams, four of each creation time."""
        tenant = await create_tenant(http)
        rows = [Row(f"team{number}", f"team {number}", moment(number // 4)) for number in range(60)]
        async with owner_connection(config, tenant.name) as connection:
            await TestListOfTeams.insert(connection, rows)
        return tenant

    @staticmethod
    async def insert(connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        """Teams without members."""
        await connection.executemany(
            "INSERT INTO teams (id, name, description, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)",
            [(new_id(), row.word, row.text, row.created_at) for row in rows],
        )


class TestListOfMembers(ListContract):
    """A team of sixty."""

    template = "/users/teams/{team_id}/members"
    sorts = ("username", "joined_at")
    identity = "joined_at"

    @pytest.fixture(scope="module")
    @staticmethod
    async def listed(http: httpx.AsyncClient, config: Config) -> TestTenant:
        """Each joined at a time of his own."""
        tenant = await create_tenant(http)
        team = await new_team(tenant.owner)
        TestListOfMembers.path = f"/users/teams/{team}/members"
        async with owner_connection(config, tenant.name) as connection:
            for number in range(60):
                user_id, name = new_id(), f"Some.one{number * 7 % 60}"
                await connection.execute(
                    """INSERT INTO users (id, email, email_normalized, username, username_normalized)
                       VALUES ($1, $2, $2, $3, lower($3))""",
                    user_id,
                    f"{name}@twin.example".lower(),
                    name,
                )
                await connection.execute(
                    "INSERT INTO team_members (team_id, user_id, joined_at) VALUES ($1, $2, $3)",
                    UUID(team),
                    user_id,
                    moment(number),
                )
        return tenant

    def sort_value(self, item: dict[str, Any], sort: str) -> Any:
        """The name is in the member's user."""
        return item["user"]["username"].lower() if sort == "username" else item["joined_at"]

    async def test_members_are_found_by_name(self, listed: TestTenant) -> None:
        answer = await listed.owner.get(self.path, params={"q": "ONE59"})

        (member,) = answer.json()["items"]
        assert member["user"].keys() == {"id", "username", "full_name"}
        assert (member["user"]["username"], member["role"]) == ("Some.one59", "member")
