"""Seeing where one is logged in, and ending it."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from common.config import Config
from tests.support.probes import owner_connection
from tests.support.world import Person, TestTenant, add_person, sign_in


@pytest.fixture(params=["alpha", "beta"])
def home(request: pytest.FixtureRequest, alpha: TestTenant, beta: TestTenant) -> TestTenant:
    """One twin, then the other."""
    return alpha if request.param == "alpha" else beta


async def _alive(*people: Person) -> list[bool]:
    return [(await person.api.get("/auth/test")).status_code == 200 for person in people]


async def test_ones_own_sessions(http: httpx.AsyncClient, tenant: TestTenant) -> None:
    here = tenant.people["owner"]
    agent = {"User-Agent": "A browser of the tests"}
    other = tenant.anonymous
    login = {"username": "owner", "password": "a password for the tests"}
    there = (await other.post("/auth/login", json=login, headers=agent)).json()
    await add_person(http, tenant, "member")

    answer = await here.api.get("/auth/sessions", params={"include_total": "true"})

    newest, oldest = answer.json()["items"]
    assert answer.json()["total"] == 2
    assert (newest["id"], newest["current"], newest["user_agent"]) == (there["session_id"], False, agent["User-Agent"])
    assert (oldest["id"], oldest["current"], oldest["ip_address"]) == (here.tokens["session_id"], True, "203.0.113.7")
    assert newest.keys() == {
        "id", "created_at", "last_used_at", "expires_at", "ip_address", "user_agent", "current",
    }  # fmt: skip
    found = await here.api.get("/auth/sessions", params={"q": "BROWSER"})
    assert [session["id"] for session in found.json()["items"]] == [there["session_id"]]


async def test_an_ended_or_expired_session_is_not_shown(
    http: httpx.AsyncClient, config: Config, tenant: TestTenant
) -> None:
    here = tenant.people["owner"]
    ended, expired, idle = [await sign_in(http, tenant, "owner") for _ in range(3)]
    assert (await here.api.delete(f"/auth/sessions/{ended.tokens['session_id']}")).status_code == 204
    async with owner_connection(config, tenant.name) as owner:
        for person, column in ((expired, "expires_at"), (idle, "idle_expires_at")):
            await owner.execute(
                f"UPDATE user_sessions SET {column} = now() - interval '1 s' WHERE id = $1", person.tokens["session_id"]
            )

    listed = (await here.api.get("/auth/sessions")).json()["items"]

    assert [session["id"] for session in listed] == [here.tokens["session_id"]]


@pytest.mark.promise("I2")
async def test_ending_one_of_ones_own(http: httpx.AsyncClient, home: TestTenant) -> None:
    here, there, elsewhere = [await sign_in(http, home, "member") for _ in range(3)]
    assert await _alive(here, there, elsewhere) == [True, True, True]
    path = f"/auth/sessions/{there.tokens['session_id']}"

    assert (await here.api.delete(path)).status_code == 204

    assert await _alive(here, there, elsewhere) == [True, False, True]
    refreshed = await home.anonymous.post("/auth/refresh", json={"refresh_token": there.tokens["refresh_token"]})
    assert refreshed.status_code == 401
    assert (await here.api.delete(path)).status_code == 404
    assert (await here.api.delete(f"/auth/sessions/{here.tokens['session_id']}")).status_code == 204
    assert await _alive(here) == [False]


@pytest.mark.promise("T1")
async def test_nobody_ends_a_session_that_is_not_his(
    http: httpx.AsyncClient, alpha: TestTenant, beta: TestTenant
) -> None:
    colleague, foreigner = await sign_in(http, alpha, "viewer"), await sign_in(http, beta, "member")

    for session_id in (colleague.tokens["session_id"], foreigner.tokens["session_id"], str(uuid4())):
        answer = await alpha.member.delete(f"/auth/sessions/{session_id}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    for path in (f"/users/{foreigner.id}/sessions", f"/users/{uuid4()}/sessions"):
        assert (await alpha.owner.get(path)).status_code == 404
        assert (await alpha.owner.delete(path)).status_code == 404
    assert await _alive(colleague, foreigner) == [True, True]


@pytest.mark.promise("I2")
async def test_an_administrator_sees_and_ends_the_sessions_of_others(http: httpx.AsyncClient, home: TestTenant) -> None:
    devices = [await add_person(http, home, "member", f"ended-{home.name[-4:]}")]
    devices.append(await sign_in(http, home, devices[0].username))
    admin, path = home.people["admin"].api, f"/users/{devices[0].id}/sessions"

    listed = (await admin.get(path)).json()["items"]

    assert {session["id"] for session in listed} == {person.tokens["session_id"] for person in devices}
    assert not any(session["current"] for session in listed)
    assert (await admin.delete(path)).status_code == 204
    assert await _alive(*devices) == [False, False]
    assert (await admin.get(path)).json()["items"] == []
    assert (await admin.delete(path)).status_code == 204  # there is nothing left to end, which is what was wanted
    assert await _alive(await sign_in(http, home, devices[0].username)) == [True]


@pytest.mark.promise("R2")
async def test_nobody_ends_the_sessions_of_one_who_outranks_him(home: TestTenant) -> None:
    owner, admin = home.people["owner"], home.people["admin"]

    answer = await admin.api.delete(f"/users/{owner.id}/sessions")

    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert await _alive(owner) == [True]


@pytest.mark.parametrize("role", ["manager", "member", "viewer"])
async def test_the_sessions_of_others_want_a_permission(home: TestTenant, role: str) -> None:
    path = f"/users/{home.people['member'].id}/sessions"

    for method, permission in (("GET", "sessions:read"), ("DELETE", "sessions:delete")):
        answer = await home.people[role].api.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
        assert permission in answer.json()["detail"]


async def test_ending_is_audited(http: httpx.AsyncClient, config: Config, tenant: TestTenant) -> None:
    person = await add_person(http, tenant, "member")
    mine = await sign_in(http, tenant, "owner")
    await tenant.owner.delete(f"/auth/sessions/{mine.tokens['session_id']}")
    await tenant.owner.delete(f"/users/{person.id}/sessions")

    async with owner_connection(config, tenant.name) as owner:
        rows = await owner.fetch("SELECT action, target_type, target_id FROM audit_logs ORDER BY seq DESC LIMIT 2")
        reasons = await owner.fetch("SELECT revoked_reason FROM user_sessions WHERE revoked_at IS NOT NULL")

    assert [tuple(row) for row in rows] == [
        ("users.sessions.ended", "user", person.id),
        ("auth.session.ended", "session", mine.tokens["session_id"]),
    ]
    assert {row["revoked_reason"] for row in reasons} == {"ended_by_user", "ended_by_administrator"}
