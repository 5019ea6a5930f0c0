"""``/users/roles``: what all resources promise, and what is special about roles."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from common.config import Config
from migrations.seed import CATALOGUE
from tests.roles_teams.people import new_person, new_role, new_team, new_user, put, word
from tests.support.contracts import (
    ConcurrencyContract,
    CrudContract,
    IdempotencyContract,
    PermissionContract,
    Resource,
    TenantIsolationContract,
)
from tests.support.probes import owner_connection
from tests.support.problems import problem_of
from tests.support.world import ROLES, TestTenant


class TestRoles(CrudContract, ConcurrencyContract, IdempotencyContract, PermissionContract, TenantIsolationContract):
    """One role."""

    resource = Resource(
        path="/users/roles",
        permission="roles",
        body=lambda unique: {
            "name": f"Ρόλος {unique}",
            "description": "Reads & writes",
            "permissions": ["settings:read", "tasks:read:own"],
        },
        replacement=lambda unique: {"name": unique},
        change={"description": "Another", "permissions": ["notes:read:team", "users:read"]},
        defaults={"description": "", "permissions": []},
        refused={"read": "member", "create": "viewer", "update": "manager", "delete": "manager"},
    )


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("role", ROLES)
async def test_nobody_edits_or_deletes_what_every_tenant_has(alpha: TestTenant, method: str, role: str) -> None:
    path = f"/users/roles/{alpha.role_ids[role]}"
    before = (await alpha.owner.get(path)).json()

    body = None if method == "DELETE" else {"name": role, "permissions": []}
    answer = await alpha.owner.request(method, path, json=body)

    problem_of(answer, 409, "system_role")
    assert (await alpha.owner.get(path)).json() == before


@pytest.mark.parametrize("name", ["Owner", "VIEWER", "taken", "TAKEN"])
async def test_a_name_is_unique_whatever_its_case(tenant: TestTenant, name: str) -> None:
    await tenant.owner.post("/users/roles", json={"name": "Taken"})
    other = await new_role(tenant.owner)

    problem_of(await tenant.owner.post("/users/roles", json={"name": name}), 409, "role_name_taken")
    problem_of(await tenant.owner.patch(f"/users/roles/{other}", json={"name": name}), 409, "role_name_taken")


@pytest.mark.parametrize(
    "text",
    [
        "tasks:fly",
        "tasks",
        "",
        "tasks:read:all",
        "tasks:read:OWN",
        "users:read:own",
        "tenant:own:own",
        ":own",
        "x:team",
    ],
)
async def test_an_unknown_permission_is_pointed_at(alpha: TestTenant, text: str) -> None:
    body = {"name": word(), "permissions": ["tasks:read", "notes:read:own", "settings:read", text]}

    answer = await alpha.owner.post("/users/roles", json=body)

    (error,) = problem_of(answer, 422, "unknown_reference")["errors"]
    assert error["pointer"] == "/body/permissions/3"


async def test_every_permission_can_be_put_into_a_role_at_every_level_it_has(alpha: TestTenant) -> None:
    """Also ``tenant:own``, which looks like a level of something."""
    for suffix, levelled_only in (("", False), (":team", True), (":own", True)):
        texts = [one.name + suffix for one in CATALOGUE if one.levelled or not levelled_only]
        answer = await alpha.owner.post("/users/roles", json={"name": word(), "permissions": texts})
        assert answer.status_code == 201, answer.text
        assert sorted(answer.json()["permissions"]) == sorted(texts)


async def test_of_a_permission_named_twice_the_higher_level_counts(alpha: TestTenant) -> None:
    body = {"name": word(), "permissions": ["tasks:read:own", "tasks:read:team", "tasks:read:own", "notes:read"]}

    answer = await alpha.owner.post("/users/roles", json=body)

    assert answer.json()["permissions"] == ["notes:read", "tasks:read:team"]


async def test_a_new_role_ranks_below_every_system_role(http: httpx.AsyncClient, alpha: TestTenant) -> None:
    """Who holds but custom roles edits nobody who has one of the five."""
    helpers = await new_role(alpha.owner, "users:update")
    helper = await new_person(http, alpha, [helpers])
    viewer = await new_user(alpha.owner, [alpha.role_ids["viewer"]])
    nobody = await new_user(alpha.owner)

    refused = await helper.api.patch(f"/users/{viewer}", json={"full_name": "X"})
    allowed = await helper.api.patch(f"/users/{nobody}", json={"full_name": "X"})

    problem_of(refused, 403, "permission_denied")
    assert allowed.status_code == 200


async def test_a_role_does_not_outrank_its_maker(http: httpx.AsyncClient, alpha: TestTenant) -> None:
    """Somebody with direct permissions and no role makes roles that he can also edit, give and delete."""
    maker = await new_person(http, alpha)
    names = ("roles:create", "roles:update", "roles:delete", "users:update", "settings:read")
    given = [{"permission": name, "effect": "allow"} for name in names]
    await put(alpha.owner, f"/users/{maker.id}/permissions", permissions=given)
    role = await new_role(maker.api, "settings:read")
    holder = await new_user(alpha.owner)

    edited = await maker.api.patch(f"/users/roles/{role}", json={"description": "mine"})
    granted = await maker.api.put(f"/users/{holder}/roles", json={"role_ids": [role]})
    deleted = await maker.api.delete(f"/users/roles/{role}")

    assert [edited.status_code, granted.status_code, deleted.status_code] == [200, 200, 204]


async def test_deleting_a_role_takes_it_from_everybody(tenant: TestTenant, config: Config) -> None:
    role = await new_role(tenant.owner, "settings:read")
    team = await new_team(tenant.owner, role)
    holders = [await new_user(tenant.owner, [role]) for _ in range(3)]
    before = (await tenant.owner.get(f"/users/{holders[0]}")).json()

    answer = await tenant.owner.delete(f"/users/roles/{role}")

    assert answer.status_code == 204
    for holder in holders:
        user = (await tenant.owner.get(f"/users/{holder}", headers={"If-None-Match": '"v1"'})).json()
        assert (user["roles"], user["version"]) == ([], before["version"] + 1)
    assert (await tenant.owner.get(f"/users/teams/{team}")).json()["roles"] == []
    changes = await _changes(config, tenant, "users.role.deleted", role)
    assert changes["users"] == (3, 0)
    assert changes["teams"] == (1, 0)
    assert changes["permissions"] == (["settings:read"], None)


async def test_the_audit_log_says_what_was_changed(tenant: TestTenant, config: Config) -> None:
    role = await new_role(tenant.owner, "settings:read")

    await tenant.owner.patch(f"/users/roles/{role}", json={"permissions": ["tasks:read:own"], "description": "x"})

    changes = await _changes(config, tenant, "users.role.updated", role)
    assert changes == {"description": ("", "x"), "permissions": (["settings:read"], ["tasks:read:own"])}


async def test_a_renamed_role_is_shown_by_its_new_name_at_once(alpha: TestTenant) -> None:
    """Who kept the user with its old ETag must not be told that nothing changed."""
    role = await new_role(alpha.owner)
    holder = await new_user(alpha.owner, [role])
    name = word()

    await alpha.owner.patch(f"/users/roles/{role}", json={"name": name})

    answer = await alpha.owner.get(f"/users/{holder}", headers={"If-None-Match": '"v1"'})
    assert answer.status_code == 200
    assert answer.json()["roles"] == [{"id": role, "name": name}]


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"name": "x" * 65},
        {"name": "a\0b"},
        {"name": "x", "description": "x" * 501},
        {"name": "x", "permissions": None},
        {"name": "x", "permissions": ["tasks:read"] * 201},
        {"name": "x", "rank": 99},
        {"name": "x", "is_system": True},
        {},
    ],
)
async def test_a_body_is_held_to_its_limits(alpha: TestTenant, body: dict[str, Any]) -> None:
    problem_of(await alpha.owner.post("/users/roles", json=body), 422, "validation_failed")


async def _changes(config: Config, tenant: TestTenant, action: str, target: str) -> dict[str, tuple[Any, Any]]:
    async with owner_connection(config, tenant.name) as connection:
        rows = await connection.fetch(
            "SELECT changes FROM audit_logs WHERE action = $1 AND target_id = $2", action, target
        )
    (row,) = rows
    return {change["path"]: (change["old"], change["new"]) for change in json.loads(row["changes"])}
