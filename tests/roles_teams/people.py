"""People, roles and teams for the tests of rights, made through the API."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import httpx

from tests.support.world import PASSWORD, Api, Person, TestTenant, sign_in

_numbers = count(1)


def word() -> str:
    """A name nobody has."""
    return f"rt{next(_numbers)}"


async def new_role(api: Api, *permissions: str) -> str:
    """A role of one's own; its id."""
    answer = await api.post("/users/roles", json={"name": word(), "permissions": permissions})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def new_team(api: Api, *role_ids: str, parent_id: str | None = None) -> str:
    """A team that carries roles; its id."""
    body = {"name": word(), "role_ids": role_ids, "parent_id": parent_id}
    answer = await api.post("/users/teams", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def new_user(api: Api, role_ids: Sequence[str] = (), team_ids: Sequence[str] = (), **fields: Any) -> str:
    """Somebody; the id. Without a password, whose hashing takes longer than all the rest."""
    name = word()
    body = {"email": f"{name}@twin.example", "username": name, "role_ids": role_ids, "team_ids": team_ids, **fields}
    answer = await api.post("/users", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def new_person(
    http: httpx.AsyncClient, tenant: TestTenant, role_ids: Sequence[str] = (), team_ids: Sequence[str] = ()
) -> Person:
    """Somebody who is signed in."""
    user_id = await new_user(tenant.owner, role_ids, team_ids, password=PASSWORD)
    user = (await tenant.owner.get(f"/users/{user_id}")).json()
    return await sign_in(http, tenant, user["username"])


async def rights(person: Person) -> set[str]:
    """What somebody may do now, by the service's own account."""
    answer = await person.api.get("/auth/me")
    assert answer.status_code == 200, answer.text
    return set(answer.json()["permissions"])


async def put(api: Api, path: str, **body: Any) -> Any:
    """Send a PUT that must succeed; its answer."""
    answer = await api.put(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def add_member(api: Api, team_id: str, user_id: str, role: str = "member") -> Any:
    """Put somebody into a team."""
    return await put(api, f"/users/teams/{team_id}/members/{user_id}", role=role)
