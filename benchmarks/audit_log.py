"""The audit log's own figures: ``python -m benchmarks.audit_log [--fast]``.

What an entry adds to a write, what the last page of the list costs, and how quickly a chain is verified. See
``benchmarks.figures`` for how they are read.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import httpx
from prometheus_client import CollectorRegistry
from sqlalchemy import update

import main as service
from benchmarks.audit_export import APPEND, BATCH
from benchmarks.figures import Figure, report
from benchmarks.servers import API, World, psql, running_world
from benchmarks.things import TENANT
from common.audit import Actor, Origin, Target
from common.config import Config
from common.ids import TenantName, new_id
from database import Database, Tenant
from users import User

LOGS: Final = f"{API}/settings/audit-logs"
PAGE: Final = 200
TURNS: Final = 400
VERIFIED: Final = 100_000  # entries a second


def main() -> None:
    """Fill a log, measure, print, and write the results down."""
    entries = 100_000 if "--fast" in sys.argv[1:] else 1_000_000
    with running_world() as world, httpx.Client(trust_env=False, timeout=300) as client:
        client.headers.update(world.headers)
        client.base_url = httpx.URL(f"http://127.0.0.1:{world.service.port}")
        figures = [measure_append(world, client)]
        for _ in range(entries // BATCH):
            psql(world, APPEND % BATCH)
        psql(world, "VACUUM (ANALYZE) audit_logs")
        figures += [measure_pages(client), measure_verification(client)]
    report(figures, "audit_log")


def measure_append(world: World, client: httpx.Client) -> Figure:
    """What the entry costs of a PATCH: a transaction with it over the same without it, as part of the whole request."""
    entry = asyncio.run(_cost_of_entry(world))
    user = client.get(f"{API}/auth/me").json()["user"]["id"]
    numbers = iter(range(10**6))
    whole = _median(lambda: client.patch(f"{API}/users/{user}", json={"full_name": f"Owner {next(numbers)}"}), TURNS)
    ratio = entry / (whole - entry)
    return Figure(
        "audit entry in PATCH /users/{user_id}",
        f"{entry * 1000:.2f} ms, one round trip",
        f"{(whole - entry) * 1000:.2f} ms without it",
        ratio,
        (ratio, ratio),
        "≤ 0.25",
        met=ratio <= 0.25,
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
    ratios = [deep / shallow for deep, shallow in pairs]
    ratio = statistics.median(ratios)
    deep, shallow = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
    return Figure(
        f"page of the audit log at row {rows:,}",
        f"{deep * 1000:.1f} ms",
        f"{shallow * 1000:.1f} ms for the first",
        ratio,
        (min(ratios), max(ratios)),
        "≤ 1.5",
        met=ratio <= 1.5,
    )


def measure_verification(client: httpx.Client) -> Figure:
    """Entries a second that verifying the whole chain gets through."""
    rates = []
    for _ in range(3):
        started = time.perf_counter()
        found = client.post(f"{LOGS}/verify").json()
        assert found["ok"], found
        rates.append(found["checked"] / (time.perf_counter() - started))
    ratio = statistics.median(rates) / VERIFIED
    return Figure(
        "verification of the chain",
        f"{statistics.median(rates):,.0f} entries/s",
        f"{VERIFIED:,} entries/s",
        ratio,
        (min(rates) / VERIFIED, max(rates) / VERIFIED),
        "≥ 1",
        met=ratio >= 1,
    )


def _median(ask: Callable[[], httpx.Response], turns: int) -> float:
    costs = []
    for _ in range(turns):
        started = time.perf_counter()
        answer = ask()
        costs.append(time.perf_counter() - started)
        answer.raise_for_status()
    return statistics.median(costs)


if __name__ == "__main__":
    main()
