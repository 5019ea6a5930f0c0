"""Ten thousand clients who hang up: while they send, while they wait, while they are answered."""

from __future__ import annotations

import asyncio
import random
import re
import time
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.faults.figures import milliseconds, note
from tests.faults.ledger import Ledger, compare
from tests.support.apps import connect
from tests.support.groups import Group
from tests.support.lines import request
from tests.support.waiting import until
from tests.support.world import API

ABORTS: Final = 10_000
AT_ONCE: Final = 40
MORE_FILES: Final = 20  # connections to Valkey, if there were never as many at once
SETTLE_SECONDS: Final = 10.0
ASKED: Final = 20  # times, so that both processes answer
LONG: Final = "x" * 4_000
IN_USE: Final = re.compile(r'database_pool_connections\{shard="default",state="in_use"\} ([\d.]+)')

LEFT: Final = """
    SELECT count(*) FILTER (WHERE state LIKE 'idle in transaction%' OR state = 'active') FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


def bytes_of(headers: dict[str, str], number: int) -> bytes:
    """A read with a large answer, or a write with a large body."""
    if number % 2:
        return request("GET", f"{API}/tools/notes?limit=100", headers)
    return request("POST", f"{API}/tools/notes", headers, {"title": "hung up", "content": LONG})


async def abort(port: int, sent: bytes, moment: int, chance: random.Random) -> None:
    """Hang up in the headers, in the body, at once after it, a little later, or after the answer's first bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = sent.index(b"\r\n\r\n") + 4
    stop = len(sent)
    if moment < 2:
        stop = chance.randrange(1, head) if moment == 0 else chance.randrange(head, len(sent) + 1)
    writer.write(sent[:stop])
    if moment == 3:
        await asyncio.sleep(chance.uniform(0, 0.02))
    elif moment == 4:
        await reader.read(chance.randrange(1, 2000))
    writer.transport.abort()


def open_files(group: Group) -> int:
    """Of the processes that answer (proc(5))."""
    return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in group.workers())


async def in_use(group: Group) -> float:
    """The most connections that a process's pool has lent, of what many connections to the service are told."""
    most = 0.0
    for _ in range(ASKED):
        async with httpx.AsyncClient(base_url=group.url, trust_env=False) as http:
            found = IN_USE.search((await http.get("/metrics")).text)
        assert found
        most = max(most, float(found[1]))
    return most


async def until_nothing_is_left(group: Group) -> tuple[int, float]:
    """Transactions that are open, and connections that are lent, when both are none or it has taken too long."""
    deadline = time.monotonic() + SETTLE_SECONDS
    async with connect(group.config.owner_url) as owner:
        while True:
            left, lent = int(await owner.fetchval(LEFT)), await in_use(group)
            if not (left or lent) or time.monotonic() > deadline:
                return left, lent
            await asyncio.sleep(0.1)


@pytest.mark.promise("S6", "D2")
async def test_clients_who_hang_up_leave_nothing_behind(group: Group, people: list[dict[str, str]]) -> None:
    chance, gate = random.Random(6), asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with gate:
            await abort(group.port, bytes_of(people[number % len(people)], number // 5), number % 5, chance)

    began = time.monotonic()
    await asyncio.gather(*(one(number) for number in range(ABORTS // 5)))
    await until_nothing_is_left(group)
    before = open_files(group)  # pools are as large by now as they become
    await asyncio.gather(*(one(number) for number in range(ABORTS // 5, ABORTS)))
    over = time.monotonic()
    left, lent = await until_nothing_is_left(group)
    settled = time.monotonic() - over
    await until(lambda: open_files(group) <= before + MORE_FILES, SETTLE_SECONDS)
    ledger = Ledger({headers["X-Tenant-ID"]: {} for headers in people})
    found = await compare(ledger, group.config)

    note(
        f"{ABORTS} clients who hang up while they send, wait or read",
        seen="nothing, for others",
        measured=f"{ABORTS / (over - began):.0f} a second; {milliseconds(settled)} later {left} transactions open, "
        f"{lent:.0f} connections lent, {open_files(group) - before:+d} open files",
    )
    assert (left, lent) == (0, 0)
    assert (found.without_entry, found.without_note) == ([], [])
    assert {(await asyncio.to_thread(group.ask, "GET", "/users", headers)).status_code for headers in people} == {200}
    assert '"level":"error"' not in group.log.read_text().replace('": "', '":"')
