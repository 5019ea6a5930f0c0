"""What ends a session besides a replayed token: time, logout, and its user's end."""

from __future__ import annotations

import httpx
import pytest

from common.config import Config
from tests.identity.conftest import Refresh, set_session
from tests.support.probes import owner_connection
from tests.support.world import Person, TestTenant, add_person, sign_in

pytestmark = pytest.mark.promise("I3")


async def _ended(person: Person, refresh: Refresh) -> None:
    answer = await refresh(person.tokens["refresh_token"])
    assert (answer.status_code, answer.json()["code"]) == (401, "refresh_token_invalid")
    assert (await person.api.get("/auth/test")).status_code == 401


@pytest.mark.parametrize("deadline", ["idle_expires_at", "expires_at"])
async def test_a_session_past_its_deadline_is_over(
    deadline: str, person: Person, refresh: Refresh, config: Config, alpha: TestTenant
) -> None:
    await set_session(config, alpha, person, f"{deadline} = now() - interval '1 second'")

    await _ended(person, refresh)


async def test_using_a_session_extends_its_idle_time_but_never_past_its_end(
    person: Person, refresh: Refresh, config: Config, alpha: TestTenant
) -> None:
    age = config.refresh_absolute_seconds - 3600
    await set_session(config, alpha, person, f"created_at = created_at - interval '{age} seconds'")

    answer = await refresh(person.tokens["refresh_token"])

    assert 3500 < answer.json()["refresh_expires_in"] <= 3600


@pytest.mark.promise("I2")
async def test_logout_ends_both_tokens_at_once(person: Person, refresh: Refresh) -> None:
    assert (await person.api.get("/auth/test")).status_code == 200

    assert (await person.api.post("/auth/logout")).status_code == 204

    await _ended(person, refresh)


@pytest.mark.promise("I2")
async def test_logout_of_the_others_spares_this_session(
    http: httpx.AsyncClient, alpha: TestTenant, refresh: Refresh
) -> None:
    here = await add_person(http, alpha, "viewer", "logout-others")
    there = await sign_in(http, alpha, "logout-others")

    assert (await here.api.post("/auth/logout", params={"scope": "others"})).status_code == 204

    await _ended(there, refresh)
    assert (await refresh(here.tokens["refresh_token"])).status_code == 200


@pytest.mark.promise("I2")
async def test_logout_everywhere_ends_every_session_of_the_user_and_of_nobody_else(
    http: httpx.AsyncClient, alpha: TestTenant, person: Person, refresh: Refresh
) -> None:
    here = await add_person(http, alpha, "viewer", "logout-global")
    there = await sign_in(http, alpha, "logout-global")

    assert (await here.api.post("/auth/logout", params={"scope": "global"})).status_code == 204

    await _ended(here, refresh)
    await _ended(there, refresh)
    assert (await refresh(person.tokens["refresh_token"])).status_code == 200


@pytest.mark.promise("I2")
async def test_deleting_a_user_ends_the_session(http: httpx.AsyncClient, alpha: TestTenant, refresh: Refresh) -> None:
    somebody = await add_person(http, alpha, "viewer", "to-be-deleted")

    assert (await alpha.owner.delete(f"/users/{somebody.id}")).status_code == 204

    await _ended(somebody, refresh)


@pytest.mark.promise("I2")
async def test_deactivating_a_user_ends_the_session_for_good(
    http: httpx.AsyncClient, alpha: TestTenant, refresh: Refresh
) -> None:
    """Reactivating gives back the right to log in, not the sessions of before."""
    somebody = await add_person(http, alpha, "viewer", "to-be-deactivated")
    path = f"/users/{somebody.id}"

    assert (await alpha.owner.patch(path, json={"is_active": False})).status_code == 200
    await _ended(somebody, refresh)

    assert (await alpha.owner.patch(path, json={"is_active": True})).status_code == 200
    await _ended(somebody, refresh)


async def test_a_user_who_vanished_from_the_table_cannot_refresh(
    person: Person, refresh: Refresh, config: Config, alpha: TestTenant, http: httpx.AsyncClient
) -> None:
    """Also when only the row changed, as an import or an operator would change it."""
    somebody = await add_person(http, alpha, "viewer", "changed-in-sql")
    async with owner_connection(config, alpha.name) as owner:
        await owner.execute("UPDATE users SET is_active = false WHERE id = $1", somebody.id)

    await _ended(somebody, refresh)
    assert (await refresh(person.tokens["refresh_token"])).status_code == 200
