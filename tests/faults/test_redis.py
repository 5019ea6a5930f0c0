"""Redis killed, frozen, emptied, full, or with another password: no request fails, what was revoked stays so, limits
hold, and nobody waits long."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

import pytest
from redis.asyncio import Redis

from manage.embedded import EmbeddedValkey
from tests.faults.conftest import WORKERS, Breakable
from tests.faults.crowd import Crowd, Question, asking
from tests.faults.figures import milliseconds, note, once_more, percentile, within
from tests.support.groups import Group, running_group
from tests.support.servers import Servers
from tests.support.world import API

BEFORE: Final = 0.25  # seconds that a request may take longer before the breaker opens
AFTER: Final = 0.05  # and after
OPENS: Final = 1.5  # seconds within which three calls have failed under this load, and it is open
SECONDS: Final = 4.0
PASSWORD: Final = "a password of the tests"
WRONG: Final = {"username": "owner", "password": "not the password"}


def copy_of(valkey: EmbeddedValkey) -> Redis:
    """A client of the server, past the service."""
    return Redis.from_url(valkey.url, socket_timeout=10)


@asynccontextmanager
async def killed(valkey: EmbeddedValkey) -> AsyncIterator[None]:
    """Gone, with everything it had; after the block there is an empty one."""
    os.kill(valkey.pid, signal.SIGKILL)
    yield
    valkey.start()


@asynccontextmanager
async def frozen(valkey: EmbeddedValkey) -> AsyncIterator[None]:
    """It stays connected and says nothing; after the block it goes on with everything it had."""
    os.kill(valkey.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(valkey.pid, signal.SIGCONT)


@asynccontextmanager
async def emptied(valkey: EmbeddedValkey) -> AsyncIterator[None]:
    """Everything in it is thrown away, again and again."""

    async def empty() -> None:
        async with copy_of(valkey) as copy:
            while True:
                await copy.flushall()
                await asyncio.sleep(0.02)

    emptying = asyncio.create_task(empty())
    try:
        yield
    finally:
        emptying.cancel()
        await asyncio.gather(emptying, return_exceptions=True)


@asynccontextmanager
async def full(valkey: EmbeddedValkey) -> AsyncIterator[None]:
    """It takes nothing more, and throws nothing away."""
    async with copy_of(valkey) as copy:
        await copy.config_set("maxmemory-policy", "noeviction")
        await copy.config_set("maxmemory", "1")
        yield
        await copy.config_set("maxmemory", "128mb")
        await copy.config_set("maxmemory-policy", "allkeys-lru")


@asynccontextmanager
async def locked(valkey: EmbeddedValkey) -> AsyncIterator[None]:
    """Its password is another one, and whoever was in is thrown out."""
    async with copy_of(valkey) as copy:
        await copy.config_set("requirepass", PASSWORD)
        await copy.client_kill_filter(_type="normal", skipme=True)
        yield
        await copy.config_set("requirepass", "")


OPENING: Final = (killed, frozen, locked)  # after which the breaker is open: one that is empty or full still answers


@pytest.fixture(scope="module")
def limited(
    servers: Servers, postgres: Breakable, valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Group]:
    """A service in which a fourth wrong password is too many."""
    config = servers.config(postgres.server.url("service"), redis_url=valkey.url, login_tries_per_client=3)
    with running_group(config, tmp_path_factory.mktemp("limited"), workers=WORKERS) as started:
        yield started


def usual(people: list[dict[str, str]]) -> list[Question]:
    """What is read from caches, and what makes them stale."""
    questions = []
    for headers in people:
        questions += [
            Question("me", "GET", f"{API}/auth/me", headers),
            Question("settings", "GET", f"{API}/settings", headers),
            Question("users", "GET", f"{API}/users", headers),
            Question("write", "POST", f"{API}/tools/notes", headers, {"title": "asked"}),
            Question("change", "PUT", f"{API}/settings/attachments.quota_bytes", headers, {"value": 10**9}),
        ]
    return questions


def added(crowd: Crowd, since: float, until: float, normal: float) -> float:
    """How much longer all but one request of a hundred took than they usually do: the 99th percentile, against that
    of before."""
    slow = percentile([reply.seconds for reply in crowd.of(since=since, until=until)], 0.99)
    return max(0.0, slow - normal)


async def revoke(group: Group, tenant: str) -> list[int]:
    """Log in, log out, and come back a second later with the same token: what 20 connections are answered."""
    headers = await asyncio.to_thread(group.log_in, tenant)
    assert (await asyncio.to_thread(group.ask, "POST", "/auth/logout", headers)).status_code == 204
    await asyncio.sleep(1)
    return [(await asyncio.to_thread(group.ask, "GET", "/auth/me", headers)).status_code for _ in range(20)]


async def guess(group: Group, tenant: str) -> list[int]:
    """Five wrong passwords in a row."""
    headers = {"X-Tenant-ID": tenant}
    return [
        (await asyncio.to_thread(group.ask, "POST", "/auth/login", headers, json=WRONG)).status_code for _ in range(5)
    ]


@pytest.mark.promise("S3", "I2", "I6")
@pytest.mark.parametrize("broken", [killed, frozen, emptied, full, locked])
@once_more
async def test_no_request_fails_and_nobody_waits_long(
    limited: Group, valkey: EmbeddedValkey, broken: Callable[[EmbeddedValkey], AbstractAsyncContextManager[None]]
) -> None:
    tenants = [f"tenant_{broken.__name__}_{number}_{time.time_ns()}" for number in range(2)]
    people = [await asyncio.to_thread(limited.sign_in, name) for name in tenants]
    async with asking(limited.port, usual(people), pause=0.1) as crowd:
        await asyncio.sleep(1.5)
        warm = time.monotonic()
        await asyncio.sleep(2)
        began = time.monotonic()
        normal = percentile([reply.seconds for reply in crowd.of(since=warm, until=began)], 0.99)
        async with broken(valkey):
            await asyncio.sleep(SECONDS)
            ended = time.monotonic()
            revoked = await revoke(limited, tenants[0])
            guesses = await guess(limited, tenants[1])
        await asyncio.sleep(1.5)  # it is there again

    statuses, before = crowd.statuses(), added(crowd, began, began + OPENS, normal)
    after = added(crowd, began + OPENS, ended, normal)
    note(
        f"Valkey {broken.__name__}",
        seen="nothing: PostgreSQL answers",
        measured=f"{sum(statuses.values())} requests, {sum(n for status, n in statuses.items() if status >= 500)} of "
        f"them 5xx; at first {milliseconds(before)} more at the 99th percentile, then {milliseconds(after)}",
    )
    assert set(statuses) <= {200, 201}
    assert set(revoked) == {401}
    assert guesses == [401, 401, 401, 429, 429]
    within(before, BEFORE)
    within(after, AFTER if broken in OPENING else BEFORE)
