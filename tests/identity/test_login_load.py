"""Hashing passwords takes long on purpose; nobody else may wait for it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import httpx
import pytest

import main
from common.config import Config
from common.errors import Overloaded
from shared_auth import Passwords
from tests.support.probes import owner_connection
from tests.support.things import insert_login
from tests.support.world import PASSWORD, TestTenant, client_of

pytestmark = pytest.mark.promise("I7")

LOGINS = 60
WORKERS, QUEUE = 1, 2


@pytest.fixture
async def narrow(config: Config) -> AsyncIterator[httpx.AsyncClient]:
    """The service with room for three hashes: fewer than the logins that its connections let through at once."""
    changed = config.model_copy(update={"password_workers": WORKERS, "password_queue": QUEUE})
    application = main.create_app(changed)
    async with application.router.lifespan_context(application), client_of(application, "203.0.113.60") as client:
        yield client


async def test_too_many_logins_are_refused_at_once_while_the_service_stays_awake(
    narrow: httpx.AsyncClient, alpha: TestTenant, config: Config
) -> None:
    """Each login is somebody else's: of one account, only a few tries at once are let through to its password."""
    headers = {"X-Tenant-ID": alpha.name}
    async with owner_connection(config, alpha.name) as owner:
        names = [await insert_login(owner, "viewer") for _ in range(LOGINS)]

    async def log_in(name: str) -> httpx.Response:
        body = {"username": name, "password": PASSWORD}
        return await narrow.post("/api/v1/auth/login", json=body, headers=headers)

    logins = asyncio.gather(*(log_in(name) for name in names))
    healthy = 0
    while not logins.done():
        await asyncio.sleep(0.002)  # the client in this process never waits for a wire
        assert (await narrow.get("/health")).status_code == 200
        healthy += 1
    answers = await logins

    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) == {200, 503}
    assert statuses[200] >= WORKERS + QUEUE
    refused = [answer for answer in answers if answer.status_code == 503]
    assert {(answer.json()["code"], answer.headers["retry-after"]) for answer in refused} == {("overloaded", "1")}
    assert healthy > WORKERS + QUEUE  # had each hash stopped the loop, no more answers than hashes would have come
    assert (await log_in(names[-1])).status_code == 200


async def test_the_event_loop_turns_thousands_of_times_during_one_hash() -> None:
    passwords = Passwords(workers=1, queue=1)
    turns = 0
    hashing = asyncio.create_task(passwords.hash(PASSWORD))
    while not hashing.done():
        await asyncio.sleep(0)
        turns += 1

    assert (await hashing).startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert turns > 100  # a hash on the loop itself would leave it fewer than five
    passwords.close()


async def test_a_place_in_the_queue_is_given_back_whatever_happens() -> None:
    """Also when the client goes away in the middle."""
    passwords = Passwords(workers=1, queue=1)
    for _ in range(3):
        tasks = [asyncio.create_task(passwords.hash(PASSWORD)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await passwords.hash(PASSWORD)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    assert (await passwords.hash(PASSWORD)).startswith("$argon2id$")
    passwords.close()
