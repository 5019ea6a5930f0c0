"""``auth.second_factor_roles``: whoever holds such a role can do nothing before a second factor is enrolled."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pyotp
import pytest

from tests.obeyed.conftest import Obey
from tests.support.apps import Wired
from tests.support.world import PASSWORD, Api, Person, TestTenant, add_person, sign_in

KEY = "auth.second_factor_roles"
ACTION = "enrol_second_factor"


@pytest.fixture
async def manager(http: httpx.AsyncClient, tenant: TestTenant) -> Person:
    """Who holds the role himself."""
    return await add_person(http, tenant, "manager")


@pytest.fixture
async def teammate(http: httpx.AsyncClient, tenant: TestTenant) -> Person:
    """A member who has it from a team."""
    person = await add_person(http, tenant, "member", "teammate")
    body = {"name": "Leads", "role_ids": [tenant.role_ids["manager"]]}
    team = (await tenant.owner.post("/users/teams", json=body)).json()
    added = await tenant.owner.put(f"/users/teams/{team['id']}/members/{person.id}", json={"role": "member"})
    assert added.status_code == 200, added.text
    return person


async def standing(person: Person) -> tuple[int, str | None]:
    """What asking for something ordinary brings."""
    answer = await person.api.get("/users")
    return answer.status_code, answer.json().get("code")


async def enrol(api: Api) -> pyotp.TOTP:
    """Turn the second factor on."""
    begun = await api.post("/auth/mfa/totp")
    assert begun.status_code == 200, begun.text
    totp = pyotp.TOTP(begun.json()["secret"])
    assert (await api.post("/auth/mfa/totp/confirm", json={"code": totp.now()})).status_code == 200
    return totp


@pytest.mark.promise("T1", "I2")
async def test_it_acts_on_sessions_there_are_in_one_tenant_until_enrolled(  # noqa: PLR0917 - fixtures
    http: httpx.AsyncClient, tenant: TestTenant, alpha: TestTenant, manager: Person, teammate: Person, obey: Obey
) -> None:
    twin, plain = alpha.people["manager"], await add_person(http, tenant, "member", "plain")
    both = (manager, teammate)
    assert [await standing(person) for person in both] == [(200, None)] * 2

    await obey(KEY, ["Manager"])

    assert [await standing(person) for person in both] == [(403, "second_factor_required")] * 2
    assert (await plain.api.get("/auth/test")).status_code == 200
    assert (await tenant.owner.get("/users")).status_code == 200
    assert await standing(twin) == (200, None)

    for person in both:
        await enrol(person.api)
        assert await standing(person) == (200, None)
    me = (await manager.api.get("/auth/me")).json()
    assert me["required_action"] is None
    assert "users:read" in me["permissions"]
    off = await manager.api.request("DELETE", "/auth/mfa/totp", json={"password": PASSWORD})
    assert off.status_code == 204
    assert await standing(manager) == (403, "second_factor_required")


async def test_all_that_is_left_is_enrolling_and_leaving(
    http: httpx.AsyncClient, tenant: TestTenant, manager: Person, obey: Obey
) -> None:
    await obey(KEY, ["manager"])
    fresh = await sign_in(http, tenant, "manager")
    assert fresh.tokens["required_action"] == ACTION
    me = (await fresh.api.get("/auth/me")).json()
    assert (me["required_action"], me["permissions"], me["user"]["username"]) == (ACTION, [], "manager")

    sessions = await fresh.api.get("/auth/sessions")
    ended = await fresh.api.delete(f"/auth/sessions/{manager.tokens['session_id']}")
    pair = await tenant.anonymous.post("/auth/refresh", json={"refresh_token": fresh.tokens["refresh_token"]})
    assert (sessions.status_code, ended.status_code, pair.status_code) == (200, 204, 200)
    assert pair.json()["required_action"] == ACTION

    refused: list[tuple[str, str, Any]] = [
        ("GET", "/auth/test", None),
        ("GET", "/settings", None),
        ("POST", "/auth/password/change", {"current_password": "x", "new_password": "y"}),
        ("POST", "/auth/email/change", {"password": "x", "new_email": "m@new.example"}),
        ("DELETE", "/auth/mfa/totp", {"password": "x"}),
        ("GET", "/users/api-keys", None),
    ]
    for method, path, body in refused:
        answer = await fresh.api.request(method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_required"), path

    assert (await fresh.api.post("/auth/logout")).status_code == 204
    again = await sign_in(http, tenant, "manager")
    totp = await enrol(again.api)
    assert (await again.api.get("/users")).status_code == 200
    code = totp.at(int(time.time()) + 30)
    body = {"username": "manager", "password": PASSWORD, "otp": code}
    assert (await tenant.anonymous.post("/auth/login", json=body)).json()["required_action"] is None


@pytest.mark.promise("R2")
async def test_an_api_key_can_do_no_more_than_its_owner(
    tenant: TestTenant, obey: Obey, http: httpx.AsyncClient
) -> None:
    admin = await add_person(http, tenant, "admin")
    made = await admin.api.post("/users/api-keys", json={"name": "robot", "permissions": ["users:read"]})
    assert made.status_code == 201, made.text
    robot = Api(http, {"X-Tenant-ID": tenant.name, "X-API-Key": made.json()["key"]})
    assert (await robot.get("/users")).status_code == 200

    await obey(KEY, ["admin"])

    assert (await robot.get("/users")).json()["code"] == "second_factor_required"
    form = {"token": made.json()["key"]}
    told = await tenant.owner.post("/auth/introspect", data=form)
    assert (told.json()["active"], told.json()["scope"]) == (True, "")
    await enrol(admin.api)
    assert (await robot.get("/users")).status_code == 200


async def test_it_acts_in_another_process_and_ends_with_the_setting(
    tenant: TestTenant, manager: Person, obey: Obey, wired: Wired
) -> None:
    """Without a round trip: what is asked on every request is in memory."""
    elsewhere = Api(wired.http, manager.api.headers)
    assert (await elsewhere.get("/users/me-not")).status_code != 403

    await obey(KEY, ["manager"])
    while (await elsewhere.get("/auth/test")).status_code != 403:
        pass
    wired.wire.reset()
    assert (await elsewhere.get("/auth/test")).json()["code"] == "second_factor_required"
    assert wired.wire.trips == 0

    assert (await tenant.owner.delete(f"/settings/{KEY}")).status_code == 204
    assert (await manager.api.get("/auth/test")).status_code == 200
    for value in ("manager", [1], [""], {"manager": True}, ["x"] * 101):
        answer = await tenant.owner.put(f"/settings/{KEY}", json={"value": value})
        assert (answer.status_code, answer.json()["code"]) == (422, "setting_invalid")
