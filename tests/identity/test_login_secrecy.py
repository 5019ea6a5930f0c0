"""A failed login tells nothing: not whether the user exists, not why it failed, not by what it took."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI
from passlib.hash import bcrypt

from common.config import Config
from shared_auth import decoy_of_form, form_of_hash
from tests.support.apps import services_of
from tests.support.probes import owner_connection, watched
from tests.support.servers import MEMORY_KIB
from tests.support.world import PASSWORD, Api, TestTenant, client_of

pytestmark = pytest.mark.promise("I5")

CASES: Final = {
    "unknown_name": ("nobody-here", PASSWORD),
    "unknown_address": ("nobody-here@twin.example", PASSWORD),
    "wrong_password": ("member", "a wrong canary password"),
    "wrong_case_of_password": ("member", PASSWORD.upper()),
    "space_after_password": ("member", PASSWORD + " "),
    "deactivated": ("sleeper", PASSWORD),
    "deleted": ("goner", PASSWORD),
    "without_password": ("unset", PASSWORD),
    "address_of_the_other_tenant": ("only-in-beta@twin.example", PASSWORD),
    "hostile_name": ("' OR 1=1 --", PASSWORD),
    "wildcard": ("%", PASSWORD),
    "nul_in_password": ("member", "a\0 password of bytes"),
    "nul_in_password_of_nobody": ("nobody-here", "a\0 password of bytes"),
    "longest_password": ("member", "\ufdfa" * 128),
}


SET_HASH: Final = "UPDATE users SET password_hash = $1 WHERE username = $2"
HASH_OF: Final = "SELECT password_hash FROM users WHERE username = $1"
ALLOWED: Final = 10  # failed logins of one account from one address
Observe = Callable[[str], Awaitable["Observed"]]


class WatchedPool(ThreadPoolExecutor):
    """A pool that notes what it is given to do."""

    def __init__(self) -> None:
        super().__init__(max_workers=2)
        self.jobs: list[tuple[Any, ...]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.jobs.append(args)
        return super().submit(fn, *args, **kwargs)


@dataclass(slots=True)
class Stranger:
    """Who guesses, and how often each name was tried: of those tries the limit tells."""

    api: Api
    tries: Counter[str] = field(default_factory=Counter)

    async def log_in(self, name: str, password: str) -> httpx.Response:
        """Try."""
        self.tries[name] += 1
        return await self.api.post("/auth/login", json={"username": name, "password": password})


@dataclass(slots=True)
class Observed:
    """Everything about a failed login that somebody could tell apart."""

    tries: int
    answer: httpx.Response
    statements: list[str]
    hashes: list[str]
    entries: list[dict[str, Any]]


@pytest.fixture
def pool(app: FastAPI) -> Iterator[WatchedPool]:
    """The threads in which passwords are hashed, observable."""
    passwords = app.state.services.passwords
    original, passwords._pool = passwords._pool, WatchedPool()
    yield passwords._pool
    passwords._pool.shutdown()
    passwords._pool = original


@pytest.fixture(scope="module")
async def stranger(app: FastAPI, alpha: TestTenant) -> AsyncIterator[Stranger]:
    """Somebody at an address from which nobody ever logged in: that of one's own logins is counted otherwise."""
    async with client_of(app, "198.51.100.66") as http:
        yield Stranger(Api(http, alpha.anonymous.headers))


@pytest.fixture(scope="module", autouse=True)
async def _people(alpha: TestTenant, beta: TestTenant) -> None:
    """One for each way of not being able to log in."""
    for name in ("sleeper", "goner"):
        created = await _create(alpha, name, PASSWORD)
        if name == "goner":
            await alpha.owner.delete(f"/users/{created}")
        else:
            await alpha.owner.patch(f"/users/{created}", json={"is_active": False})
    await _create(alpha, "unset", None)
    await _create(beta, "only-in-beta", PASSWORD)


async def _create(tenant: TestTenant, name: str, password: str | None) -> str:
    body = {"email": f"{name}@twin.example", "username": name, "password": password}
    answer = await tenant.owner.post("/users", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def _log_in(tenant: TestTenant, name: str, password: str) -> httpx.Response:
    return await tenant.anonymous.post("/auth/login", json={"username": name, "password": password})


@pytest.fixture
def observe(stranger: Stranger, alpha: TestTenant, pool: WatchedPool, app: FastAPI, config: Config) -> Observe:
    """Fail to log in, and note everything about it."""

    async def run(case: str) -> Observed:
        async with owner_connection(config, alpha.name) as owner:
            last = await owner.fetchval("SELECT max(seq) FROM audit_logs")
            pool.jobs.clear()
            with watched(app) as traffic:
                answer = await stranger.log_in(*CASES[case])
            entries = await owner.fetch("SELECT * FROM audit_logs WHERE seq > $1", last)
        # What the registry says, and which forms of hashes there are, is cached, or a moment too old.
        asked_anew = ("system.tenants", "SELECT DISTINCT SUBSTRING(users.password_hash")
        statements = [text for text in traffic.statements if not any(part in text for part in asked_anew)]
        tries = stranger.tries[CASES[case][0]]
        return Observed(tries, answer, statements, [job[1] for job in pool.jobs], [dict(entry) for entry in entries])

    return run


def _shape(answer: httpx.Response) -> tuple[Any, ...]:
    body = {name: value for name, value in answer.json().items() if name != "request_id"}
    headers = {name: value for name, value in answer.headers.items() if name not in {"x-request-id", "ratelimit"}}
    return answer.status_code, body, headers


async def test_all_failed_logins_are_alike(observe: Observe) -> None:
    """The same answer, after the same SQL and one hash of the same cost, with one audit entry."""
    reference = await observe("wrong_password")

    for case in CASES:
        _assert_alike(await observe(case), reference)


def _assert_alike(seen: Observed, reference: Observed) -> None:
    assert seen.answer.json()["code"] == "invalid_credentials"
    assert _shape(seen.answer) == _shape(reference.answer)
    # What is left of the limit depends on how often the name was tried, whether it is anybody's or not.
    assert seen.answer.headers["RateLimit"].startswith(f'"login-client";r={ALLOWED - seen.tries};')
    assert seen.statements == reference.statements
    assert [text.split("$")[1:4] for text in seen.hashes] == [["argon2id", "v=19", f"m={MEMORY_KIB},t=2,p=1"]]
    assert [(entry["action"], entry["outcome"]) for entry in seen.entries] == [("auth.login.failed", "failure")]


async def test_failed_logins_are_alike_where_hashes_come_from_elsewhere(
    app: FastAPI, config: Config, observe: Observe, alpha: TestTenant
) -> None:
    """Every form of hash that anybody has is tried for everybody: in another order, and with the same work in all."""
    foreign = {"sleeper": bcrypt.using(rounds=4).hash(PASSWORD), "member": decoy_of_form("$pbkdf2-sha256$1000$")}
    async with owner_connection(config, alpha.name) as owner:
        kept = {name: await owner.fetchval(HASH_OF, name) for name in foreign}
        for name, stored in foreign.items():
            await owner.execute(SET_HASH, stored, name)
        services_of(app).find_hash_forms._known.clear()  # type: ignore[attr-defined] # a minute has passed
        try:
            seen = {case: await observe(case) for case in CASES if case != "longest_password"}
        finally:
            for name, stored in kept.items():
                await owner.execute(SET_HASH, stored, name)
            services_of(app).find_hash_forms._known.clear()  # type: ignore[attr-defined]

    usual = f"$argon2id$v=19$m={MEMORY_KIB},t=2,p=1$"
    for one in seen.values():
        assert _shape(one.answer) == _shape(seen["unknown_name"].answer)
        assert one.statements == seen["unknown_name"].statements
        assert sorted(map(form_of_hash, one.hashes)) == ["$2b$04$", usual, "$pbkdf2-sha256$1000$"]


@pytest.mark.promise("I8")
@pytest.mark.parametrize("case", ["unknown_name", "unknown_address", "wrong_password", "hostile_name"])
async def test_what_was_typed_is_not_written_down(case: str, observe: Observe) -> None:
    """It may be the password, typed into the wrong field."""
    name, password = CASES[case]

    entry = repr((await observe(case)).entries)

    assert password not in entry
    assert case == "wrong_password" or name not in entry


@pytest.mark.parametrize(
    "name",
    ["MEMBER", "Member", "MEMBER@TWIN.EXAMPLE", "ｍｅｍｂｅｒ@twin.example", " member ", "member@ＴＷＩＮ.example"],
)
async def test_a_name_may_be_typed_in_any_case_and_width(name: str, alpha: TestTenant) -> None:
    answer = await _log_in(alpha, name, PASSWORD)

    assert answer.status_code == 200
    assert answer.json()["user"]["username"] == "member"


async def test_a_password_is_the_same_from_every_keyboard(alpha: TestTenant) -> None:
    """Composed, decomposed or with compatibility characters (RFC 8265): one password."""
    await _create(alpha, "composer", "ﬁne caf\u00e9 №1 in Å")

    for typed in ("fine cafe\u0301 No1 in A\u030a", "ﬁne caf\u00e9 №1 in \u212b"):
        assert (await _log_in(alpha, "composer", typed)).status_code == 200
    assert (await _log_in(alpha, "composer", "fine cafe No1 in A")).status_code == 401


async def test_who_is_deactivated_while_the_password_is_verified_does_not_get_in(
    alpha: TestTenant, config: Config
) -> None:
    """The check and the new session are two transactions; what happens in between counts."""
    user_id = await _create(alpha, "just-in-time", PASSWORD)
    async with owner_connection(config, alpha.name) as owner, owner_connection(config, alpha.name) as watcher:
        change = owner.transaction()
        await change.start()
        await owner.execute("UPDATE users SET is_active = false WHERE id = $1", user_id)
        attempt = asyncio.create_task(_log_in(alpha, "just-in-time", PASSWORD))
        while not await watcher.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            assert not attempt.done()
            await asyncio.sleep(0.005)
        await change.commit()

        answer = await attempt

        assert answer.json()["code"] == "invalid_credentials"
        assert not await owner.fetchval("SELECT count(*) FROM user_sessions WHERE user_id = $1", user_id)
