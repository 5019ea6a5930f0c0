"""Taking a user's deletion back."""

from __future__ import annotations

import asyncio
import itertools

import httpx
import pytest

from tests.support.problems import problem_of
from tests.support.world import PASSWORD, Person, TestTenant, add_person

_numbers = itertools.count(1)


@pytest.fixture(params=["alpha", "beta"])
def home(request: pytest.FixtureRequest, alpha: TestTenant, beta: TestTenant) -> TestTenant:
    """One twin, then the other."""
    return alpha if request.param == "alpha" else beta


@pytest.fixture
async def goner(http: httpx.AsyncClient, home: TestTenant) -> Person:
    """Somebody who was deleted."""
    person = await add_person(http, home, "member", f"goner{next(_numbers)}")
    assert (await home.owner.delete(f"/users/{person.id}")).status_code == 204
    return person


async def test_the_account_comes_back_as_it_was_but_not_its_sessions(home: TestTenant, goner: Person) -> None:
    stale = await home.owner.post(f"/users/{goner.id}/restore", headers={"If-Match": '"v1"'})
    problem_of(stale, 412, "version_conflict")

    answer = await home.people["admin"].api.post(f"/users/{goner.id}/restore")

    user = answer.json()
    assert (answer.status_code, answer.headers["ETag"]) == (200, f'"v{user["version"]}"')
    assert (user["username"], [role["name"] for role in user["roles"]]) == (goner.username, ["member"])
    assert (await goner.api.get("/auth/me")).status_code == 401
    login = {"username": goner.username, "password": PASSWORD}
    assert (await home.anonymous.post("/auth/login", json=login)).status_code == 200
    problem_of(await home.owner.post(f"/users/{goner.id}/restore"), 404, "not_found")
    found = (await home.owner.get("/settings/audit-logs", params={"target_id": goner.id})).json()
    if "items" in found:
        assert [entry["action"] for entry in found["items"]].count("users.user.restored") == 1


@pytest.mark.parametrize("taken", ["email", "username"])
async def test_what_was_taken_meanwhile_stays_taken(home: TestTenant, goner: Person, taken: str) -> None:
    fresh = f"fresh{next(_numbers)}"
    body = {"email": f"{fresh}@twin.example", "username": fresh}
    body[taken] = getattr(goner, taken).upper()
    assert (await home.owner.post("/users", json=body)).status_code == 201

    problem_of(await home.owner.post(f"/users/{goner.id}/restore"), 409, f"{taken}_taken")

    assert (await home.owner.get(f"/users/{goner.id}")).status_code == 404


async def test_of_many_who_restore_at_once_one_does(home: TestTenant, goner: Person) -> None:
    answers = await asyncio.gather(*(home.owner.post(f"/users/{goner.id}/restore") for _ in range(8)))

    assert sorted(answer.status_code for answer in answers) == [200] + [404] * 7


async def test_only_a_deleted_user_of_this_tenant_can_be_restored(
    home: TestTenant, alpha: TestTenant, beta: TestTenant, goner: Person
) -> None:
    neighbour = beta if home is alpha else alpha

    problem_of(await home.owner.post(f"/users/{home.people['viewer'].id}/restore"), 404, "not_found")
    problem_of(await neighbour.owner.post(f"/users/{goner.id}/restore"), 404, "not_found")
    problem_of(await home.people["viewer"].api.post(f"/users/{goner.id}/restore"), 403, "permission_denied")


@pytest.mark.promise("R2")
async def test_nobody_brings_back_one_who_held_more(http: httpx.AsyncClient, home: TestTenant) -> None:
    owner = await add_person(http, home, "owner", f"owner{next(_numbers)}")
    await home.owner.delete(f"/users/{owner.id}")

    problem_of(await home.people["admin"].api.post(f"/users/{owner.id}/restore"), 403, "permission_denied")

    assert (await home.owner.post(f"/users/{owner.id}/restore")).status_code == 200
    await home.owner.delete(f"/users/{owner.id}")
