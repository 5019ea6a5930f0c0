"""The audit log's own figures: what an entry adds to a write, what the last page of the list costs, and how quickly a
chain is verified."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from typing import Any, Final

import httpx
from prometheus_client import CollectorRegistry
from sqlalchemy import update

import main as service
from benchmarks.audit_export import append, copy
from benchmarks.figures import Figure, Pace, at_least, at_most
from benchmarks.machine import free
from benchmarks.servers import API, World
from benchmarks.things import TENANT
from common.audit import Actor, Origin, Target
from common.config import Config
from common.ids import TenantName, new_id
from database import Database, Tenant
from users import User

LOGS: Final = f"{API}/settings/audit-logs"
PAGE: Final = 200
TURNS: Final = 400
VERIFIED: Final = 100_000.0  # entries a second


def measure(world: World, pace: Pace) -> list[Figure]:
    """Fill the log, and measure."""
    entries = 100_000 if pace.fast else 1_000_000
    with httpx.Client(trust_env=False, timeout=300, headers=world.headers) as client:
        client.base_url = httpx.URL(f"http://127.0.0.1:{world.service.port}")
        figures = [measure_append(world, client)]
        append(world, entries)
        return [*figures, measure_pages(client), *measure_verification(world, client)]


def measure_append(world: World, client: httpx.Client) -> Figure:
    """What the entry costs of a PATCH: a transaction with it over the same without it, as part of the whole request."""
    entry = asyncio.run(_cost_of_entry(world))
    user = client.get(f"{API}/auth/me").json()["user"]["id"]
    numbers = iter(range(10**6))
    whole = _median(lambda: client.patch(f"{API}/users/{user}", json={"full_name": f"Owner {next(numbers)}"}), TURNS)
    return Figure.of(
        "audit entry of a PATCH, one round trip",
        [(entry * 1000, (whole - entry) * 1000)],
        "ms",
        "the PATCH without it",
        at_most(0.25),
    )


async def _cost_of_entry(world: World) -> float:
    """Seconds that a transaction takes longer with an entry."""
    values: dict[str, Any] = {name.lower(): value for name, value in world.environment.items()}
    services = service.build_services(Config(**values), CollectorRegistry())
    name = TenantName.parse(TENANT)
    assert name is not None
    tenant = await services.find_tenant(name)
    assert tenant is not None
    costs: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(TURNS + 20):
        for audited, found in costs.items():
            spent = await _write(services.database, tenant, turn, audited=audited)
            if turn >= 20:  # the first ones prepare their statements
                found.append(spent)
    await services.database.close()
    await services.caches.redis.close()
    return statistics.median(costs[True]) - statistics.median(costs[False])


async def _write(database: Database, tenant: Tenant, turn: int, *, audited: bool) -> float:
    statement = update(User).where(User.username_normalized == "owner").values(phone=f"+30210{turn:07}")
    started = time.perf_counter()
    if audited:
        async with database.write(tenant, actor=Actor("system"), origin=Origin("benchmark")) as unit:
            await unit.execute(statement)
            unit.audit("users.user.updated", target=Target("user", str(new_id()), "owner"))
    else:
        async with database.bookkeeping(tenant) as unit:
            await unit.execute(statement)
    return time.perf_counter() - started


def measure_pages(client: httpx.Client) -> Figure:
    """The last full page of the whole log over its first."""
    first, cursor, rows = f"{LOGS}?limit={PAGE}", "", 0
    last = first
    while True:
        page = client.get(f"{first}&cursor={cursor}" if cursor else first).json()
        rows += len(page["items"])
        if page["next_cursor"] is None:
            break
        last, cursor = f"{first}&cursor={cursor}" if cursor else first, page["next_cursor"]
    pairs = [(_median(lambda: client.get(last), 20), _median(lambda: client.get(first), 20)) for _ in range(5)]
    turns = [(deep * 1000, shallow * 1000) for deep, shallow in pairs]
    return Figure.of(f"page of the audit log at row {rows:,}", turns, "ms", "for the first", at_most(1.5))


def measure_verification(world: World, client: httpx.Client) -> list[Figure]:
    """Entries a second that verifying the whole chain gets through, and over those that psql exports."""
    turns = []
    with free(world.postgres.pid):
        for _ in range(3):
            started = time.perf_counter()
            found = client.post(f"{LOGS}/verify").json()
            assert found["ok"], found
            verified = found["checked"] / (time.perf_counter() - started)
            turns.append((verified, found["checked"] / copy(world)))
    name = "verification of the chain"
    expected = Figure.of(name, [(rate, VERIFIED) for rate, _ in turns], "entries/s", "expected", at_least(1))
    return [expected, Figure.of(f"{name}, over an export", turns, "entries/s", "by psql (B6)", at_least(0.7))]


def _median(ask: Callable[[], httpx.Response], turns: int) -> float:
    costs = []
    for _ in range(turns):
        started = time.perf_counter()
        answer = ask()
        costs.append(time.perf_counter() - started)
        answer.raise_for_status()
    return statistics.median(costs)
