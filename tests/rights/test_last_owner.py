"""A tenant always keeps an owner who can act."""

from __future__ import annotations

import asyncio

import asyncpg
import httpx
import pytest

from common.config import Config
from tests.support.probes import owner_connection
from tests.support.world import Person, TestTenant, add_person

pytestmark = pytest.mark.promise("R2")

ROUNDS = 20
LIVING_OWNERS = """SELECT count(*) FROM users JOIN user_roles ON user_id = users.id JOIN roles ON roles.id = role_id
                   WHERE roles.name = 'owner' AND is_active AND deleted_at IS NULL"""


async def _end(by: Person, target: Person, how: str) -> httpx.Response:
    path = f"/users/{target.id}"
    return await (by.api.delete(path) if how == "delete" else by.api.patch(path, json={"is_active": False}))


async def test_the_last_owner_stays(tenant: TestTenant) -> None:
    """Owners who are deleted or deactivated, and admins, do not count."""
    roles, path = tenant.role_ids, f"/users/{tenant.people['owner'].id}"
    for name, role in (("former", "owner"), ("sleeping", "owner"), ("helper", "admin")):
        body = {"email": f"{name}@x.example", "username": name, "role_ids": [roles[role]]}
        other = f"/users/{(await tenant.owner.post('/users', json=body)).json()['id']}"
        if name == "former":
            await tenant.owner.delete(other)
        elif name == "sleeping":
            await tenant.owner.patch(other, json={"is_active": False})

    answers = [
        await tenant.owner.delete(path),
        await tenant.owner.patch(path, json={"is_active": False}),
        await tenant.owner.put(path, json={"email": "owner@twin.example", "username": "owner", "is_active": False}),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(409, "last_owner")] * 3
    assert (await tenant.owner.get("/auth/test")).status_code == 200


async def test_two_owners_who_end_each_other_at_once_leave_one(
    http: httpx.AsyncClient, tenant: TestTenant, config: Config
) -> None:
    first, second = tenant.people["owner"], await add_person(http, tenant, "owner", "second")
    async with owner_connection(config, tenant.name) as owner:
        for number in range(ROUNDS):
            how, how_back = ("delete", "deactivate")[number % 2], ("delete", "deactivate")[number // 2 % 2]

            answers = await asyncio.gather(_end(first, second, how), _end(second, first, how_back))

            assert await owner.fetchval(LIVING_OWNERS) == 1
            assert sorted(answer.is_success for answer in answers) == [False, True]
            await _revive(owner)


async def test_owners_leaving_one_by_one_and_all_at_once_leave_one(
    http: httpx.AsyncClient, tenant: TestTenant, config: Config
) -> None:
    """Each deletes himself."""
    owners = [tenant.people["owner"], *[await add_person(http, tenant, "owner", f"owner{n}") for n in range(3)]]

    answers = await asyncio.gather(*(_end(person, person, "delete") for person in owners))

    async with owner_connection(config, tenant.name) as owner:
        assert await owner.fetchval(LIVING_OWNERS) == 1
    assert sorted(answer.status_code for answer in answers) == [204, 204, 204, 409]


async def _revive(owner: asyncpg.Connection) -> None:
    """Everybody lives again, and so do their sessions: the next round needs no login."""
    await owner.execute("UPDATE users SET is_active = true, deleted_at = NULL")
    await owner.execute("UPDATE user_sessions SET revoked_at = NULL")
