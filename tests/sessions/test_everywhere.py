"""What is ended in one process is over in every other within a second, whatever Redis does (PROMISES I2)."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import httpx
import pytest
from fastapi import FastAPI
from redis.asyncio import Redis

from common.config import Config
from tests.api_keys.conftest import make_key, with_key
from tests.support.apps import running
from tests.support.servers import Servers
from tests.support.world import Api, Person, TestTenant, add_person, create_tenant

pytestmark = pytest.mark.promise("I2")

WITHIN: Final = 1.0  # seconds: the promise
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Processes:
    """Two applications on one database, as two processes would be: they share nothing but the servers."""

    here: httpx.AsyncClient
    there: httpx.AsyncClient
    tenant: TestTenant
    empty_redis: Callable[[], Awaitable[None]]

    def elsewhere(self, api: Api) -> Api:
        """The same client, talking to the other process."""
        return Api(self.there, api.headers)


@pytest.fixture(scope="module", params=["redis", "redis_emptied", "redis_gone", "without_redis"])
async def processes(
    request: pytest.FixtureRequest, servers: Servers, config: Config, app: FastAPI
) -> AsyncIterator[Processes]:
    """Both started; with Redis, without it, with an address where nobody answers, and with one that forgets."""
    urls = {"redis_gone": "unix:///nonexistent/valkey.sock", "without_redis": "none"}
    own = servers.config(config.database_url.get_secret_value(), redis_url=urls.get(request.param, servers.valkey.url))

    async def empty() -> None:
        if request.param == "redis_emptied":
            client = Redis.from_url(servers.valkey.url)
            await client.flushall()
            await client.aclose()

    async with running(own) as (_, here), running(own) as (_, there):
        yield Processes(here, there, await create_tenant(here), empty)


@pytest.fixture
async def person(processes: Processes) -> Person:
    """Somebody who may have keys, known to both processes."""
    person = await add_person(processes.here, processes.tenant, "admin", f"somebody-{next(_numbers)}")
    await _known_to_both(processes, person.api)
    return person


async def _known_to_both(processes: Processes, *clients: Api) -> None:
    """Several times, so that every level of every cache has it."""
    for api in clients:
        for each in (api, processes.elsewhere(api)) * 2:
            assert (await each.get("/auth/test")).status_code == 200


async def _ends(processes: Processes, *clients: Api) -> None:
    """They are over here at once, there within the promised time, and stay so when Redis is emptied."""
    ended_at = time.monotonic()
    for api in clients:
        assert (await api.get("/auth/test")).status_code == 401
    await processes.empty_redis()
    for api in clients:
        there = processes.elsewhere(api)
        while (await there.get("/auth/test")).status_code == 200:
            assert time.monotonic() - ended_at < WITHIN, "the other process still believes it"
            await asyncio.sleep(0.005)
    await processes.empty_redis()
    for api in clients:
        for each in (api, processes.elsewhere(api)) * 2:
            assert (await each.get("/auth/test")).status_code == 401


async def test_logout(processes: Processes, person: Person) -> None:
    assert (await person.api.post("/auth/logout")).status_code == 204

    await _ends(processes, person.api)


async def test_an_ended_session(processes: Processes, person: Person) -> None:
    path = f"/auth/sessions/{person.tokens['session_id']}"
    assert (await person.api.delete(path)).status_code == 204

    await _ends(processes, person.api)


async def test_sessions_ended_by_an_administrator(processes: Processes, person: Person) -> None:
    assert (await processes.tenant.owner.delete(f"/users/{person.id}/sessions")).status_code == 204

    await _ends(processes, person.api)


async def test_a_deactivated_user_with_session_and_key(processes: Processes, person: Person) -> None:
    program = with_key(processes.here, processes.tenant, (await make_key(person.api))["key"])
    await _known_to_both(processes, program)

    answer = await processes.tenant.owner.patch(f"/users/{person.id}", json={"is_active": False})
    assert answer.status_code == 200

    await _ends(processes, person.api, program)


async def test_a_revoked_key(processes: Processes, person: Person) -> None:
    made = await make_key(person.api)
    program = with_key(processes.here, processes.tenant, made["key"])
    await _known_to_both(processes, program)

    assert (await person.api.delete(f"/users/api-keys/{made['id']}")).status_code == 204

    await _ends(processes, program)
    assert (await processes.elsewhere(person.api).get("/auth/test")).status_code == 200


async def test_a_key_replaced_without_grace(processes: Processes, person: Person) -> None:
    made = await make_key(person.api)
    program = with_key(processes.here, processes.tenant, made["key"])
    await _known_to_both(processes, program)

    rotated = await person.api.post(f"/users/api-keys/{made['id']}/rotate", json={})
    assert rotated.status_code == 200

    await _ends(processes, program)
    await _known_to_both(processes, with_key(processes.here, processes.tenant, rotated.json()["key"]))
