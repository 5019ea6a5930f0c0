"""Hashing passwords takes long on purpose; nobody else may wait for it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI

import main
from common.config import Config
from common.errors import Overloaded
from shared_auth import Passwords
from tests.support.apps import services_of
from tests.support.probes import owner_connection, watched
from tests.support.things import insert_login
from tests.support.world import PASSWORD, TestTenant, client_of

pytestmark = pytest.mark.promise("I7")

LOGINS = 60
WORKERS, QUEUE = 1, 2


@dataclass(frozen=True, slots=True)
class Narrow:
    """An application with little room, and a client of it."""

    app: FastAPI
    http: httpx.AsyncClient


@pytest.fixture
async def narrow(config: Config) -> AsyncIterator[Narrow]:
    """The service with room for three hashes: fewer than the logins that its connections let through at once."""
    changed = config.model_copy(update={"password_workers": WORKERS, "password_queue": QUEUE})
    application = main.create_app(changed)
    async with application.router.lifespan_context(application), client_of(application, "203.0.113.60") as client:
        yield Narrow(application, client)


async def test_too_many_logins_are_refused_at_once_while_the_service_stays_awake(
    narrow: Narrow, alpha: TestTenant, config: Config
) -> None:
    """Each login is somebody else's: of one account, only a few tries at once are let through to its password."""
    headers = {"X-Tenant-ID": alpha.name}
    async with owner_connection(config, alpha.name) as owner:
        names = [await insert_login(owner, "viewer") for _ in range(LOGINS)]

    async def log_in(name: str) -> httpx.Response:
        body = {"username": name, "password": PASSWORD}
        return await narrow.http.post("/api/v1/auth/login", json=body, headers=headers)

    logins = asyncio.gather(*(log_in(name) for name in names))
    healthy = 0
    while not logins.done():
        await asyncio.sleep(0.002)  # the client in this process never waits for a wire
        assert (await narrow.http.get("/health")).status_code == 200
        healthy += 1
    answers = await logins

    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) == {200, 503}
    assert statuses[200] >= WORKERS + QUEUE
    refused = [answer for answer in answers if answer.status_code == 503]
    assert {(answer.json()["code"], answer.headers["retry-after"]) for answer in refused} == {("overloaded", "1")}
    assert healthy > WORKERS + QUEUE  # had each hash stopped the loop, no more answers than hashes would have come
    assert (await log_in(names[-1])).status_code == 200


async def test_who_is_one_too_many_costs_no_connection(narrow: Narrow, alpha: TestTenant) -> None:
    body, headers = {"username": "viewer", "password": PASSWORD}, {"X-Tenant-ID": alpha.name}
    assert (await narrow.http.post("/api/v1/auth/login", json=body, headers=headers)).status_code == 200
    passwords = services_of(narrow.app).passwords

    with ExitStack() as places:
        for _ in range(WORKERS + QUEUE):
            places.enter_context(passwords.place())
        with watched(narrow.app) as traffic:
            refused = await narrow.http.post("/api/v1/auth/login", json=body, headers=headers)

    assert (refused.status_code, refused.json()["code"], traffic.checkouts) == (503, "overloaded", 0)
    assert (await narrow.http.post("/api/v1/auth/login", json=body, headers=headers)).status_code == 200


async def test_a_login_from_no_known_address_is_one_as_well(app: FastAPI, alpha: TestTenant) -> None:
    """Over a socket without addresses, say. The second time, it was here before."""
    transport = httpx.ASGITransport(app, client=None)  # type: ignore[arg-type] # as ASGI has it, and httpx's type not
    body, headers = {"username": "viewer", "password": PASSWORD}, {"X-Tenant-ID": alpha.name}
    async with httpx.AsyncClient(transport=transport, base_url="http://service.test") as http:
        for _ in range(2):
            assert (await http.post("/api/v1/auth/login", json=body, headers=headers)).status_code == 200


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
