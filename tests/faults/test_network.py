"""A bad network between the service and its servers: slow, swallowing everything, cutting answers in two."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest

from manage.embedded import EmbeddedValkey
from manage.embedded.postgres import PORT
from tests.faults.conftest import WORKERS, Breakable
from tests.faults.crowd import Question, asking
from tests.faults.figures import milliseconds, note, once_more, percentile, within
from tests.faults.ledger import Ledger, compare
from tests.support.groups import Group
from tests.support.relay import Relay, relay_to
from tests.support.servers import Servers
from tests.support.waiting import until
from tests.support.world import API

ANSWER_SECONDS: Final = 10.0
SILENT_SECONDS: Final = 12.0
LATENCY: Final = 0.02  # seconds each way: a database on another continent's near side
CUTS: Final = 100


@dataclass(frozen=True)
class Far:
    """The service, and the networks to its servers."""

    group: Group
    database: Relay
    redis: Relay
    people: list[dict[str, str]]

    def questions(self) -> list[Question]:
        """Reads and writes of both tenants."""
        questions = [Question("health", "GET", "/health")]
        for headers in self.people:
            questions += [Question("read", "GET", f"{API}/users", headers)] * 3
            questions += [Question("write", "POST", f"{API}/tools/notes", headers, {"title": "asked"})] * 2
        return questions


@asynccontextmanager
async def far_service(servers: Servers, postgres: Breakable, valkey: EmbeddedValkey) -> AsyncIterator[Far]:
    """Two processes that reach both servers by way of relays."""
    direct = postgres.server.url("service")
    socket = f"{postgres.server.socket_dir}/.s.PGSQL.{PORT}"
    async with relay_to(socket) as database, relay_to(str(valkey.socket_path)) as redis:
        url = urlsplit(direct)._replace(query=f"host=127.0.0.1&port={database.port}").geturl()
        config = servers.config(url, database_owner_url=direct, redis_url=f"redis://127.0.0.1:{redis.port}/0")
        with tempfile.TemporaryDirectory() as folder:
            group = Group(config, Path(folder), workers=WORKERS)
            group.launch()
            try:
                await asyncio.to_thread(group.wait)  # the relays work meanwhile
                names = [f"tenant_far_{time.time_ns()}_{number}" for number in range(2)]
                people = [await asyncio.to_thread(group.sign_in, name) for name in names]
                yield Far(group, database, redis, people)
            finally:
                database.heal()
                redis.heal()
                await asyncio.to_thread(group.stop)


@pytest.mark.promise("S2", "S3")
@once_more
async def test_a_network_that_swallows_everything_holds_nobody_up_for_long(
    servers: Servers, postgres: Breakable, valkey: EmbeddedValkey
) -> None:
    """Half-open connections: neither side hears that the other is gone."""
    async with far_service(servers, postgres, valkey) as far, asking(far.group.port, far.questions()) as crowd:
        await asyncio.sleep(1)
        far.redis.swallow()
        await asyncio.sleep(2)
        far.redis.heal()
        without_redis = set(crowd.statuses())
        far.database.swallow()
        silent = time.monotonic()
        await asyncio.sleep(SILENT_SECONDS)
        far.database.heal()
        healed = time.monotonic()
        await until(lambda: any(r.status == 201 for r in crowd.of("write", since=healed)), 30)
        recovered = min(r.asked_at + r.seconds for r in crowd.of("write", since=healed) if r.status == 201) - healed

    during = crowd.of("read", "write", since=silent - ANSWER_SECONDS)
    longest = max(min(r.seconds, r.asked_at + r.seconds - silent) for r in during)
    note(
        f"Network to PostgreSQL swallows everything for {SILENT_SECONDS:.0f} s (and before that, to Valkey)",
        seen="503 with Retry-After (nothing, without Valkey)",
        measured=f"longest answer {longest:.1f} s, first success {milliseconds(recovered)} after",
    )
    assert without_redis <= {200, 201}
    assert {(r.status, r.retry) for r in during} <= {(200, False), (201, False), (503, True)}
    assert set(crowd.statuses("health")) == {200}
    within(longest, ANSWER_SECONDS)


@pytest.mark.promise("D1", "D2", "S2")
async def test_answers_that_are_cut_in_two_lose_nothing(
    servers: Servers, postgres: Breakable, valkey: EmbeddedValkey
) -> None:
    ledger = Ledger()
    async with far_service(servers, postgres, valkey) as far:
        far.database.delay = far.redis.delay = LATENCY
        async with asking(far.group.port, far.questions()) as crowd:
            await asyncio.sleep(3)
        far.database.heal()
        far.redis.heal()
        slow = percentile([r.seconds for r in crowd.of("read", "write")], 0.5)
        odd = set(crowd.statuses()) - {200, 201}
        for number in range(CUTS):
            headers = far.people[number % 2]
            broken = far.database if number % 4 else far.redis
            broken.spares, broken.cuts_after = number % 6, 1 + number % 40
            sent = {"title": f"cut {number}"}
            answer = await asyncio.to_thread(far.group.ask, "POST", "/tools/notes", headers, json=sent)
            assert answer.status_code in {201, 503}, answer.text
            if answer.status_code == 201:
                ledger.enter(headers["X-Tenant-ID"], answer.json()["id"], answer.json()["version"])
        cut = far.database.cut + far.redis.cut
        found = await compare(ledger, far.group.config)

    note(
        f"{cut} answers of PostgreSQL and Valkey cut in two; {LATENCY * 1000:.0f} ms more each way",
        seen="201, or 503 with Retry-After; with the latency only that",
        measured=f"{ledger.writes} of {CUTS} writes acknowledged, {len(found.lost)} lost; median answer "
        f"{milliseconds(slow)} with the latency",
    )
    assert (found.lost, found.without_entry, found.without_note, odd) == ([], [], [], set())
    assert cut >= CUTS // 2
    assert ledger.writes >= CUTS // 2
