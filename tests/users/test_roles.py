"""``/users/roles`` and ``/users/permissions``: two lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
import httpx
import pytest

from common.config import Config
from common.ids import new_id
from migrations.seed import CATALOGUE, SYSTEM_ROLES
from tests.support.contracts import GrowingListContract, ListContract, Row
from tests.support.contracts.lists import walk
from tests.support.contracts.resource import moment
from tests.support.probes import owner_connection
from tests.support.world import TestTenant, create_tenant


class TestListOfRoles(GrowingListContract):
    """Sixty roles beside the five that every tenant has."""

    path = "/users/roles"
    sorts = ("created_at", "name")

    @pytest.fixture(scope="module")
    @staticmethod
    async def listed(http: httpx.AsyncClient, config: Config) -> TestTenant:
        """A tenant with many roles, four of each creation time."""
        tenant = await create_tenant(http)
        rows = [Row(f"role{number}", f"role {number}", moment(number // 4)) for number in range(60)]
        async with owner_connection(config, tenant.name) as connection:
            await TestListOfRoles.insert(connection, rows)
        return tenant

    @staticmethod
    async def insert(connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        """Roles of one rank."""
        await connection.executemany(
            """INSERT INTO roles (id, name, description, rank, created_at, updated_at)
               VALUES ($1, $2, $3, 7, $4, $4)""",
            [(new_id(), row.word, row.text, row.created_at) for row in rows],
        )

    async def test_the_highest_rank_comes_first(self, listed: TestTenant) -> None:
        items = await walk(listed.owner, self.path, limit=3)

        assert [item["name"] for item in items[:5]] == [role.name for role in SYSTEM_ROLES]
        assert [item["is_system"] for item in items[:6]] == [True] * 5 + [False]

    async def test_a_role_names_what_it_holds_and_how_far_that_reaches(self, alpha: TestTenant) -> None:
        items = await walk(alpha.owner, self.path)

        held = {item["name"]: item["permissions"] for item in items}
        for role in SYSTEM_ROLES:
            granted = [name if level == "all" else f"{name}:{level}" for name, level in role.grants.items()]
            assert held[role.name] == sorted(granted, key=lambda text: text.split(":")[:2]), role.name


class TestListOfPermissions(ListContract):
    """The catalogue."""

    path = "/users/permissions"
    sorts = ("name",)
    identity = "name"

    @pytest.fixture
    def listed(self, alpha: TestTenant) -> TestTenant:
        """Every tenant has the same."""
        return alpha

    async def test_it_is_the_catalogue_of_the_code(self, alpha: TestTenant) -> None:
        items = await walk(alpha.owner, self.path, limit=10)

        expected = [{"name": one.name, "module": one.module, "description": one.description} for one in CATALOGUE]
        assert items == sorted(expected, key=lambda item: item["name"])


@pytest.mark.parametrize("path", ["/users/roles", "/users/permissions"])
async def test_reading_roles_needs_a_permission(alpha: TestTenant, path: str) -> None:
    anonymous = await alpha.anonymous.get(path)
    member = await alpha.member.get(path)
    viewer: Any = await alpha.people["viewer"].api.get(path)

    assert (anonymous.status_code, anonymous.json()["code"]) == (401, "unauthenticated")
    assert (member.status_code, member.json()["code"]) == (403, "permission_denied")
    assert "roles:read" in member.json()["detail"]
    assert viewer.status_code == 200
