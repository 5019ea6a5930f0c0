"""``/users``: what all resources promise, and what is special about people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
import httpx
import pytest

from common.config import Config
from common.ids import new_id
from tests.support.contracts import (
    ConcurrencyContract,
    CrudContract,
    GrowingListContract,
    IdempotencyContract,
    PermissionContract,
    Resource,
    Row,
    TenantIsolationContract,
)
from tests.support.contracts.lists import walk
from tests.support.contracts.resource import moment
from tests.support.probes import owner_connection
from tests.support.world import TestTenant, create_tenant


def names(word: str) -> dict[str, Any]:
    """What every user must have."""
    return {"email": f"{word}@Contract.example", "username": f"{word}.x"}


def whole(word: str) -> dict[str, Any]:
    """A user with every field that needs no other resource."""
    return {
        **names(word),
        "full_name": f"Μαρία {word} O'Neill",
        "phone": "+30 210 1234567",
        "locale": "el-GR",
        "timezone": "Europe/Athens",
        "avatar_url": "https://cdn.example/a.png?x=1",
    }


class TestUsers(CrudContract, ConcurrencyContract, IdempotencyContract, PermissionContract, TenantIsolationContract):
    """One user."""

    resource = Resource(
        path="/users",
        permission="users",
        body=whole,
        replacement=names,
        change={"full_name": "Somebody Else", "locale": "de", "is_active": False},
        defaults={
            "full_name": None,
            "phone": None,
            "locale": "en",
            "timezone": "UTC",
            "avatar_url": None,
            "is_active": True,
        },
        refused={"read": "member", "create": "viewer", "update": "manager", "delete": "manager"},
    )


@pytest.fixture(scope="module")
async def listed(http: httpx.AsyncClient, config: Config) -> TestTenant:
    """A tenant with sixty users, four of each creation time."""
    tenant = await create_tenant(http)
    rows = [Row(f"row{number}", f"row {number}", moment(number // 4)) for number in range(60)]
    async with owner_connection(config, tenant.name) as connection:
        await TestListOfUsers.insert(connection, rows)
    return tenant


class TestListOfUsers(GrowingListContract):
    """Many users."""

    path = "/users"
    sorts = ("created_at", "updated_at", "email", "username")

    @staticmethod
    async def insert(connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        """Without passwords: hashing them would take longer than all of these tests."""
        await connection.executemany(
            """INSERT INTO users (id, email, email_normalized, username, username_normalized, full_name, created_at,
                                  updated_at)
               VALUES ($1, $2, $2, $3, $3, $4, $5, $5)""",
            [(new_id(), f"{row.word}@list.example", row.word, row.text, row.created_at) for row in rows],
        )

    async def test_the_filters_narrow_the_list(self, listed: TestTenant) -> None:
        owner = await walk(listed.owner, self.path, role="Owner")
        by_id = await walk(listed.owner, self.path, role=listed.role_ids["owner"])
        inactive = await walk(listed.owner, self.path, is_active="false")
        of_no_team = await walk(listed.owner, self.path, team="nobody's")

        assert [item["username"] for item in owner] == ["owner"]
        assert (by_id, inactive, of_no_team) == (owner, [], [])

    async def test_several_fields_can_be_sorted_by(self, listed: TestTenant) -> None:
        items = await walk(listed.owner, self.path, sort="-created_at,username", limit=7)

        pairs = [(item["created_at"], item["username"]) for item in items]
        assert pairs == sorted(sorted(pairs, key=lambda pair: pair[1]), key=lambda pair: pair[0], reverse=True)

    async def test_a_cursor_has_room_for_the_longest_address(self, tenant: TestTenant) -> None:
        """NFKC turns one character into up to eighteen; sorted by address, the cursor holds the folded form."""
        local = "ﷺ" * 44
        for number in range(3):
            body = {"email": f"{local}{number}@{'Ω' * 180}.example", "username": f"long{number}"}
            assert (await tenant.owner.post("/users", json=body)).status_code == 201

        items = await walk(tenant.owner, self.path, sort="email,username,created_at,updated_at", limit=1)

        assert len(items) == 4


async def test_answers_to_repeated_requests_do_not_pile_up(config: Config, tenant: TestTenant) -> None:
    """Whoever adds one takes away some that are older than a day, and no younger ones; each tenant its own."""
    async with owner_connection(config, tenant.name) as owner:
        for hours, count in ((25, 30), (23, 3)):
            await owner.execute(
                """INSERT INTO idempotency_keys (caller, route, key, request_digest, status, body, created_at)
                   SELECT gen_random_uuid(), 'POST /x', 'key ' || n, '', 201, '', now() - make_interval(hours => $1)
                   FROM generate_series(1, $2::int) AS n""",
                hours,
                count,
            )
        left = []
        for number in range(3):
            body = {"name": f"team {number}"}
            made = await tenant.owner.post("/users/teams", json=body, headers={"Idempotency-Key": f"new {number}"})
            assert made.status_code == 201, made.text
            left.append(await owner.fetchval("SELECT count(*) FROM idempotency_keys"))

    assert left == [30 - 20 + 3 + 1, 3 + 2, 3 + 3]
