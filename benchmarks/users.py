"""The users module's figures: ``python -m benchmarks.users [--fast]``.

Each figure is a ratio of two things measured in turns, A B A B, in one run: machines differ, and a shared one differs
from itself. What is printed is the median of the turns' ratios, with the lowest and the highest.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from passlib.context import CryptContext

from benchmarks.load import Order
from benchmarks.servers import PASSWORD, TENANT, Server, World, collect, load, running_world
from common.ids import TenantName, new_id
from shared_auth import Principal, authorize

RESULTS: Final = Path(__file__).parent / "results" / "users.json"
PERMISSIONS: Final = 200
LOGIN_BODY: Final = json.dumps({"username": "owner", "password": PASSWORD})
JSON: Final = {"X-Tenant-ID": TENANT, "Content-Type": "application/json"}
FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Pace:
    """How long is measured."""

    pairs: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. ``spread`` is the lowest and the highest of the turns' ratios."""

    name: str
    measured: str
    baseline: str
    ratio: float
    spread: tuple[float, float]
    goal: str
    met: bool


def main() -> None:
    """Measure, print, and write the results down."""
    pace = Pace(3, 0.5) if "--fast" in sys.argv[1:] else Pace(9, 1.5)
    figures = [measure_permission_check()]
    with running_world() as world:
        figures += [
            measure_route(world, pace, Order(world.service.port, "GET", "/api/v1/auth/me", world.headers), 0.75),
            measure_route(world, pace, Order(world.service.port, "GET", "/api/v1/auth/test", world.headers), 0.75),
            measure_route(world, pace, _introspection(world), 0.75),
            measure_logins(world, pace),
            measure_health(world, pace),
        ]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n")
    print(write_table(figures))


def measure_permission_check() -> Figure:
    """The guard's own work for a request, with no I/O in it, by somebody who holds many permissions."""
    tenant = TenantName.parse(TENANT)
    assert tenant is not None
    held = {f"resource{number}:read": "all" for number in range(PERMISSIONS)}
    who = Principal(tenant, new_id(), "owner", new_id(), "token", (), 1, held)  # type: ignore[arg-type] # literals
    name, turns, costs = f"resource{PERMISSIONS // 2}:read", 20_000, []
    for _ in range(9):
        started = time.perf_counter()
        for _ in range(turns):
            authorize(who, name)
        costs.append((time.perf_counter() - started) / turns * 1e6)
    cost = statistics.median(costs)
    return Figure(
        f"permission check, {PERMISSIONS} held",
        f"{cost:.2f} µs",
        "20 µs",
        cost / 20,
        _spread(costs, 20),
        "< 20 µs",
        met=cost < 20,
    )


def measure_route(world: World, pace: Pace, order: Order, goal: float) -> Figure:
    """Requests a second of one route of the service over those of its bare twin."""
    _rate(world.service, order, 0.5)
    _rate(world.bare, order, 0.5)
    pairs = [
        (_rate(world.service, order, pace.seconds), _rate(world.bare, order, pace.seconds)) for _ in range(pace.pairs)
    ]
    ratios = [ours / bare for (ours, _), (bare, _) in pairs]
    ratio = statistics.median(ratios)
    ours, bare = (statistics.median(pair[side][0] for pair in pairs) for side in (0, 1))
    our_cpu, bare_cpu = (statistics.median(pair[side][1] for pair in pairs) for side in (0, 1))
    name = f"{order.method} {order.path.removeprefix('/api/v1')}"
    return Figure(
        name,
        f"{ours:.0f}/s, {our_cpu:.0f} µs CPU",
        f"{bare:.0f}/s, {bare_cpu:.0f} µs CPU",
        ratio,
        (min(ratios), max(ratios)),
        f"≥ {goal}",
        met=ratio >= goal,
    )


def measure_logins(world: World, pace: Pace) -> Figure:
    """Logins a second over what the processor could verify if it did nothing else."""
    order = Order(world.service.port, "POST", "/api/v1/auth/login", JSON, LOGIN_BODY, connections=8)
    threads = os.cpu_count() or 1
    seconds = pace.seconds * 2
    pairs = [(_rate(world.service, order, seconds)[0], _hashes_a_second(threads, seconds)) for _ in range(pace.pairs)]
    ratios = [ours / bare for ours, bare in pairs]
    ratio = statistics.median(ratios)
    return Figure(
        "POST /auth/login",
        f"{statistics.median(pair[0] for pair in pairs):.1f}/s",
        f"{statistics.median(pair[1] for pair in pairs):.1f} argon2id/s on {threads} cores",
        ratio,
        (min(ratios), max(ratios)),
        "≥ 0.6",
        met=ratio >= 0.6,
    )


def measure_health(world: World, pace: Pace) -> Figure:
    """The slowest answers of ``/health`` while 150 clients log in, over those of a quiet service."""
    probe = Order(world.service.port, "GET", "/health", connections=1, seconds=pace.seconds * 2, pause=0.002)
    crowd = Order(
        world.service.port,
        "POST",
        "/api/v1/auth/login",
        JSON,
        LOGIN_BODY,
        connections=150,
        seconds=pace.seconds * 2 + 1,
    )
    pairs = []
    for _ in range(pace.pairs):
        quiet = collect(load(probe)).percentile(0.99)
        logins = load(crowd)
        time.sleep(0.7)  # until the crowd is there
        pairs.append((collect(load(probe)).percentile(0.99), quiet))
        collect(logins)
        time.sleep(1.5)  # until the queue is empty
    ratios = [busy / quiet for busy, quiet in pairs]
    ratio = statistics.median(ratios)
    busy, quiet = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
    return Figure(
        "GET /health, p99 under 150 logins",
        f"{busy * 1000:.2f} ms",
        f"{quiet * 1000:.2f} ms idle",
        ratio,
        (min(ratios), max(ratios)),
        "≤ 3",
        met=ratio <= 3,
    )


def write_table(figures: Sequence[Figure]) -> str:
    """The figures as a Markdown table."""
    rows = [("figure", "measured", "baseline", "ratio", "lowest to highest", "goal", "met"), ("---",) * 7]
    for one in figures:
        spread = f"{one.spread[0]:.2f} to {one.spread[1]:.2f}"
        met = "yes" if one.met else "no"
        rows.append((one.name, one.measured, one.baseline, f"{one.ratio:.2f}", spread, one.goal, met))
    widths = [max(len(row[column]) for row in rows) for column in range(7)]
    lines = (
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    )
    return "\n".join(lines)


def _introspection(world: World) -> Order:
    headers = {**world.headers, "Content-Type": FORM}
    return Order(world.service.port, "POST", "/api/v1/auth/introspect", headers, urlencode({"token": world.token}))


def _rate(server: Server, order: Order, seconds: float) -> tuple[float, float]:
    """Answers a second, and microseconds of the server's processor time for each."""
    before = server.cpu()
    found = collect(load(Order(**{**asdict(order), "port": server.port, "seconds": seconds})))
    good = found.statuses.get("200", 0)
    if good != sum(found.statuses.values()):
        raise RuntimeError(f"{order.path} answered {found.statuses}")
    return found.rate(), (server.cpu() - before) / good * 1e6


def _hashes_a_second(threads: int, seconds: float) -> float:
    """Passwords verified a second in as many threads as there are cores, with the service's parameters."""
    context = CryptContext(
        schemes=["argon2"],
        argon2__type="ID",
        argon2__memory_cost=19_456,
        argon2__time_cost=2,
        argon2__parallelism=1,
    )
    stored, counts, started = context.hash(PASSWORD), [0] * threads, time.perf_counter()

    def work(number: int) -> None:
        while time.perf_counter() - started < seconds:
            context.verify(PASSWORD, stored)
            counts[number] += 1

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(counts) / (time.perf_counter() - started)


def _spread(costs: Sequence[float], limit: float) -> tuple[float, float]:
    return min(costs) / limit, max(costs) / limit


if __name__ == "__main__":
    main()
