"""Who may do what with keys: nobody gets more out of one than he has."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from common.config import Config
from tests.api_keys.conftest import make_key, with_key
from tests.support.probes import owner_connection
from tests.support.world import TestTenant, add_person

pytestmark = pytest.mark.promise("R2")


@pytest.mark.parametrize("role", ["manager", "member", "viewer"])
async def test_keys_are_for_who_holds_their_permissions(home: TestTenant, role: str) -> None:
    made = await make_key(home.owner)
    somebody, path = home.people[role].api, f"/users/api-keys/{made['id']}"

    for action, answer in {
        "read": await somebody.get("/users/api-keys"),
        "create": await somebody.post("/users/api-keys", json={"name": "x", "permissions": ["teams:read"]}),
        "update": await somebody.patch(path, json={"name": "x"}),
        "delete": await somebody.delete(path),
    }.items():
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
        assert f"api_keys:{action}" in answer.json()["detail"]
    for answer in (await somebody.get(path), await somebody.post(f"{path}/rotate", json={})):
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


async def test_nobody_makes_a_key_that_may_do_what_he_may_not(home: TestTenant) -> None:
    admin = home.people["admin"].api
    mine = await make_key(admin)

    made = await admin.post("/users/api-keys", json={"name": "x", "permissions": ["users:read", "tenant:own"]})
    widened = await admin.patch(f"/users/api-keys/{mine['id']}", json={"permissions": ["tenant:own"]})

    for answer in (made, widened):
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
        assert "tenant:own" in answer.json()["detail"]


async def test_a_level_is_part_of_the_right(http: httpx.AsyncClient, tenant: TestTenant, config: Config) -> None:
    """Somebody with tasks of the team may list those or one's own, not all."""
    person = await add_person(http, tenant, "manager")
    async with owner_connection(config, tenant.name) as owner:
        await owner.execute(
            "INSERT INTO user_permissions (user_id, permission) VALUES ($1, 'api_keys:create')", person.id
        )
    body = {"name": "x"}

    async def status(permission: str) -> int:
        return (await person.api.post("/users/api-keys", json={**body, "permissions": [permission]})).status_code

    assert await status("tasks:read:own") == 201
    assert await status("tasks:read:team") == 201
    assert await status("tasks:read") == 403


async def test_nobody_touches_a_key_of_one_who_outranks_him(home: TestTenant) -> None:
    made = await make_key(home.owner)
    admin, path = home.people["admin"].api, f"/users/api-keys/{made['id']}"

    for answer in (
        await admin.patch(path, json={"name": "x"}),
        await admin.delete(path),
        await admin.post(f"{path}/rotate", json={}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert (await home.owner.get(path)).json()["version"] == 1


async def test_nobody_gets_the_secret_of_anothers_key(http: httpx.AsyncClient, home: TestTenant) -> None:
    """An owner may end an admin's key, or take rights from it, but not act as the admin."""
    made = await make_key(home.people["admin"].api, "users:read", "roles:read")
    path = f"/users/api-keys/{made['id']}"

    rotated = await home.owner.post(f"{path}/rotate", json={"grace_seconds": 60})
    changed = await home.owner.patch(path, json={"permissions": ["roles:read"]})

    assert (rotated.status_code, rotated.json()["code"]) == (403, "permission_denied")
    assert changed.json()["permissions"] == ["roles:read"]
    assert (await with_key(http, home, made["key"]).get("/users")).status_code == 403
    assert (await home.owner.delete(path)).status_code == 204


async def test_a_key_rotates_itself_and_no_other(http: httpx.AsyncClient, home: TestTenant) -> None:
    itself, sibling = [await make_key(home.owner, "api_keys:update", "users:read") for _ in range(2)]
    program = with_key(http, home, itself["key"])

    other = await program.post(f"/users/api-keys/{sibling['id']}/rotate", json={})
    own = await program.post(f"/users/api-keys/{itself['id']}/rotate", json={})

    assert (other.status_code, other.json()["code"]) == (403, "permission_denied")
    assert own.status_code == 200
    assert (await program.get("/users")).status_code == 401
    assert (await with_key(http, home, own.json()["key"]).get("/users")).status_code == 200


async def test_what_a_key_lists_may_stay_when_its_owner_has_lost_it(
    http: httpx.AsyncClient, tenant: TestTenant, config: Config
) -> None:
    person = await add_person(http, tenant, "admin")
    made = await make_key(person.api, "users:read", "users:delete")
    async with owner_connection(config, tenant.name) as owner:
        await owner.execute(
            "INSERT INTO user_permissions (user_id, permission, effect) VALUES ($1, 'users:delete', 'deny')", person.id
        )
    other = await add_person(http, tenant, "viewer")
    assert (await tenant.owner.patch(f"/users/{other.id}", json={"is_active": False})).status_code == 200
    path = f"/users/api-keys/{made['id']}"

    kept = await person.api.patch(path, json={"permissions": ["users:delete", "teams:read"]})
    taken = await person.api.patch(path, json={"permissions": ["teams:read"]})
    again = await person.api.patch(path, json={"permissions": ["users:delete"]})

    assert (kept.status_code, taken.status_code, again.status_code) == (200, 200, 403)


async def test_who_is_deactivated_leaves_no_key_behind(http: httpx.AsyncClient, tenant: TestTenant) -> None:
    """Whichever comes first: a key made in the same moment ends with its owner, and does not come back with him."""
    for round_number in range(4):
        person = await add_person(http, tenant, "admin", f"leaving-{round_number}")
        path, body = f"/users/{person.id}", {"name": "late", "permissions": ["users:read"]}

        *made, gone = await asyncio.gather(
            *(person.api.post("/users/api-keys", json=body) for _ in range(4)),
            tenant.owner.patch(path, json={"is_active": False}),
        )

        assert gone.status_code == 200
        assert {answer.status_code for answer in made} <= {201, 401}
        assert (await tenant.owner.patch(path, json={"is_active": True})).status_code == 200
        for answer in made:
            if answer.status_code == 201:
                program = with_key(http, tenant, answer.json()["key"])
                assert (await program.get("/users")).status_code == 401


async def test_parallel_rotations_leave_one_key(http: httpx.AsyncClient, alpha: TestTenant) -> None:
    """Without a grace, of 32 new keys only the last one is good."""
    made = await make_key(alpha.owner)
    path = f"/users/api-keys/{made['id']}/rotate"

    answers = await asyncio.gather(*(alpha.owner.post(path, json={}) for _ in range(32)))

    assert {answer.status_code for answer in answers} == {200}
    last = max(answers, key=lambda answer: int(answer.json()["version"]))
    good = [
        answer
        for answer in answers
        if (await with_key(http, alpha, answer.json()["key"]).get("/auth/test")).status_code == 200
    ]
    assert good == [last]
    assert last.json()["version"] == 33
