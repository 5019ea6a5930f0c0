"""The users module's figures: ``python -m benchmarks.users [--fast]``.

See ``benchmarks.figures`` for how they are read.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

from passlib.context import CryptContext

from benchmarks.figures import Figure, Pace, measure_route, rate, read_pace, report
from benchmarks.load import Order
from benchmarks.servers import Server, World, collect, load, running_world
from benchmarks.things import ARGON2, PASSWORD, TENANT
from common.ids import TenantName, new_id
from shared_auth import Principal, authorize

PERMISSIONS: Final = 200
LOGIN_BODY: Final = json.dumps({"username": "owner", "password": PASSWORD})
JSON: Final = {"X-Tenant-ID": TENANT, "Content-Type": "application/json"}
FORM: Final = "application/x-www-form-urlencoded"


def main() -> None:
    """Measure, print, and write the results down."""
    pace = read_pace(sys.argv[1:])
    figures = [measure_permission_check()]
    with running_world() as world:
        figures += [
            *measure_route(world, pace, Order(world.service.port, "GET", "/api/v1/auth/me", world.headers), 0.75),
            *measure_route(world, pace, Order(world.service.port, "GET", "/api/v1/auth/test", world.headers), 0.75),
            *measure_route(world, pace, _introspection(world), 0.75),
            measure_logins(world, pace),
            *measure_health(world, pace),
        ]
    report(figures, "users")


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


def measure_logins(world: World, pace: Pace) -> Figure:
    """Logins a second over what the processor could verify if it did nothing else."""
    order = Order(world.service.port, "POST", "/api/v1/auth/login", JSON, LOGIN_BODY, connections=8)
    threads = os.cpu_count() or 1
    seconds = pace.seconds * 2
    pairs = [(rate(world.service, order, seconds)[0], _hashes_a_second(threads, seconds)) for _ in range(pace.pairs)]
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


def measure_health(world: World, pace: Pace) -> list[Figure]:
    """The slowest answers of ``/health`` while 150 clients log in: over those of a quiet service; and over those of a
    bare application whose login is nothing but its hash, since the threads that hash, and the clients, take the same
    processors."""
    turns = []
    for _ in range(pace.pairs):
        quiet = _slowest(world.service, pace)
        turns.append((_slowest_under_logins(world.service, pace), quiet, _slowest_under_logins(world.bare, pace)))
    name, (busy, quiet, bare) = (
        "GET /health, p99 under 150 logins",
        (statistics.median(turn[side] * 1000 for turn in turns) for side in (0, 1, 2)),
    )
    return [
        _times(name, busy, f"{quiet:.2f} ms idle", [turn[0] / turn[1] for turn in turns]),
        _times(name, busy, f"{bare:.2f} ms bare, under the same logins", [turn[0] / turn[2] for turn in turns]),
    ]


def _times(name: str, milliseconds: float, baseline: str, ratios: Sequence[float]) -> Figure:
    ratio = statistics.median(ratios)
    return Figure(name, f"{milliseconds:.2f} ms", baseline, ratio, (min(ratios), max(ratios)), "≤ 3", met=ratio <= 3)


def _slowest(server: Server, pace: Pace) -> float:
    probe = Order(server.port, "GET", "/health", connections=1, seconds=pace.seconds * 2, pause=0.002)
    return collect(load(probe)).percentile(0.99)


def _slowest_under_logins(server: Server, pace: Pace) -> float:
    seconds = pace.seconds * 2 + 1
    logins = load(Order(server.port, "POST", "/api/v1/auth/login", JSON, LOGIN_BODY, connections=150, seconds=seconds))
    time.sleep(0.7)  # until the crowd is there
    slowest = _slowest(server, pace)
    collect(logins)
    time.sleep(1.5)  # until the queue is empty
    return slowest


def _introspection(world: World) -> Order:
    headers = {**world.headers, "Content-Type": FORM}
    return Order(world.service.port, "POST", "/api/v1/auth/introspect", headers, urlencode({"token": world.token}))


def _hashes_a_second(threads: int, seconds: float) -> float:
    """Passwords verified a second in as many threads as there are cores, with the service's parameters."""
    context = CryptContext(schemes=["argon2"], **ARGON2)
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
