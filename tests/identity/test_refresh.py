"""The chain of refresh tokens: who may continue it, and what ends it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import main
from common.config import Config
from tests.identity.conftest import Refresh, Session, refresh_bytes, refresh_text, set_session
from tests.support.probes import owner_connection
from tests.support.world import Person, TestTenant, client_of

pytestmark = pytest.mark.promise("I3")


async def _is_dead(person: Person, refresh: Refresh, token: str, code: str = "refresh_token_invalid") -> None:
    """Neither token of the session works any more."""
    answer = await refresh(token)
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert (await person.api.get("/auth/test")).status_code == 401


async def _last_entries(config: Config, tenant: TestTenant, session_id: str) -> list[str]:
    async with owner_connection(config, tenant.name) as owner:
        rows = await owner.fetch("SELECT action FROM audit_logs WHERE target_id = $1 ORDER BY seq", session_id)
        return [row["action"] for row in rows]


async def test_a_token_is_exchanged_for_the_next_one(person: Person, refresh: Refresh) -> None:
    answer = await refresh(person.tokens["refresh_token"])

    assert answer.status_code == 200
    pair = answer.json()
    assert pair["session_id"] == person.tokens["session_id"]
    assert pair["refresh_token"] != person.tokens["refresh_token"]
    assert pair["access_token"] != person.tokens["access_token"]
    assert pair["expires_in"] == 3600
    assert answer.headers["cache-control"] == "no-store"
    assert (await person.api.get("/auth/test")).status_code == 200


async def test_a_parent_repeated_at_once_gets_the_same_successor(person: Person, refresh: Refresh) -> None:
    """A client that lost the answer is not logged out."""
    first = (await refresh(person.tokens["refresh_token"])).json()
    second = (await refresh(person.tokens["refresh_token"])).json()

    assert second["refresh_token"] == first["refresh_token"]
    assert (await refresh(first["refresh_token"])).status_code == 200


async def test_many_uses_at_once_make_one_new_generation(
    person: Person, refresh: Refresh, session_row: Session
) -> None:
    answers = await asyncio.gather(*(refresh(person.tokens["refresh_token"]) for _ in range(32)))

    assert [answer.status_code for answer in answers] == [200] * 32
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    assert (await session_row())["generation"] == 1


async def test_one_generation_has_one_audit_entry(
    person: Person, refresh: Refresh, config: Config, alpha: TestTenant
) -> None:
    await asyncio.gather(*(refresh(person.tokens["refresh_token"]) for _ in range(4)))

    assert await _last_entries(config, alpha, person.tokens["session_id"]) == ["auth.session.refreshed"]


async def test_a_parent_whose_successor_was_used_ends_the_session(
    person: Person, refresh: Refresh, config: Config, alpha: TestTenant
) -> None:
    """Two hold the chain; nobody knows which of them is the thief."""
    second = (await refresh(person.tokens["refresh_token"])).json()["refresh_token"]
    third = (await refresh(second)).json()["refresh_token"]

    await _is_dead(person, refresh, person.tokens["refresh_token"], "refresh_token_reused")

    await _is_dead(person, refresh, third)
    assert (await _last_entries(config, alpha, person.tokens["session_id"]))[-1] == "auth.session.reused"


async def test_a_parent_repeated_after_the_grace_ends_the_session(
    person: Person, refresh: Refresh, config: Config, alpha: TestTenant
) -> None:
    successor = (await refresh(person.tokens["refresh_token"])).json()["refresh_token"]
    await set_session(config, alpha, person, "rotated_at = rotated_at - interval '11 seconds'")

    await _is_dead(person, refresh, person.tokens["refresh_token"], "refresh_token_reused")

    await _is_dead(person, refresh, successor)


async def test_a_replay_among_honest_uses_ends_the_session_for_all(person: Person, refresh: Refresh) -> None:
    first = person.tokens["refresh_token"]
    second = (await refresh(first)).json()["refresh_token"]
    third = (await refresh(second)).json()["refresh_token"]

    await asyncio.gather(*(refresh(token) for token in (first, third, first, third)))

    await _is_dead(person, refresh, third)


async def test_a_guess_at_a_session_id_harms_nobody(person: Person, refresh: Refresh) -> None:
    """Only a genuine old token ends a session; who merely knows its id cannot."""
    body, tag = refresh_bytes(person.tokens["refresh_token"])[:52], b"\0" * 16
    for forged in (body + tag, body[:20] + b"\1" * 32 + tag, body[:16] + b"\0\0\0\7" + body[20:] + tag):
        answer = await refresh(refresh_text(forged))
        assert answer.json()["code"] == "refresh_token_invalid"

    assert (await refresh(person.tokens["refresh_token"])).status_code == 200


async def test_every_flipped_bit_is_noticed_and_the_session_lives(person: Person, refresh: Refresh) -> None:
    genuine = refresh_bytes(person.tokens["refresh_token"])
    for position in range(0, len(genuine), 3):
        data = bytearray(genuine)
        data[position] ^= 1 << position % 8
        assert (await refresh(refresh_text(bytes(data)))).json()["code"] == "refresh_token_invalid"

    assert (await refresh(person.tokens["refresh_token"])).status_code == 200


async def test_other_spellings_of_a_token_are_refused(person: Person, refresh: Refresh) -> None:
    token = person.tokens["refresh_token"]
    spellings = [f"{token}=", f"{token}\n=", token.removeprefix("ssr_"), token.upper(), f"ssr_{token}", token[:-1]]
    for text in [*spellings, token[:10] + " " + token[10:], token[:10] + "\n" + token[10:]]:
        assert (await refresh(text)).json()["code"] == "refresh_token_invalid"

    assert (await refresh(token)).status_code == 200


async def test_the_database_holds_no_refresh_token(person: Person, refresh: Refresh, session_row: Session) -> None:
    """Only the newest one's digest: who reads the table can continue no session."""
    successor = (await refresh(person.tokens["refresh_token"])).json()["refresh_token"]

    stored = repr(sorted((await session_row()).items())).encode()
    binary = b"".join(value for value in (await session_row()).values() if isinstance(value, bytes))

    for token in (person.tokens["refresh_token"], successor):
        secret = refresh_bytes(token)[20:52]
        assert token.encode() not in stored
        assert secret not in binary
        assert secret.hex().encode() not in stored


async def test_a_restart_changes_nothing(
    person: Person, refresh: Refresh, config: Config, alpha: TestTenant, session_row: Session
) -> None:
    """Two rotations with a new process in between: it derives the same successor, and knows the replayed one."""
    second = (await refresh(person.tokens["refresh_token"])).json()["refresh_token"]
    application = main.create_app(config)
    async with application.router.lifespan_context(application), client_of(application) as other:

        async def refresh_there(token: str) -> dict[str, Any]:
            headers = {"X-Tenant-ID": alpha.name}
            answer = await other.post("/api/v1/auth/refresh", headers=headers, json={"refresh_token": token})
            return dict(answer.json())

        assert (await refresh_there(person.tokens["refresh_token"]))["refresh_token"] == second
        third = (await refresh_there(second))["refresh_token"]
        assert (await refresh(second)).json()["refresh_token"] == third
        assert (await session_row())["generation"] == 2
        assert (await refresh_there(person.tokens["refresh_token"]))["code"] == "refresh_token_reused"


async def test_a_token_of_another_tenant_opens_nothing_and_stays_alive(
    person: Person, beta: TestTenant, refresh: Refresh
) -> None:
    token = person.tokens["refresh_token"]

    answer = await beta.anonymous.post("/auth/refresh", json={"refresh_token": token})

    assert (answer.status_code, answer.json()["code"]) == (401, "refresh_token_invalid")
    assert (await refresh(token)).status_code == 200
