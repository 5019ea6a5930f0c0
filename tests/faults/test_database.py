"""The database frozen, restarted, read-only, full, or not there at the start: answers come soon and say when to come
back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import asyncpg
import httpx
import pytest

from tests.faults.conftest import Breakable
from tests.faults.crowd import Crowd, Question, Reply, asking
from tests.faults.figures import milliseconds, note, once_more, percentile, within
from tests.support.apps import connect
from tests.support.groups import Group
from tests.support.servers import Servers
from tests.support.waiting import until
from tests.support.world import API, PASSWORD

FROZEN_SECONDS: Final = 15.0  # longer than any request may take
ANSWER_SECONDS: Final = 10.0
HEALTH_SECONDS: Final = 0.05
FIRST_SECONDS: Final = 2.0
PAUSE: Final = 0.3
READS: Final = 8  # of each tenant
WRITES: Final = 3

BAD: Final = {"X-Tenant-ID": "tenant_one", "Authorization": "Bearer nobody.issued.this"}


def usual(people: Iterable[dict[str, str]]) -> list[Question]:
    """What people of every tenant ask, more of them than there are connections; and what needs no database."""
    questions = [Question("health", "GET", "/health"), Question("bad token", "GET", f"{API}/users", BAD)]
    for headers in people:
        questions += [Question("read", "GET", f"{API}/users", headers)] * READS
        questions += [Question("write", "POST", f"{API}/tools/notes", headers, {"title": "asked"})] * WRITES
        login = {"X-Tenant-ID": headers["X-Tenant-ID"]}
        questions.append(
            Question("login", "POST", f"{API}/auth/login", login, {"username": "owner", "password": PASSWORD})
        )
    return questions


NEEDING: Final = ("read", "write", "login")


def check_refusals(replies: Iterable[Reply]) -> None:
    """What was not done is 503 and says when to come back; nothing else went wrong."""
    for reply in replies:
        assert reply.status in {200, 201, 503}, reply
        assert reply.status != 503 or reply.retry, reply


def check_aside(crowd: Crowd) -> float:
    """The process lives, and bad tokens are refused, whatever the database does; the 99th percentile of health, without
    that of this process' own lateness."""
    assert set(crowd.statuses("health")) == {200}
    assert set(crowd.statuses("bad token")) == {401}
    slow = percentile([reply.seconds for reply in crowd.of("health")], 0.99)
    return max(0.0, slow - percentile(crowd.lateness, 0.99))


async def success(crowd: Crowd, since: float) -> float:
    """Until a write that ended after this moment succeeded: seconds."""

    def ended() -> list[float]:
        written = [reply for reply in crowd.of("write") if reply.status == 201]
        return [reply.asked_at + reply.seconds for reply in written if reply.asked_at + reply.seconds > since]

    await until(ended, 30)
    return min(ended()) - since


@pytest.mark.promise("S2", "S4")
@once_more
async def test_a_frozen_database_holds_nobody_up_for_long(
    group: Group, postgres: Breakable, people: list[dict[str, str]]
) -> None:
    async with asking(group.port, usual(people), pause=PAUSE) as crowd:
        await asyncio.sleep(1)
        froze = time.monotonic()
        with postgres.frozen():
            await asyncio.sleep(FROZEN_SECONDS)
        thawed = time.monotonic()
        recovered = await success(crowd, thawed)

    during = crowd.of(*NEEDING, since=froze - ANSWER_SECONDS)
    # What was asked before waits, from the moment it froze.
    longest = max(min(reply.seconds, reply.asked_at + reply.seconds - froze) for reply in during)
    health = check_aside(crowd)
    statuses = crowd.statuses(*NEEDING, since=froze, until=thawed)
    note(
        f"PostgreSQL frozen (SIGSTOP) for {FROZEN_SECONDS:.0f} s",
        seen="503 with Retry-After for what needs it; probes and bad tokens as always",
        measured=f"longest answer {longest:.1f} s of {sum(statuses.values())}, /health p99 {milliseconds(health)}, "
        f"first success {milliseconds(recovered)} after it went on",
    )
    check_refusals(during)
    assert statuses.get(503, 0) > len(people)
    within(longest, ANSWER_SECONDS)
    within(health, HEALTH_SECONDS)
    within(recovered, FIRST_SECONDS)


@pytest.mark.promise("S2")
@once_more
async def test_a_restart_of_the_database_is_waited_out(
    group: Group, postgres: Breakable, people: list[dict[str, str]]
) -> None:
    """An orderly one, as for a small upgrade."""
    async with asking(group.port, usual(people), pause=PAUSE) as crowd:
        await asyncio.sleep(1)
        await asyncio.to_thread(postgres.server.stop)
        await asyncio.sleep(2)
        back = postgres.start()
        recovered = await success(crowd, back)

    note(
        "PostgreSQL restarted under load",
        seen="503 with Retry-After until it is back",
        measured=f"first success {milliseconds(recovered)} after its return",
    )
    check_refusals(crowd.of(*NEEDING))
    check_aside(crowd)
    within(recovered, FIRST_SECONDS)


@asynccontextmanager
async def read_only(postgres: Breakable) -> AsyncIterator[None]:
    """A server that takes no changes, as a standby after a fail-over does that one still believes the primary."""
    async with connect(postgres.server.url()) as superuser:
        await superuser.execute("ALTER SYSTEM SET default_transaction_read_only TO on")
        await superuser.execute("SELECT pg_reload_conf()")
        try:
            yield
        finally:
            await superuser.execute("SET default_transaction_read_only TO off")
            await superuser.execute("ALTER SYSTEM RESET default_transaction_read_only")
            await superuser.execute("SELECT pg_reload_conf()")


@pytest.mark.promise("S2")
async def test_a_read_only_database_is_read(group: Group, postgres: Breakable, people: list[dict[str, str]]) -> None:
    async with asking(group.port, usual(people)) as crowd:
        await asyncio.sleep(0.5)
        async with read_only(postgres):
            await asyncio.sleep(0.5)
            since = time.monotonic()
            await asyncio.sleep(2)
            till = time.monotonic()
        recovered = await success(crowd, time.monotonic())

    note(
        "PostgreSQL read-only",
        seen="reads as always, 503 with Retry-After for writes",
        measured=f"{crowd.statuses('read', since=since, until=till)[200]} reads answered, "
        f"{crowd.statuses('write', since=since, until=till)[503]} writes refused; "
        f"first success {milliseconds(recovered)} after",
    )
    check_refusals(crowd.of(*NEEDING))
    check_aside(crowd)
    assert set(crowd.statuses("read", since=since, until=till)) == {200}
    assert set(crowd.statuses("write", since=since, until=till)) == {503}


END_OTHERS: Final = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND application_name <> 'taker' AND pid <> $1
"""


async def take_every_connection(url: str, stack: AsyncExitStack) -> None:
    """Also those that are kept for superusers, and the service's own as soon as they are closed."""
    mine = await stack.enter_async_context(connect(url))

    async def are_taken() -> bool:
        with suppress(asyncpg.TooManyConnectionsError):
            while True:
                taken = await asyncpg.connect(url, server_settings={"application_name": "taker"})
                stack.push_async_callback(taken.close)
        return bool(await mine.fetchval(END_OTHERS, mine.get_server_pid()) == 0)

    await until(are_taken)


@pytest.mark.promise("S2", "S4")
@once_more
async def test_a_database_without_a_free_connection_is_no_server_error(
    group: Group, postgres: Breakable, people: list[dict[str, str]]
) -> None:
    postgres.server.stop()
    postgres.server.settings["max_connections"] = "20"
    postgres.start()
    async with asking(group.port, usual(people)) as crowd:
        await asyncio.sleep(1)  # twenty are fewer than both processes want
        async with AsyncExitStack() as stack:
            await take_every_connection(postgres.server.url(), stack)
            since = time.monotonic()
            await asyncio.sleep(2)
            till = time.monotonic()
        recovered = await success(crowd, time.monotonic())
    postgres.server.stop()
    del postgres.server.settings["max_connections"]
    postgres.start()

    refused = crowd.statuses(*NEEDING, since=since, until=till)
    note(
        "PostgreSQL out of connections",
        seen="503 with Retry-After",
        measured=f"{refused[503]} requests refused, first success {milliseconds(recovered)} after one was free",
    )
    check_refusals(crowd.of(*NEEDING))
    check_aside(crowd)
    assert set(refused) == {503}
    within(recovered, FIRST_SECONDS)


@pytest.mark.promise("S2")
async def test_a_service_that_starts_before_its_database_connects_by_itself(
    servers: Servers, postgres: Breakable, tmp_path: Path
) -> None:
    postgres.server.create_database("late")
    postgres.server.stop()
    group = Group(servers.config(postgres.server.url("late"), redis_url="none"), tmp_path)
    group.launch()
    try:
        async with httpx.AsyncClient(base_url=group.url, trust_env=False) as http:
            health, _ = await _answer(http, "/health", 200)
            readiness = await http.get("/readiness")
            refused = await http.post(f"{API}/auth/login", json={}, headers={"X-Tenant-ID": "tenant_one"})
            back = postgres.start()
            ready = (await _answer(http, "/readiness", 200))[1] - back
    finally:
        alive = group.process.poll() is None
        group.stop()

    note(
        "PostgreSQL away when the service starts",
        seen="/health 200, /readiness 503, everything else 503",
        measured=f"ready {milliseconds(ready)} after its return, the preparation of an empty database included",
    )
    assert alive
    assert health.status_code == 200
    assert (readiness.status_code, bool(readiness.headers["Retry-After"])) == (503, True)
    assert refused.status_code in {422, 503}


async def _answer(http: httpx.AsyncClient, path: str, status: int) -> tuple[httpx.Response, float]:
    """The first answer of this status, and when it came."""
    for _ in range(600):
        await asyncio.sleep(0.05)
        with suppress(httpx.TransportError):
            answer = await http.get(path)
            if answer.status_code == status:
                return answer, time.monotonic()
    raise AssertionError(f"{path} never answered {status}")
