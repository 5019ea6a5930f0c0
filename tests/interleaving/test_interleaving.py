"""Requests of 200 tenants in any order on a few connections, some of them broken off and some refused: no answer has a
row of another tenant, and nothing is left of any of them. ``make test-interleaving REQUESTS=1000000`` asks a million
times each way."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import pytest
from fastapi import FastAPI

from common.config import Config
from migrations.login import service_login
from tests.interleaving.crowd import Member, Question, ask_badly, ask_well, foreign, gather_crowd, sign_in_all
from tests.support.apps import connect
from tests.support.bouncers import bouncer_for, installed_bouncers
from tests.support.lines import Line
from tests.support.servers import Servers
from tests.test_integration import running_service

pytestmark = pytest.mark.promise("T3")

REQUESTS: Final = int(os.environ.get("REQUESTS") or 10_000)
TENANTS: Final = int(os.environ.get("TENANTS") or 200)
CLIENTS: Final = 40
ABORTED, WRONG = 0.05, 0.05  # shares of all requests
POOL_SIZE: Final = 8
SEED: Final = 4711
SIGNED_IN_SECONDS: Final = 1200  # a token lasts three times as long


@dataclass(slots=True)
class Found:
    """What came back."""

    answers: Counter[str] = field(default_factory=Counter)
    trouble: list[str] = field(default_factory=list)

    def note(self, member: Member, question: Question, status: int, body: bytes) -> None:
        """Look at an answer."""
        others = foreign(member, body)
        if others:
            self.trouble.append(f"tenant {member.number} got rows of {sorted(others)}: {question.request!r}")
        if status == 503:  # the machine was busy, or the row was locked
            self.answers["503"] += 1
        elif status not in question.statuses:
            self.trouble.append(f"{status} for {question.request!r}: {body!r}")
        elif question.is_marked and b"canary-%d-" % member.number not in body:
            self.trouble.append(f"tenant {member.number} did not get its own row: {question.request!r}")
        else:
            self.answers[str(status)] += 1


@pytest.fixture(scope="module")
async def crowd(http: httpx.AsyncClient) -> list[Member]:
    """The tenants, in the shared database."""
    return await gather_crowd(http, TENANTS)


@contextmanager
def service(servers: Servers, config: Config, log: Path, way: str) -> Iterator[int]:
    """A service of its own on the shared database; its port."""
    url = config.database_url.get_secret_value()
    with ExitStack() as stack:
        through = url
        if way == "pgbouncer":
            suitable = [program for program in installed_bouncers() if program.prepares]
            if not suitable:
                missing = "no PgBouncer that knows prepared statements: tests/pgbouncer/install installs it"
                (pytest.fail if os.environ.get("PGBOUNCER_REQUIRED") else pytest.skip)(missing)
            folder = servers.data.with_name("pgbouncer-interleaving")
            size = str(POOL_SIZE // 2)
            through = stack.enter_context(bouncer_for(servers, folder, suitable[0], url, default_pool_size=size)).url
        more = {
            "DATABASE_URL": through,
            "DATABASE_OWNER_URL": url,
            "DATABASE_DIRECT_URL": url,
            "DATABASE_POOL_SIZE": str(POOL_SIZE),
            "DATABASE_POOL_TIMEOUT": "30",
            "DATABASE_STATEMENT_TIMEOUT": "2",
            "DATABASE_CONNECTION_TENANTS": "50",  # so that connections are replaced meanwhile, too
            "ACCESS_TOKEN_SECONDS": "3600",
            "PASSWORD_MEMORY_KIB": str(config.password_memory_kib),
            "LOG_LEVEL": "warning",
        }
        address, _ = stack.enter_context(running_service(servers, log, more))
        yield int(address.rpartition(":")[2])


@asynccontextmanager
async def locked_teams(config: Config, crowd: list[Member]) -> AsyncIterator[None]:
    """One team of each tenant is held: whoever wants to change it waits until his time is up."""
    async with connect(config.owner_url) as owner, owner.transaction():
        for member in crowd:
            await owner.execute(f"SELECT FROM {member.schema}.teams WHERE id = '{member.locked}' FOR UPDATE")
        yield


async def ask_on_one_line(port: int, crowd: list[Member], turns: Iterator[int], found: Found) -> None:
    """Ask until all turns are taken, each time for another tenant."""
    line = await Line.open(port)
    for turn in turns:
        if line.is_closed:
            line = await Line.open(port)
        chance = random.Random(SEED + turn)
        member, kind = chance.choice(crowd), chance.random()
        if kind < ABORTED:
            request = ask_well(member, chance).request
            length = chance.choice([len(request), len(request), len(request) - 9])
            await line.hang_up(request[:length], chance.choice([0, 0.001, 0.003, 0.01]))
            found.answers["aborted"] += 1
            continue
        wrong = kind < ABORTED + WRONG
        question = ask_badly(member, crowd, chance) if wrong else ask_well(member, chance)
        answer = await line.exchange(question.request)
        found.note(member, question, answer.status, answer.body)
        found.answers["wrong"] += wrong
    line.close()


@asynccontextmanager
async def signed_in(port: int, crowd: list[Member]) -> AsyncIterator[None]:
    """Everybody has a token that lasts, however long that takes."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as http:

        async def renew() -> None:
            while True:
                await asyncio.sleep(SIGNED_IN_SECONDS)
                await sign_in_all(http, crowd)

        await sign_in_all(http, crowd)
        renewing = asyncio.create_task(renew())
        try:
            yield
        finally:
            renewing.cancel()


async def left_over(config: Config) -> dict[str, int]:
    """Connections of the service's login role that are in a transaction, or wait for a lock."""
    query = """SELECT coalesce(state, '') || coalesce(' ' || wait_event_type, '') AS doing, count(*)
               FROM pg_stat_activity WHERE usename = $1 AND (xact_start IS NOT NULL OR wait_event_type = 'Lock')
               GROUP BY 1"""
    async with connect(config.owner_url) as owner:
        return {row["doing"]: row["count"] for row in await owner.fetch(query, service_login(config).role)}


async def in_use(port: int) -> str:
    """Connections that the service's pool has given out."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
        lines = (await http.get("/metrics")).text.splitlines()
    name = 'database_pool_connections{shard="default",state="in_use"}'
    return next(line.split()[-1] for line in lines if line.startswith(name))


async def settles(port: int, config: Config) -> bool:
    """Whether nothing is going on any more; what was broken off ends in its own time."""
    for _ in range(200):
        if await in_use(port) == "0.0" and not await left_over(config):
            return True
        await asyncio.sleep(0.05)
    return False


@pytest.mark.parametrize("way", ["direct", "pgbouncer"])
async def test_no_answer_has_a_row_of_another_tenant(  # noqa: PLR0917 - fixtures
    servers: Servers,
    config: Config,
    app: FastAPI,
    crowd: list[Member],
    tmp_path: Path,
    way: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    del app  # it prepared the database
    found, turns = Found(), iter(range(REQUESTS))
    with service(servers, config, tmp_path / "service.log", way) as port:
        async with signed_in(port, crowd), locked_teams(config, crowd):
            started = time.perf_counter()
            await asyncio.gather(*(ask_on_one_line(port, crowd, turns, found) for _ in range(CLIENTS)))
            seconds = time.perf_counter() - started

        assert found.trouble[:3] == []
        assert await settles(port, config)

    counted = {name: number for name, number in sorted(found.answers.items()) if name != "wrong"}
    with capsys.disabled():
        print(f"\n{way}: {REQUESTS:,} requests in {seconds:.0f} s, no foreign row: {counted}")  # noqa: T201 - a figure
    assert sum(counted.values()) == REQUESTS
    assert {"200", "201", "403", "404", "409", "422", "503", "aborted"} <= counted.keys()
    assert counted["aborted"] > 0.03 * REQUESTS
    assert found.answers["wrong"] > 0.03 * REQUESTS


def test_a_foreign_row_is_found() -> None:
    """Also one that stands beside the tenant's own."""
    member = Member(7, {"X-Tenant-ID": "tenant_seven"}, ["a", "b"], "c")
    question = Question(b"GET", frozenset({200}), is_marked=True)
    for body, trouble in ((b"canary-7- x", 0), (b"canary-7- canary-70-", 1), (b"canary-8-", 2), (b"{}", 1)):
        found = Found()
        found.note(member, question, 200, body)
        assert len(found.trouble) == trouble, body


def test_turns_are_taken_once() -> None:
    turns = iter(range(5))
    assert sorted(itertools.chain(itertools.islice(turns, 2), turns)) == list(range(5))
