"""What one user holds: roles, direct permissions, and what they come to."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.roles_teams.people import add_member, new_person, new_role, new_team, new_user, put, rights
from tests.support.problems import problem_of
from tests.support.world import TestTenant


async def test_roles_are_replaced_as_a_whole(alpha: TestTenant) -> None:
    first, second = await new_role(alpha.owner, "settings:read"), await new_role(alpha.owner, "users:read")
    user = await new_user(alpha.owner, [first])
    path = f"/users/{user}/roles"

    before = await alpha.owner.get(path)
    viewer = alpha.role_ids["viewer"]
    answer = await alpha.owner.put(path, json={"role_ids": [second, viewer, second]})

    assert [role["id"] for role in before.json()["items"]] == [first]
    assert before.json()["items"][0]["permissions"] == ["settings:read"]
    assert [role["id"] for role in answer.json()["items"]] == [viewer, second]
    assert (answer.json()["version"], answer.headers["ETag"]) == (2, '"v2"')
    assert (await alpha.owner.get(path)).json() == answer.json()
    shown = (await alpha.owner.get(f"/users/{user}")).json()
    assert ({role["id"] for role in shown["roles"]}, shown["version"]) == ({viewer, second}, 2)


@pytest.mark.promise("D4")
@pytest.mark.parametrize(("kind", "body"), [("roles", {"role_ids": []}), ("permissions", {"permissions": []})])
async def test_the_etag_is_the_users(alpha: TestTenant, kind: str, body: dict[str, Any]) -> None:
    role = await new_role(alpha.owner)
    user = await new_user(alpha.owner, [role])
    path = f"/users/{user}/{kind}"
    known = await alpha.owner.get(path, headers={"If-None-Match": '"v1"'})
    await alpha.owner.patch(f"/users/{user}", json={"full_name": "Somebody"})

    stale = await alpha.owner.put(path, json=body, headers={"If-Match": '"v1"'})
    current = await alpha.owner.put(path, json=body, headers={"If-Match": '"v2"'})

    assert known.status_code == 304
    problem_of(stale, 412, "version_conflict")
    assert current.status_code == 200


async def test_what_changes_nothing_makes_no_version(alpha: TestTenant) -> None:
    role = await new_role(alpha.owner)
    user = await new_user(alpha.owner, [role])
    entry = {"permission": "tasks:read", "effect": "allow", "level": "own"}
    await put(alpha.owner, f"/users/{user}/permissions", permissions=[entry])

    roles = await put(alpha.owner, f"/users/{user}/roles", role_ids=[role])
    permissions = await put(alpha.owner, f"/users/{user}/permissions", permissions=[entry])

    assert (roles["version"], permissions["version"]) == (2, 2)


async def test_a_denial_wins_over_every_grant(http: httpx.AsyncClient, alpha: TestTenant) -> None:
    role = await new_role(alpha.owner, "tasks:read", "settings:read")
    team = await new_team(alpha.owner, role)
    person = await new_person(http, alpha, [role], [team])
    path = f"/users/{person.id}/permissions"

    body = [
        {"permission": "tasks:read", "effect": "deny"},
        {"permission": "users:read", "effect": "allow"},
        {"permission": "notes:read", "effect": "allow", "level": "team"},
    ]
    stored = await put(alpha.owner, path, permissions=body)

    assert await rights(person) == {"settings:read", "users:read", "notes:read:team"}
    shown = [(item["permission"], item["effect"], item["level"]) for item in stored["items"]]
    assert shown == [("notes:read", "allow", "team"), ("tasks:read", "deny", "all"), ("users:read", "allow", "all")]
    assert {item["granted_by"] for item in stored["items"]} == {alpha.people["owner"].id}
    await put(alpha.owner, path, permissions=[])
    assert await rights(person) == {"settings:read", "tasks:read"}


async def test_effective_permissions_are_those_that_count(http: httpx.AsyncClient, alpha: TestTenant) -> None:
    """They are computed apart from those a request is judged by, and must come to the same."""
    own = await new_role(alpha.owner, "tasks:read:own", "settings:read", "notes:read")
    carried = await new_role(alpha.owner, "tasks:read:team", "users:read")
    team = await new_team(alpha.owner, carried)
    person = await new_person(http, alpha, [own], [team])
    entries = [
        {"permission": "notes:read", "effect": "deny"},
        {"permission": "tasks:read", "effect": "allow", "level": "own"},
    ]
    await put(alpha.owner, f"/users/{person.id}/permissions", permissions=entries)

    shown = (await alpha.owner.get(f"/users/{person.id}/effective-permissions")).json()

    levels = {item["permission"]: item["level"] for item in shown["permissions"]}
    assert levels == {"settings:read": "all", "tasks:read": "team", "users:read": "all"}
    assert await rights(person) == {"settings:read", "tasks:read:team", "users:read"}
    assert shown["denied"] == ["notes:read"]
    (tasks,) = (item["sources"] for item in shown["permissions"] if item["permission"] == "tasks:read")
    assert [(source["type"], source["id"], source["level"]) for source in tasks] == [
        ("role", own, "own"),
        ("team", team, "team"),
        ("direct", None, "own"),
    ]
    assert tasks[1]["role"]["id"] == carried


@pytest.mark.parametrize("role", ["owner", "admin", "manager", "member", "viewer"])
async def test_effective_permissions_of_the_system_roles(alpha: TestTenant, role: str) -> None:
    person = alpha.people[role]

    shown = (await alpha.owner.get(f"/users/{person.id}/effective-permissions")).json()["permissions"]

    texts = {item["permission"] + ("" if item["level"] == "all" else f":{item['level']}") for item in shown}
    assert texts == await rights(person)


async def test_every_path_of_a_grant_is_explained(alpha: TestTenant) -> None:
    role = await new_role(alpha.owner, "tasks:update:team")
    team = await new_team(alpha.owner, role)
    user = await new_user(alpha.owner, [role], [team])
    query = {"user_id": user, "permission": "tasks:update"}

    granted = (await alpha.owner.get("/users/permissions/explain", params=query)).json()
    await put(alpha.owner, f"/users/{user}/permissions", permissions=[{"permission": "tasks:update", "effect": "deny"}])
    denied = (await alpha.owner.get("/users/permissions/explain", params=query)).json()
    other = await alpha.owner.get("/users/permissions/explain", params={**query, "permission": "users:delete"})

    assert (granted["allowed"], granted["level"], granted["denied_by"]) == (True, "team", None)
    assert [(way["type"], way["id"]) for way in granted["grants"]] == [("role", role), ("team", team)]
    assert (denied["allowed"], denied["level"], denied["grants"]) == (False, None, granted["grants"])
    assert denied["denied_by"]["type"] == "direct"
    assert other.json() == {"allowed": False, "level": None, "grants": [], "denied_by": None}


async def test_explaining_needs_somebody_and_a_permission(alpha: TestTenant, beta: TestTenant) -> None:
    ours, theirs = await new_user(alpha.owner), await new_user(beta.owner)
    path = "/users/permissions/explain"

    for query, status, code in (
        ({"user_id": ours, "permission": "tasks:fly"}, 422, "unknown_reference"),
        ({"user_id": ours, "permission": "tasks:read:own"}, 422, "unknown_reference"),
        ({"user_id": theirs, "permission": "tasks:read"}, 404, "not_found"),
        ({"user_id": str(uuid4()), "permission": "tasks:read"}, 404, "not_found"),
        ({"permission": "tasks:read"}, 422, "validation_failed"),
    ):
        problem_of(await alpha.owner.get(path, params=query), status, code)


@pytest.mark.promise("T1")
@pytest.mark.parametrize("kind", ["roles", "permissions", "effective-permissions"])
async def test_the_neighbours_users_have_no_rights_to_see(alpha: TestTenant, beta: TestTenant, kind: str) -> None:
    deleted, theirs = await new_user(alpha.owner), await new_user(beta.owner)
    await alpha.owner.delete(f"/users/{deleted}")

    for user in (deleted, theirs, str(uuid4())):
        problem_of(await alpha.owner.get(f"/users/{user}/{kind}"), 404, "not_found")
        if kind != "effective-permissions":
            body: dict[str, Any] = {"role_ids": []} if kind == "roles" else {"permissions": []}
            problem_of(await alpha.owner.put(f"/users/{user}/{kind}", json=body), 404, "not_found")


async def test_a_role_of_the_neighbour_does_not_exist(alpha: TestTenant, beta: TestTenant) -> None:
    ours, theirs = await new_role(alpha.owner), await new_role(beta.owner)
    user = await new_user(alpha.owner)

    answer = await alpha.owner.put(f"/users/{user}/roles", json={"role_ids": [ours, theirs]})

    assert problem_of(answer, 422, "unknown_reference")["errors"][0]["pointer"] == "/body/role_ids/1"
    assert (await alpha.owner.get(f"/users/{user}/roles")).json()["items"] == []


@pytest.mark.parametrize(
    ("entry", "code", "pointer"),
    [
        ({"permission": "tasks:fly", "effect": "allow"}, "unknown_reference", "/body/permissions/1/permission"),
        ({"permission": "tasks:read:own", "effect": "allow"}, "unknown_reference", "/body/permissions/1/permission"),
        ({"permission": "users:read", "effect": "allow", "level": "own"}, "unprocessable", "/body/permissions/1/level"),
        ({"permission": "tasks:read", "effect": "deny", "level": "own"}, "unprocessable", "/body/permissions/1/level"),
        ({"permission": "settings:read", "effect": "deny"}, "unprocessable", "/body/permissions/1/permission"),
        ({"permission": "tasks:read", "effect": "maybe"}, "literal_error", "/body/permissions/1/effect"),
        ({"permission": "tasks:read", "effect": "allow", "granted_by": None}, "extra_forbidden", None),
    ],
)
async def test_a_wrong_entry_is_pointed_at(
    alpha: TestTenant, entry: dict[str, Any], code: str, pointer: str | None
) -> None:
    user = await new_user(alpha.owner)
    entries = [{"permission": "settings:read", "effect": "allow"}, entry]

    answer = await alpha.owner.put(f"/users/{user}/permissions", json={"permissions": entries})

    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["code"]) == (422, code)
    assert pointer is None or error["pointer"] == pointer
    assert (await alpha.owner.get(f"/users/{user}/permissions")).json()["items"] == []


async def test_reading_and_changing_rights_need_permissions(alpha: TestTenant) -> None:
    user = await new_user(alpha.owner)
    reads = (f"/users/{user}/roles", f"/users/{user}/permissions", f"/users/{user}/effective-permissions")
    explain = f"/users/permissions/explain?user_id={user}&permission=tasks:read"

    for path in (*reads, explain):
        problem_of(await alpha.anonymous.get(path), 401, "unauthenticated")
        refused = problem_of(await alpha.member.get(path), 403, "permission_denied")
        assert "users:read" in refused["detail"]
        assert (await alpha.people["viewer"].api.get(path)).status_code == 200
    bodies: list[tuple[str, dict[str, Any]]] = [(reads[0], {"role_ids": []}), (reads[1], {"permissions": []})]
    for path, body in bodies:
        refused = problem_of(await alpha.people["manager"].api.put(path, json=body), 403, "permission_denied")
        assert "users:update" in refused["detail"]


@pytest.mark.promise("I2")
async def test_what_is_taken_away_is_gone_on_the_next_request(http: httpx.AsyncClient, alpha: TestTenant) -> None:
    """Whichever way it was held and is taken; the person asks in between, so that it is in every cache."""
    owner = alpha.owner

    async def lose(way: str) -> None:
        role = await new_role(owner, "settings:read", "roles:read")
        team = await new_team(owner, role)
        through_team = way.startswith("team")
        person = await new_person(http, alpha, [] if through_team else [role], [team] if through_team else [])
        other = await new_role(owner, "users:read")
        assert (await person.api.get("/users/roles")).status_code == 200
        steps: dict[str, tuple[str, str, dict[str, Any] | None]] = {
            "roles": ("PUT", f"/users/{person.id}/roles", {"role_ids": [other]}),
            "denial": (
                "PUT",
                f"/users/{person.id}/permissions",
                {"permissions": [{"permission": "roles:read", "effect": "deny"}]},
            ),
            "role edited": ("PATCH", f"/users/roles/{role}", {"permissions": ["settings:read"]}),
            "role deleted": ("DELETE", f"/users/roles/{role}", None),
            "team left": ("DELETE", f"/users/teams/{team}/members/{person.id}", None),
            "team edited": ("PATCH", f"/users/teams/{team}", {"role_ids": [other]}),
            "team deleted": ("DELETE", f"/users/teams/{team}", None),
        }
        method, path, body = steps[way]
        assert (await owner.request(method, path, json=body)).status_code in {200, 204}, way
        answer = await person.api.get("/users/roles")
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied"), way

    for way in ("roles", "denial", "role edited", "role deleted", "team left", "team edited", "team deleted"):
        await lose(way)


@pytest.mark.promise("I2")
async def test_what_is_given_counts_on_the_next_request(http: httpx.AsyncClient, alpha: TestTenant) -> None:
    role = await new_role(alpha.owner, "roles:read")
    team, person = await new_team(alpha.owner, role), await new_person(http, alpha)
    assert await rights(person) == set()

    await add_member(alpha.owner, team, person.id)

    assert await rights(person) == {"roles:read"}
