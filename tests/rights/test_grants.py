"""Nobody gives what he lacks, and nobody touches who stands above him."""

from __future__ import annotations

import itertools
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.rights.conftest import insert_team_with_role, insert_user
from tests.support.things import insert_role
from tests.support.world import Api, TestTenant, add_person

pytestmark = pytest.mark.promise("R2")

_numbers = itertools.count(1)


async def _create(api: Api, **links: Any) -> tuple[str, httpx.Response]:
    name = f"granted{next(_numbers)}"
    body = {"email": f"{name}@twin.example", "username": name, **links}
    return name, await api.post("/users", json=body)


async def _exists(owner: asyncpg.Connection, name: str) -> bool:
    return bool(await owner.fetchval("SELECT count(*) FROM users WHERE username = $1", name))


async def _refused(owner: asyncpg.Connection, api: Api, **links: Any) -> None:
    name, answer = await _create(api, **links)
    assert answer.status_code == 403, answer.text
    assert answer.json()["code"] == "permission_denied"
    assert not await _exists(owner, name)


async def _given(owner: asyncpg.Connection, api: Api, **links: Any) -> None:
    name, answer = await _create(api, **links)
    assert answer.status_code == 201, answer.text
    assert await _exists(owner, name)


async def test_a_refusal_by_rank_is_one_entry_too(alpha: TestTenant, owner: asyncpg.Connection) -> None:
    count = "SELECT count(*) FROM audit_logs WHERE action = 'permission.rank.refused' AND outcome = 'failure'"
    before = await owner.fetchval(count)

    await _refused(owner, alpha.people["admin"].api, role_ids=[alpha.role_ids["owner"]])

    assert await owner.fetchval(count) == before + 1


async def test_a_role_above_ones_own_cannot_be_given(alpha: TestTenant, owner: asyncpg.Connection) -> None:
    admin = alpha.people["admin"].api

    await _refused(owner, admin, role_ids=[alpha.role_ids["owner"]])
    await _refused(owner, admin, role_ids=[alpha.role_ids["viewer"], alpha.role_ids["owner"]])

    await _given(owner, admin, role_ids=[alpha.role_ids["admin"]])
    await _given(owner, alpha.owner, role_ids=[alpha.role_ids["owner"]])


async def test_a_humble_role_with_a_permission_one_lacks_cannot_be_given(
    alpha: TestTenant, owner: asyncpg.Connection
) -> None:
    """Rank alone does not protect: a role of the tenant's own has none."""
    ownership, plain = await insert_role(owner, "tenant:own"), await insert_role(owner, "users:read")

    await _refused(owner, alpha.people["admin"].api, role_ids=[ownership])
    await _given(owner, alpha.people["admin"].api, role_ids=[plain])
    await _given(owner, alpha.owner, role_ids=[ownership])


async def test_a_team_is_no_way_around(alpha: TestTenant, owner: asyncpg.Connection) -> None:
    """Its members hold its roles."""
    of_owners = await insert_team_with_role(owner, "owner")
    of_viewers = await insert_team_with_role(owner, "viewer")

    await _refused(owner, alpha.people["admin"].api, team_ids=[str(of_owners)])
    await _refused(owner, alpha.people["admin"].api, team_ids=[str(of_viewers), str(of_owners)])

    await _given(owner, alpha.people["admin"].api, team_ids=[str(of_viewers)])
    await _given(owner, alpha.owner, team_ids=[str(of_owners)])


async def test_a_permission_on_ones_own_records_does_not_give_it_on_all(
    http: httpx.AsyncClient, alpha: TestTenant, owner: asyncpg.Connection
) -> None:
    clerk = await add_person(http, alpha, "member", "clerk")
    await owner.execute("INSERT INTO user_permissions (user_id, permission) VALUES ($1, 'users:create')", clerk.id)
    everywhere = await insert_role(owner, "tasks:read")

    await _refused(owner, clerk.api, role_ids=[everywhere])
    await _refused(owner, clerk.api, role_ids=[alpha.role_ids["viewer"]])  # ranks lower, but reads more
    await _given(owner, clerk.api, role_ids=[alpha.role_ids["member"]])


async def test_a_permission_taken_away_cannot_be_given(
    http: httpx.AsyncClient, alpha: TestTenant, owner: asyncpg.Connection
) -> None:
    """A denial wins over the role that grants it."""
    denied = await add_person(http, alpha, "admin", "denied")
    await owner.execute(
        "INSERT INTO user_permissions (user_id, permission, effect) VALUES ($1, 'roles:delete', 'deny')", denied.id
    )

    await _refused(owner, denied.api, role_ids=[await insert_role(owner, "roles:delete")])
    await _refused(owner, denied.api, role_ids=[alpha.role_ids["admin"]])


async def test_an_unknown_role_is_named_as_the_fault(
    alpha: TestTenant, beta: TestTenant, owner: asyncpg.Connection
) -> None:
    """Another tenant's role is as unknown as one that never was."""
    for unknown in (str(uuid4()), beta.role_ids["viewer"]):
        name, answer = await _create(alpha.owner, role_ids=[alpha.role_ids["viewer"], unknown])

        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/body/role_ids/1"
        assert not await _exists(owner, name)


async def test_a_role_given_twice_is_given_once(alpha: TestTenant, owner: asyncpg.Connection) -> None:
    viewer = alpha.role_ids["viewer"]

    _, answer = await _create(alpha.owner, role_ids=[viewer, viewer, viewer.upper()])

    assert answer.status_code == 201
    assert [role["id"] for role in answer.json()["roles"]] == [viewer]


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("PUT", {"email": "taken-over@twin.example", "username": "taken-over"}),
        ("PATCH", {"email": "taken-over@twin.example"}),
        ("PATCH", {"is_active": False}),
        ("PATCH", {}),
        ("DELETE", None),
    ],
)
@pytest.mark.parametrize("through", ["role", "team"])
async def test_who_stands_above_cannot_be_touched(
    through: str, method: str, body: dict[str, Any] | None, alpha: TestTenant, owner: asyncpg.Connection
) -> None:
    """However he holds the higher role."""
    target = await insert_user(owner, "owner" if through == "role" else None)
    if through == "team":
        team = await insert_team_with_role(owner, "owner")
        await owner.execute("INSERT INTO team_members (team_id, user_id) VALUES ($1, $2)", team, target)
    before = await owner.fetchrow("SELECT * FROM users WHERE id = $1", target)

    answer = await alpha.people["admin"].api.request(method, f"/users/{target}", json=body)

    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert await owner.fetchrow("SELECT * FROM users WHERE id = $1", target) == before
