"""``/users/teams`` and their members."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.roles_teams.people import add_member, new_person, new_role, new_team, new_user, word
from tests.support.contracts import (
    ConcurrencyContract,
    CrudContract,
    IdempotencyContract,
    PermissionContract,
    Resource,
    TenantIsolationContract,
)
from tests.support.contracts.resource import WatchedApi
from tests.support.problems import problem_of
from tests.support.world import Api, TestTenant


class TestTeams(CrudContract, ConcurrencyContract, IdempotencyContract, PermissionContract, TenantIsolationContract):
    """One team."""

    resource = Resource(
        path="/users/teams",
        permission="teams",
        body=lambda unique: {"name": f"Ομάδα {unique}", "description": "Answers the phone"},
        replacement=lambda unique: {"name": unique},
        change={"description": "Another", "name": "Renamed"},
        defaults={"description": "", "parent_id": None, "roles": [], "member_count": 0},
        refused={"read": "outsider", "create": "viewer", "update": "manager", "delete": "manager"},
    )

    @pytest.fixture(scope="class")
    @staticmethod
    async def outsiders(http: httpx.AsyncClient, alpha: TestTenant, beta: TestTenant) -> dict[str, Any]:
        """In each twin somebody without any role: every role may read teams."""
        return {twin.name: await new_person(http, twin) for twin in (alpha, beta)}

    @pytest.fixture(params=["alpha", "beta"])
    def home(
        self, request: pytest.FixtureRequest, alpha: TestTenant, beta: TestTenant, outsiders: dict[str, Any]
    ) -> TestTenant:
        """One twin, then the other, each with its outsider."""
        twin = alpha if request.param == "alpha" else beta
        return replace(twin, people={**twin.people, "outsider": outsiders[twin.name]})

    @pytest.fixture
    def api(self, home: TestTenant, neighbour: TestTenant) -> Api:
        """The owner of that twin."""
        return WatchedApi(home, neighbour.canary)

    @pytest.fixture
    def neighbour(self, home: TestTenant, alpha: TestTenant, beta: TestTenant) -> TestTenant:
        """The other twin."""
        return beta if home.name == alpha.name else alpha

    @pytest.fixture(autouse=True)
    async def free_name(self, alpha: TestTenant, beta: TestTenant) -> None:
        """Names are unique, and every test renames to the same one."""
        for twin in (alpha, beta):
            found = await twin.owner.get("/users/teams", params={"q": "Renamed"})
            for item in found.json()["items"]:
                await twin.owner.delete(f"/users/teams/{item['id']}")


async def test_a_name_is_unique_whatever_its_case(tenant: TestTenant) -> None:
    await tenant.owner.post("/users/teams", json={"name": "Sales"})
    other = await new_team(tenant.owner)

    problem_of(await tenant.owner.post("/users/teams", json={"name": "SALES"}), 409, "team_name_taken")
    problem_of(await tenant.owner.patch(f"/users/teams/{other}", json={"name": "sales"}), 409, "team_name_taken")


async def test_a_team_carries_roles_for_its_members(http: httpx.AsyncClient, alpha: TestTenant) -> None:
    role = await new_role(alpha.owner, "settings:update", "tasks:read:team")
    team = await new_team(alpha.owner, role)
    person = await new_person(http, alpha, team_ids=[team])

    me = (await person.api.get("/auth/me")).json()

    assert me["permissions"] == ["settings:update", "tasks:read:team"]
    assert [item["id"] for item in me["roles"]] == [role]
    shown = (await alpha.owner.get(f"/users/teams/{team}")).json()
    assert [item["id"] for item in shown["roles"]] == [role]
    assert shown["member_count"] == 1


async def test_editing_something_else_leaves_the_roles(alpha: TestTenant) -> None:
    """Nor does naming the same ones, in another order and twice, change anything."""
    roles = [await new_role(alpha.owner) for _ in range(2)]
    team = await new_team(alpha.owner, *roles)
    path, name = f"/users/teams/{team}", word()

    renamed = await alpha.owner.patch(path, json={"name": name})
    same = await alpha.owner.patch(path, json={"role_ids": [roles[1], roles[0], roles[1]]})
    one = await alpha.owner.put(path, json={"name": name, "role_ids": [roles[0]]})

    assert {role["id"] for role in renamed.json()["roles"]} == set(roles)
    assert (renamed.json()["version"], same.json()) == (2, renamed.json())
    assert ([role["id"] for role in one.json()["roles"]], one.json()["version"]) == ([roles[0]], 3)


async def test_membership_is_kept_once_and_can_change(alpha: TestTenant) -> None:
    team, user = await new_team(alpha.owner), await new_user(alpha.owner)
    path = f"/users/teams/{team}/members/{user}"

    first = await alpha.owner.put(path, json={"role": "member"})
    again = await alpha.owner.put(path, json={"role": "member"})
    lead = await alpha.owner.put(path, json={"role": "lead"})

    assert (first.status_code, first.json()["user"]["id"], first.json()["role"]) == (200, user, "member")
    assert again.json() == first.json()
    assert lead.json() == {**first.json(), "role": "lead"}
    shown = await alpha.owner.get(f"/users/teams/{team}")
    assert (shown.json()["member_count"], shown.headers["ETag"]) == (1, '"v3"')
    assert (await alpha.owner.get(f"/users/{user}")).json()["teams"] == [{"id": team, "name": shown.json()["name"]}]


async def test_who_was_taken_out_is_out(alpha: TestTenant) -> None:
    team, user = await new_team(alpha.owner), await new_user(alpha.owner)
    await add_member(alpha.owner, team, user)
    path = f"/users/teams/{team}/members"

    gone = await alpha.owner.delete(f"{path}/{user}")

    assert (gone.status_code, gone.content) == (204, b"")
    problem_of(await alpha.owner.delete(f"{path}/{user}"), 404, "not_found")
    assert (await alpha.owner.get(path)).json()["items"] == []
    assert (await alpha.owner.get(f"/users/{user}")).json()["teams"] == []


async def test_a_deleted_user_is_no_member(alpha: TestTenant) -> None:
    team = await new_team(alpha.owner)
    user = await new_user(alpha.owner, team_ids=[team])

    await alpha.owner.delete(f"/users/{user}")

    assert (await alpha.owner.get(f"/users/teams/{team}/members")).json()["items"] == []
    assert (await alpha.owner.get(f"/users/teams/{team}")).json()["member_count"] == 0
    for method in ("PUT", "DELETE"):
        answer = await alpha.owner.request(
            method, f"/users/teams/{team}/members/{user}", json={} if method == "PUT" else None
        )
        problem_of(answer, 404, "not_found")


@pytest.mark.promise("T1")
async def test_members_are_of_ones_own_tenant(alpha: TestTenant, beta: TestTenant) -> None:
    ours, theirs = await new_team(alpha.owner), await new_team(beta.owner)
    stranger, member = await new_user(beta.owner), await new_user(alpha.owner)

    for team, user in ((ours, stranger), (theirs, member), (theirs, stranger), (str(uuid4()), member)):
        problem_of(await alpha.owner.put(f"/users/teams/{team}/members/{user}", json={}), 404, "not_found")
        problem_of(await alpha.owner.delete(f"/users/teams/{team}/members/{user}"), 404, "not_found")
    problem_of(await alpha.owner.get(f"/users/teams/{theirs}/members"), 404, "not_found")
    role = await new_role(beta.owner)
    for body in ({"role_ids": [role]}, {"parent_id": theirs}):
        problem_of(await alpha.owner.patch(f"/users/teams/{ours}", json=body), 422, "unknown_reference")
    assert (await beta.owner.get(f"/users/teams/{theirs}")).json()["member_count"] == 0


async def test_members_need_the_permissions_of_teams(http: httpx.AsyncClient, alpha: TestTenant) -> None:
    team, user = await new_team(alpha.owner), await new_user(alpha.owner)
    outsider, path = await new_person(http, alpha), f"/users/teams/{team}/members"

    read = await outsider.api.get(path)
    put = await alpha.people["manager"].api.put(f"{path}/{user}", json={})
    removed = await alpha.people["manager"].api.delete(f"{path}/{user}")
    anonymous = await alpha.anonymous.get(path)

    assert "teams:read" in problem_of(read, 403, "permission_denied")["detail"]
    assert "teams:update" in problem_of(put, 403, "permission_denied")["detail"]
    assert "teams:update" in problem_of(removed, 403, "permission_denied")["detail"]
    problem_of(anonymous, 401, "unauthenticated")


async def test_a_team_is_never_below_itself(alpha: TestTenant) -> None:
    top = await new_team(alpha.owner)
    middle = await new_team(alpha.owner, parent_id=top)
    bottom = await new_team(alpha.owner, parent_id=middle)

    for parent in (top, middle, bottom):
        answer = await alpha.owner.patch(f"/users/teams/{top}", json={"parent_id": parent})
        (error,) = problem_of(answer, 422, "team_cycle")["errors"]
        assert error["pointer"] == "/body/parent_id"
    aside = await alpha.owner.patch(f"/users/teams/{bottom}", json={"parent_id": top})
    freed = await alpha.owner.patch(f"/users/teams/{middle}", json={"parent_id": None})
    turned = await alpha.owner.patch(f"/users/teams/{top}", json={"parent_id": middle})
    assert [answer.status_code for answer in (aside, freed, turned)] == [200, 200, 200]


async def test_deleting_a_team_frees_those_below_it(alpha: TestTenant) -> None:
    top = await new_team(alpha.owner)
    child = await new_team(alpha.owner, parent_id=top)
    member = await new_user(alpha.owner, team_ids=[top])

    assert (await alpha.owner.delete(f"/users/teams/{top}")).status_code == 204

    shown = await alpha.owner.get(f"/users/teams/{child}", headers={"If-None-Match": '"v1"'})
    assert (shown.status_code, shown.json()["parent_id"]) == (200, None)
    user = await alpha.owner.get(f"/users/{member}", headers={"If-None-Match": '"v1"'})
    assert (user.status_code, user.json()["teams"]) == (200, [])


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"role_ids": [str(uuid4())]}, "/body/role_ids/0"),
        ({"parent_id": str(uuid4())}, "/body/parent_id"),
    ],
)
async def test_what_does_not_exist_is_pointed_at(alpha: TestTenant, body: dict[str, Any], pointer: str) -> None:
    team = await new_team(alpha.owner)

    created = await alpha.owner.post("/users/teams", json={"name": word(), **body})
    changed = await alpha.owner.patch(f"/users/teams/{team}", json=body)

    for answer in (created, changed):
        assert problem_of(answer, 422, "unknown_reference")["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize("body", [{"role": "boss"}, {"role": None}, {"user_id": "x"}])
async def test_a_member_is_a_member_or_a_lead(alpha: TestTenant, body: dict[str, Any]) -> None:
    team, user = await new_team(alpha.owner), await new_user(alpha.owner)

    problem_of(await alpha.owner.put(f"/users/teams/{team}/members/{user}", json=body), 422, "validation_failed")
