"""What ``/auth/me`` says comes from copies, and follows every change: at once here, within a second elsewhere."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import httpx
import pyotp
import pytest
from fastapi import FastAPI

from common.cache.two_level import FORMAT
from tests.support.apps import Wired, services_of
from tests.support.world import PASSWORD, Api, Person, TestTenant, add_person, sign_in

pytestmark = pytest.mark.promise("I2")

WITHIN: Final = 1.0  # seconds: the promise
_numbers = itertools.count(1)

Change = Callable[["Scene"], Awaitable[httpx.Response]]


class Scene:
    """Somebody, and the tenant whose owner changes things."""

    def __init__(self, http: httpx.AsyncClient, tenant: TestTenant, person: Person) -> None:
        self.http, self.tenant, self.person = http, tenant, person
        self.path, self.owner = f"/users/{person.id}", tenant.owner


@pytest.fixture(params=[0, 1], ids=["alpha", "beta"])
async def scene(request: pytest.FixtureRequest, http: httpx.AsyncClient, alpha: TestTenant, beta: TestTenant) -> Scene:
    """In either of the twins, a person of the test's own."""
    tenant = (alpha, beta)[request.param]
    return Scene(http, tenant, await add_person(http, tenant, "viewer", f"profile{next(_numbers)}"))


async def new_team(scene: Scene) -> str:
    made = await scene.owner.post("/users/teams", json={"name": f"profile team {next(_numbers)}"})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def new_role(scene: Scene) -> str:
    made = await scene.owner.post("/users/roles", json={"name": f"profile{next(_numbers)}", "permissions": []})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def rename(scene: Scene) -> httpx.Response:
    return await scene.owner.patch(scene.path, json={"full_name": f"Renamed {next(_numbers)}"})


async def move(scene: Scene) -> httpx.Response:
    return await scene.owner.patch(scene.path, json={"email": f"moved{next(_numbers)}@twin.example"})


async def change_roles(scene: Scene) -> httpx.Response:
    return await scene.owner.put(f"{scene.path}/roles", json={"role_ids": [scene.tenant.role_ids["member"]]})


async def join_team(scene: Scene) -> httpx.Response:
    return await scene.owner.put(f"/users/teams/{await new_team(scene)}/members/{scene.person.id}", json={})


async def log_in_elsewhere(scene: Scene) -> httpx.Response:
    return await scene.tenant.anonymous.post(
        "/auth/login", json={"username": scene.person.username, "password": PASSWORD}
    )


async def refresh(scene: Scene) -> httpx.Response:
    body = {"refresh_token": scene.person.tokens["refresh_token"]}
    return await scene.tenant.anonymous.post("/auth/refresh", json=body)


async def turn_on_second_factor(scene: Scene) -> httpx.Response:
    begun = await scene.person.api.post("/auth/mfa/totp")
    code = pyotp.TOTP(begun.json()["secret"]).now()
    return await scene.person.api.post("/auth/mfa/totp/confirm", json={"code": code})


CHANGES: Final[tuple[Change, ...]] = (
    rename,
    move,
    change_roles,
    join_team,
    log_in_elsewhere,
    refresh,
    turn_on_second_factor,
)


async def me(api: Api) -> dict[str, Any]:
    """What somebody sees of himself."""
    answer = await api.get("/auth/me")
    assert answer.status_code == 200, answer.text
    seen: dict[str, Any] = answer.json()
    return seen


async def follows(wired: Wired, scene: Scene, change: Awaitable[httpx.Response]) -> None:
    """Both processes know the person; after the change one shows it at once, the other in time."""
    here, there = scene.person.api, Api(wired.http, scene.person.api.headers)
    before = [await me(api) for api in (here, there, here, there)][-1]

    answer = await change
    changed_at = time.monotonic()
    assert answer.status_code < 300, answer.text

    after = await me(here)
    assert after != before
    while await me(there) != after:
        assert time.monotonic() - changed_at < WITHIN, "the other process still shows what was"
        await asyncio.sleep(0.01)
    assert await me(here) == after


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
async def test_a_change_is_seen(wired: Wired, scene: Scene, change: Change) -> None:
    await follows(wired, scene, change(scene))


async def test_a_team_of_another_name_is_seen(wired: Wired, scene: Scene) -> None:
    team = await new_team(scene)
    await scene.owner.put(f"/users/teams/{team}/members/{scene.person.id}", json={})

    await follows(wired, scene, scene.owner.patch(f"/users/teams/{team}", json={"name": f"other {next(_numbers)}"}))
    await follows(wired, scene, scene.owner.delete(f"/users/teams/{team}/members/{scene.person.id}"))


async def test_a_role_of_another_name_is_seen_and_so_is_its_end(wired: Wired, scene: Scene) -> None:
    role = await new_role(scene)
    await scene.owner.put(f"{scene.path}/roles", json={"role_ids": [role]})

    await follows(wired, scene, scene.owner.patch(f"/users/roles/{role}", json={"name": f"other{next(_numbers)}"}))
    await follows(wired, scene, scene.owner.delete(f"/users/roles/{role}"))


async def test_the_second_login_of_somebody_shows_its_own_session(scene: Scene) -> None:
    other = await sign_in(scene.http, scene.tenant, scene.person.username)

    first, second = await me(scene.person.api), await me(other.api)

    assert first["user"] == second["user"]
    assert (first["session"]["id"], second["session"]["id"]) == (
        scene.person.tokens["session_id"],
        other.tokens["session_id"],
    )


@pytest.mark.promise("T1")
async def test_the_twins_see_themselves(alpha: TestTenant, beta: TestTenant) -> None:
    for tenant, other in ((alpha, beta), (beta, alpha)) * 2:
        text = (await tenant.owner.get("/auth/me")).text
        assert tenant.canary in text
        assert other.canary not in text


async def test_a_known_person_costs_no_round_trip(wired: Wired, scene: Scene) -> None:
    there, costs = Api(wired.http, scene.person.api.headers), []
    for _ in range(4):  # the least of a few: a copy in this process lives for less than a second
        wired.wire.reset()
        await me(there)
        costs.append(wired.wire.trips)

    assert min(costs) == 0


@pytest.mark.parametrize("written", [b"{}", b"[1,2]", b"null", b"{", b'{"id":"x","email":7}'])
async def test_a_copy_that_another_version_wrote_counts_as_none(app: FastAPI, scene: Scene, written: bytes) -> None:
    """During a rolling deployment the old and the new service share Redis."""
    caches, expected = services_of(app).caches, await me(scene.person.api)
    bucket = f"{scene.tenant.name}/profiles"
    await caches.forget([(bucket, None)])

    for field in (scene.person.id, expected["session"]["id"]):
        await caches.redis.put(caches.key(bucket), field, FORMAT + written, 60)

    assert await me(scene.person.api) == expected
