"""``sessions.*``: how long sessions live, and how many there may be."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from common.config import Config
from tests.obeyed.conftest import Obey
from tests.support.probes import owner_connection
from tests.support.world import Person, TestTenant, add_person, sign_in

pytestmark = pytest.mark.promise("I2")


@pytest.fixture
async def person(http: httpx.AsyncClient, tenant: TestTenant) -> Person:
    """Somebody in the test's own tenant, who has asked for nothing yet."""
    return await add_person(http, tenant, "member")


async def age(config: Config, tenant: TestTenant, person: Person, column: str, seconds: int) -> None:
    """Have a session be older than it is."""
    async with owner_connection(config, tenant.name) as owner:
        statement = f"UPDATE user_sessions SET {column} = {column} - make_interval(secs => {seconds}) WHERE id = $1"
        await owner.execute(statement, person.tokens["session_id"])


@pytest.mark.parametrize(
    ("key", "column"), [("sessions.idle_seconds", "last_used_at"), ("sessions.absolute_seconds", "created_at")]
)
async def test_a_shorter_life_ends_the_sessions_there_are(  # noqa: PLR0917 - fixtures
    http: httpx.AsyncClient,
    config: Config,
    tenant: TestTenant,
    alpha: TestTenant,
    person: Person,
    obey: Obey,
    key: str,
    column: str,
) -> None:
    """Those of this tenant only, tokens and all, and no longer shown; a session that is young enough goes on."""
    twin, young = await sign_in(http, alpha, "member"), await sign_in(http, tenant, "member")
    for somebody, place in ((person, tenant), (twin, alpha)):
        await age(config, place, somebody, column, 1000)
        assert (await somebody.api.get("/auth/test")).status_code == 200

    await obey(key, 900)

    token = {"refresh_token": person.tokens["refresh_token"]}
    assert (await person.api.get("/auth/test")).status_code == 401
    assert (await tenant.anonymous.post("/auth/refresh", json=token)).json()["code"] == "refresh_token_invalid"
    shown = (await tenant.owner.get(f"/users/{person.id}/sessions")).json()["items"]
    assert [session["id"] for session in shown] == [young.tokens["session_id"]]
    assert (await young.api.get("/auth/test")).status_code == 200
    assert (await twin.api.get("/auth/test")).status_code == 200


async def test_a_refresh_counts_by_what_is_set_now(
    config: Config, tenant: TestTenant, person: Person, obey: Obey
) -> None:
    """The shorter of both times wins, in whichever order they were set; a longer one acts with the next refresh."""
    await obey("sessions.idle_seconds", 3600)
    first = await tenant.anonymous.post("/auth/refresh", json={"refresh_token": person.tokens["refresh_token"]})
    await obey("sessions.absolute_seconds", 1800)
    second = await tenant.anonymous.post("/auth/refresh", json={"refresh_token": first.json()["refresh_token"]})
    await age(config, tenant, person, "created_at", 1000)
    await obey("sessions.absolute_seconds", 7200)
    third = await tenant.anonymous.post("/auth/refresh", json={"refresh_token": second.json()["refresh_token"]})

    assert 3500 < first.json()["refresh_expires_in"] <= 3600
    assert 1700 < second.json()["refresh_expires_in"] <= 1800
    assert 3500 < third.json()["refresh_expires_in"] <= 3600
    async with owner_connection(config, tenant.name) as owner:
        row = await owner.fetchrow(
            "SELECT expires_at - created_at AS life FROM user_sessions WHERE id = $1", person.tokens["session_id"]
        )
    assert row["life"].total_seconds() == 7200


async def test_a_refreshed_session_is_not_taken_for_an_idle_one(
    config: Config, tenant: TestTenant, person: Person, obey: Obey
) -> None:
    """Whoever remembers it has to learn of the refresh."""
    await obey("sessions.idle_seconds", 900)
    await age(config, tenant, person, "last_used_at", 800)
    assert (await person.api.get("/auth/test")).status_code == 200
    pair = await tenant.anonymous.post("/auth/refresh", json={"refresh_token": person.tokens["refresh_token"]})
    await obey("sessions.idle_seconds", 400)

    headers = {"Authorization": f"Bearer {pair.json()['access_token']}"}
    assert (await tenant.anonymous.get("/auth/test", headers=headers)).status_code == 200


async def test_a_login_too_many_ends_the_oldest_session(  # noqa: PLR0917 - fixtures
    http: httpx.AsyncClient, config: Config, tenant: TestTenant, alpha: TestTenant, person: Person, obey: Obey
) -> None:
    """Of that user, in that tenant; with an entry of its own in the audit log."""
    second = await sign_in(http, tenant, "member")
    await obey("sessions.max_per_user", 2)
    assert (await person.api.get("/auth/test")).status_code == 200  # nothing ends before the next login

    third = await sign_in(http, tenant, "member")
    elsewhere = [await sign_in(http, alpha, "member") for _ in range(3)]

    alive = [(await somebody.api.get("/auth/test")).status_code for somebody in (person, second, third, *elsewhere)]
    assert alive == [401, 200, 200, 200, 200, 200]
    assert (await tenant.owner.get("/auth/me")).status_code == 200
    async with owner_connection(config, tenant.name) as owner:
        rows = await owner.fetch("SELECT target_id, actor_id FROM audit_logs WHERE action = 'auth.session.displaced'")
    assert [(row["target_id"], str(row["actor_id"])) for row in rows] == [(person.tokens["session_id"], person.id)]

    await asyncio.gather(*(sign_in(http, tenant, "member") for _ in range(6)))
    listed = await tenant.owner.get(f"/users/{person.id}/sessions", params={"include_total": True})
    assert listed.json()["total"] == 2


async def test_a_lower_number_ends_the_surplus_with_its_next_refresh(  # noqa: PLR0917 - fixtures
    http: httpx.AsyncClient, config: Config, tenant: TestTenant, alpha: TestTenant, person: Person, obey: Obey
) -> None:
    """The oldest, whichever of them come first; an access token ends by itself, minutes later."""
    people = [person, *[await sign_in(http, tenant, "member") for _ in range(3)]]
    twins = [await sign_in(http, alpha, "member") for _ in range(3)]
    await obey("sessions.max_per_user", 2)

    answers = await asyncio.gather(*(renew(tenant, somebody) for somebody in people))

    assert [answer.status_code for answer in answers] == [401, 401, 200, 200]
    assert {answer.json()["code"] for answer in answers[:2]} == {"refresh_token_invalid"}
    alive = [(await somebody.api.get("/auth/test")).status_code for somebody in people]
    assert alive == [401, 401, 200, 200]
    assert [(await renew(alpha, twin)).status_code for twin in twins] == [200, 200, 200]
    async with owner_connection(config, tenant.name) as owner:
        rows = await owner.fetch("SELECT target_id FROM audit_logs WHERE action = 'auth.session.displaced'")
    assert {row["target_id"] for row in rows} == {somebody.tokens["session_id"] for somebody in people[:2]}


async def renew(tenant: TestTenant, person: Person) -> httpx.Response:
    """Use a refresh token."""
    return await tenant.anonymous.post("/auth/refresh", json={"refresh_token": person.tokens["refresh_token"]})
