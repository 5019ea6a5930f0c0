"""R2: nobody grants, takes away or edits what he lacks, by whichever door; nobody touches one who outranks him."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx
import pytest

from common.config import Config
from tests.roles_teams.people import add_member, new_person, new_role, new_team, new_user, put, rights, word
from tests.support.probes import owner_connection
from tests.support.problems import problem_of
from tests.support.world import Api, Person, TestTenant, create_tenant

pytestmark = pytest.mark.promise("R2")

HELD: Final = (
    *(f"{resource}:{action}" for resource in ("users", "roles", "teams") for action in ("create", "update", "delete")),
    "users:read",
    "roles:read",
    "teams:read",
    "tasks:read:own",
    "notes:read:team",
)


@dataclass(frozen=True)
class Stage:
    """A helper who may edit users, roles and teams but holds little, and what is above him."""

    tenant: TestTenant
    helper: Person
    mine: str  # a role with nothing but what the helper holds
    rich: str  # a role of the same rank that holds more
    my_team: str
    rich_team: str
    nobody: str
    holder: str  # has the rich role
    insider: str  # is in the rich team
    before: tuple[Any, ...] = ()  # all that the helper must not change

    @property
    def names(self) -> Mapping[str, str]:
        """What the paths below call them."""
        return {**{name: getattr(self, name) for name in NAMES}, "helper": self.helper.id, **self.tenant.role_ids}


NAMES: Final = ("mine", "rich", "my_team", "rich_team", "nobody", "holder", "insider")


@pytest.fixture(scope="module", params=["one", "two"])
async def stage(http: httpx.AsyncClient) -> Stage:
    """In two tenants. Nothing that happens on it may change it."""
    tenant = await create_tenant(http)
    helper = await new_person(http, tenant, [await new_role(tenant.owner, *HELD)])
    rich = await new_role(tenant.owner, "settings:update", "tasks:read:own")
    rich_team = await new_team(tenant.owner, rich)
    made = Stage(
        tenant=tenant,
        helper=helper,
        mine=await new_role(helper.api, "tasks:read:own"),
        rich=rich,
        my_team=await new_team(helper.api),
        rich_team=rich_team,
        nobody=await new_user(tenant.owner),
        holder=await new_user(tenant.owner, [rich]),
        insider=await new_user(tenant.owner, team_ids=[rich_team]),
    )
    return replace(made, before=await everything(made))


def allow(permission: str, level: str = "all") -> dict[str, Any]:
    return {"permissions": [{"permission": permission, "effect": "allow", "level": level}]}


def deny(permission: str) -> dict[str, Any]:
    return {"permissions": [{"permission": permission, "effect": "deny"}]}


DOORS: Final[dict[str, tuple[str, str, Any]]] = {
    "make a role that holds more": ("POST", "/users/roles", {"name": "x", "permissions": ["settings:update"]}),
    "make a role of a higher level": ("POST", "/users/roles", {"name": "x", "permissions": ["tasks:read"]}),
    "make a role of a level between": ("POST", "/users/roles", {"name": "x", "permissions": ["tasks:read:team"]}),
    "make a role that owns": ("POST", "/users/roles", {"name": "x", "permissions": ["tenant:own"]}),
    "add to a role": ("PATCH", "/users/roles/{mine}", {"permissions": ["settings:update"]}),
    "replace a role": ("PUT", "/users/roles/{mine}", {"name": "x", "permissions": ["audit:read"]}),
    "raise a role's level": ("PATCH", "/users/roles/{mine}", {"permissions": ["tasks:read"]}),
    "rename a role that holds more": ("PATCH", "/users/roles/{rich}", {"name": "mine now"}),
    "empty a role that holds more": ("PATCH", "/users/roles/{rich}", {"permissions": []}),
    "delete a role that holds more": ("DELETE", "/users/roles/{rich}", None),
    "give a role that holds more": ("PUT", "/users/{nobody}/roles", {"role_ids": ["{rich}"]}),
    "give it to himself": ("PUT", "/users/{helper}/roles", {"role_ids": ["{rich}"]}),
    "give it among others": ("PUT", "/users/{nobody}/roles", {"role_ids": ["{mine}", "{rich}"]}),
    "give a higher role": ("PUT", "/users/{nobody}/roles", {"role_ids": ["{viewer}"]}),
    "give the highest role": ("PUT", "/users/{helper}/roles", {"role_ids": ["{owner}"]}),
    "take a role that holds more": ("PUT", "/users/{holder}/roles", {"role_ids": []}),
    "swap a role that holds more": ("PUT", "/users/{holder}/roles", {"role_ids": ["{mine}"]}),
    "give a permission": ("PUT", "/users/{nobody}/permissions", allow("settings:update")),
    "give a permission to himself": ("PUT", "/users/{helper}/permissions", allow("settings:update")),
    "give ownership": ("PUT", "/users/{helper}/permissions", allow("tenant:own")),
    "give a higher level": ("PUT", "/users/{nobody}/permissions", allow("tasks:read", "team")),
    "raise his own level": ("PUT", "/users/{helper}/permissions", allow("notes:read")),
    "deny what he lacks": ("PUT", "/users/{holder}/permissions", deny("settings:update")),
    "deny what he holds in part": ("PUT", "/users/{holder}/permissions", deny("tasks:read")),
    "make a team that carries more": ("POST", "/users/teams", {"name": "x", "role_ids": ["{rich}"]}),
    "make a team that carries a higher role": ("POST", "/users/teams", {"name": "x", "role_ids": ["{admin}"]}),
    "have a team carry more": ("PATCH", "/users/teams/{my_team}", {"role_ids": ["{rich}"]}),
    "replace a team by one that carries more": ("PUT", "/users/teams/{my_team}", {"name": "x", "role_ids": ["{rich}"]}),
    "have a team carry less": ("PATCH", "/users/teams/{rich_team}", {"role_ids": []}),
    "delete a team that carries more": ("DELETE", "/users/teams/{rich_team}", None),
    "join a team that carries more": ("PUT", "/users/teams/{rich_team}/members/{helper}", {}),
    "put somebody into it": ("PUT", "/users/teams/{rich_team}/members/{nobody}", {"role": "lead"}),
    "take somebody out of it": ("DELETE", "/users/teams/{rich_team}/members/{insider}", None),
    "make a user with a role": (
        "POST",
        "/users",
        {"email": "x@y.example", "username": "xyz", "role_ids": ["{mine}", "{rich}"]},
    ),
    "make a user in a team": (
        "POST",
        "/users",
        {"email": "x@y.example", "username": "xyz", "team_ids": ["{my_team}", "{rich_team}"]},
    ),
}


@pytest.mark.parametrize("door", DOORS)
async def test_no_door_leads_to_more_rights(stage: Stage, door: str) -> None:
    method, path, body = DOORS[door]

    answer = await stage.helper.api.request(method, path.format_map(stage.names), json=filled(body, stage.names))

    problem_of(answer, 403, "permission_denied")
    assert await everything(stage) == stage.before


async def test_what_one_holds_one_may_give_and_take(stage: Stage) -> None:
    """The helper is refused above for lacking something, not for being a helper."""
    api, tenant = stage.helper.api, stage.tenant
    user = await new_user(tenant.owner)

    role = await new_role(api, *HELD)
    await put(api, f"/users/{user}/roles", role_ids=[role, stage.mine])
    await put(api, f"/users/{user}/permissions", **allow("tasks:read", "own"))
    await put(api, f"/users/{user}/permissions", **deny("users:delete"))
    team = await new_team(api, role)
    await add_member(api, team, user)
    for path in (f"/users/teams/{team}/members/{user}", f"/users/teams/{team}", f"/users/roles/{role}"):
        assert (await api.delete(path)).status_code == 204, path

    assert [item["id"] for item in (await api.get(f"/users/{user}/roles")).json()["items"]] == [stage.mine]
    await tenant.owner.delete(f"/users/{user}")  # the stage is as it was


async def test_what_is_denied_one_cannot_give_oneself_back(http: httpx.AsyncClient, tenant: TestTenant) -> None:
    admin = await new_person(http, tenant, [tenant.role_ids["admin"]])
    await put(tenant.owner, f"/users/{admin.id}/permissions", **deny("settings:update"))
    path = f"/users/{admin.id}/permissions"

    nothing: dict[str, Any] = {"permissions": []}
    for body in (nothing, allow("settings:update")):
        problem_of(await admin.api.put(path, json=body), 403, "permission_denied")
    refused = await admin.api.post("/users/roles", json={"name": word(), "permissions": ["settings:update"]})
    problem_of(refused, 403, "permission_denied")
    # Nor the role that holds it, to somebody who could then give it back.
    friend = await new_user(tenant.owner)
    admins = {"role_ids": [tenant.role_ids["admin"]]}
    problem_of(await admin.api.put(f"/users/{friend}/roles", json=admins), 403, "permission_denied")
    assert "settings:update" not in await rights(admin)


async def test_a_refusal_is_in_the_audit_log_once(stage: Stage, config: Config) -> None:
    """Somebody who tries to get more than he has is worth knowing of."""
    path, body = f"/users/{stage.nobody}/roles", {"role_ids": [stage.rich]}
    async with owner_connection(config, stage.tenant.name) as connection:
        query = "SELECT action, outcome, actor_id::text FROM audit_logs ORDER BY seq"
        before = await connection.fetch(query)
        problem_of(await stage.helper.api.put(path, json=body), 403, "permission_denied")
        after = await connection.fetch(query)

    (entry,) = after[len(before) :]
    assert tuple(entry) == ("permission.settings.update.refused", "failure", stage.helper.id)


@pytest.mark.parametrize("through_team", [False, True])
async def test_nobody_changes_the_rights_of_one_who_outranks_him(
    http: httpx.AsyncClient, tenant: TestTenant, through_team: bool
) -> None:
    """A rank through a team counts as much as one's own."""
    admin = await new_person(http, tenant, [tenant.role_ids["admin"]])
    owners = await new_team(tenant.owner, tenant.role_ids["owner"])
    plain = await new_team(tenant.owner, await new_role(tenant.owner, "tasks:read"))
    boss = await (
        new_user(tenant.owner, team_ids=[owners])
        if through_team
        else new_user(tenant.owner, [tenant.role_ids["owner"]])
    )
    before = (await tenant.owner.get(f"/users/{boss}/effective-permissions")).json()
    tries: list[tuple[str, str, Any]] = [
        ("PUT", f"/users/{boss}/roles", {"role_ids": []}),
        ("PUT", f"/users/{boss}/roles", {"role_ids": [tenant.role_ids["viewer"]]}),
        ("PUT", f"/users/{boss}/permissions", deny("tasks:read")),
        ("PUT", f"/users/{boss}/permissions", allow("tasks:read")),
        ("PUT", f"/users/teams/{plain}/members/{boss}", {}),
        ("DELETE", f"/users/teams/{owners}/members/{boss}", None),
        ("PATCH", f"/users/{boss}", {"is_active": False}),
        ("PATCH", f"/users/{boss}", {"email": "mine@twin.example"}),
        ("DELETE", f"/users/{boss}", None),
    ]

    for method, path, body in tries:
        answer = await admin.api.request(method, path, json=body)
        assert answer.status_code == (404 if "members" in path and not through_team and method == "DELETE" else 403)
    assert (await tenant.owner.get(f"/users/{boss}/effective-permissions")).json() == before
    assert (await tenant.owner.get(f"/users/{boss}")).json()["is_active"]


LAST_OWNER: Final[dict[str, tuple[str, str, Any]]] = {
    "lose the role": ("PUT", "/users/{me}/roles", {"role_ids": []}),
    "become an admin": ("PUT", "/users/{me}/roles", {"role_ids": ["{admin}"]}),
    "be denied ownership": ("PUT", "/users/{me}/permissions", deny("tenant:own")),
    "be denied anything": ("PUT", "/users/{me}/permissions", deny("notes:read")),
    "be deactivated": ("PATCH", "/users/{me}", {"is_active": False}),
    "be deleted": ("DELETE", "/users/{me}", None),
}


@pytest.mark.parametrize("way", LAST_OWNER)
async def test_the_last_owner_stays(http: httpx.AsyncClient, tenant: TestTenant, way: str) -> None:
    """Who is inactive, deleted or denied something is no owner to rely on."""
    me, owner = tenant.people["owner"], tenant.role_ids["owner"]
    inactive = await new_user(tenant.owner, [owner])
    deleted = await new_user(tenant.owner, [owner])
    denied = await new_user(tenant.owner, [owner])
    await tenant.owner.patch(f"/users/{inactive}", json={"is_active": False})
    await tenant.owner.delete(f"/users/{deleted}")
    await put(tenant.owner, f"/users/{denied}/permissions", **deny("users:update"))
    method, path, body = LAST_OWNER[way]
    names = {"me": me.id, **tenant.role_ids}

    refused = await me.api.request(method, path.format_map(names), json=filled(body, names))
    problem_of(refused, 409, "last_owner")
    assert "tenant:own" in await rights(me)

    successor = await new_person(http, tenant, [owner])
    allowed = await me.api.request(method, path.format_map(names), json=filled(body, names))
    assert allowed.status_code in {200, 204}
    assert "tenant:own" in await rights(successor)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", "/users/teams/{team}/members/{me}", None),
        ("PATCH", "/users/teams/{team}", {"role_ids": []}),
        ("DELETE", "/users/teams/{team}", None),
    ],
)
async def test_an_owner_through_a_team_is_one_too(
    http: httpx.AsyncClient, tenant: TestTenant, method: str, path: str, body: Any
) -> None:
    team = await new_team(tenant.owner, tenant.role_ids["owner"])
    me = await new_person(http, tenant, team_ids=[team])
    first = tenant.people["owner"].id
    assert (await me.api.put(f"/users/{first}/roles", json={"role_ids": []})).status_code == 200

    refused = await me.api.request(method, path.format_map({"team": team, "me": me.id}), json=body)

    problem_of(refused, 409, "last_owner")
    assert "tenant:own" in await rights(me)


async def everything(stage: Stage) -> tuple[Any, ...]:
    """Roles, teams, people and what four of them may do."""
    owner: Api = stage.tenant.owner
    people = (stage.helper.id, stage.nobody, stage.holder, stage.insider)
    lists = ("/users/roles?limit=200", "/users/teams?limit=200", "/users?limit=200")
    paths = [*lists, *(f"/users/{user}/effective-permissions" for user in people)]
    answers = tuple([(await owner.get(path)).json() for path in paths])
    for item in answers[2]["items"]:
        del item["last_login_at"]
    return answers


def filled(body: Any, names: Mapping[str, str]) -> Any:
    """The body with the names in its texts replaced by ids."""
    if isinstance(body, dict):
        return {key: filled(value, names) for key, value in body.items()}
    if isinstance(body, list):
        return [filled(value, names) for value in body]
    return body.format_map(names) if isinstance(body, str) else body
