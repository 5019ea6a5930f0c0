"""The users module's figures."""

from __future__ import annotations

import json
import os
import threading
import time
from typing import Final
from urllib.parse import urlencode

from passlib.context import CryptContext

from benchmarks.figures import Figure, Pace, against_limit, at_least, at_most, measure_route, rate
from benchmarks.load import Order
from benchmarks.servers import Server, World, collect, load
from benchmarks.things import ARGON2, PASSWORD, TENANT
from benchmarks.wrk import Request
from common.ids import TenantName, new_id
from shared_auth import Principal, authorize

PERMISSIONS: Final = 200
CHECK_MICROSECONDS: Final = 20.0
LOGIN_BODY: Final = json.dumps({"username": "owner", "password": PASSWORD})
JSON: Final = {"X-Tenant-ID": TENANT, "Content-Type": "application/json"}
FORM: Final = "application/x-www-form-urlencoded"


def measure(world: World, pace: Pace) -> list[Figure]:
    """All figures of the users module."""
    return [
        measure_permission_check(),
        *measure_route(world, pace, Request("/api/v1/auth/me", world.headers), 0.75),
        *measure_route(world, pace, Request("/api/v1/auth/test", world.headers), 0.75),
        *measure_route(world, pace, _introspection(world), 0.75),
        measure_logins(world, pace),
        *measure_health(world, pace),
    ]


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
    return against_limit(f"permission check, {PERMISSIONS} held", costs, "µs", CHECK_MICROSECONDS)


def measure_logins(world: World, pace: Pace) -> Figure:
    """Logins a second over what the processor could verify if it did nothing else."""
    order = Order(world.service.port, "POST", "/api/v1/auth/login", JSON, LOGIN_BODY, connections=8)
    threads = os.cpu_count() or 1
    seconds = pace.seconds * 2
    pairs = [(rate(world.service, order, seconds)[0], _hashes_a_second(threads, seconds)) for _ in range(pace.pairs)]
    return Figure.of("POST /auth/login", pairs, "/s", f"argon2id hashes alone, {threads} threads", at_least(0.6))


def measure_health(world: World, pace: Pace) -> list[Figure]:
    """The slowest answers of ``/health`` while 150 clients log in: over those of a quiet service; and over those of a
    bare application whose login is nothing but its hash, since the threads that hash, and the clients, take the same
    processors."""
    turns = []
    for _ in range(pace.pairs):
        quiet = _slowest(world.service, pace)
        turns.append((_slowest_under_logins(world.service, pace), quiet, _slowest_under_logins(world.bare, pace)))
    name, mine = "GET /health, p99 under 150 logins", [turn[0] for turn in turns]
    return [
        Figure.of(name, list(zip(mine, (turn[1] for turn in turns), strict=True)), "ms", "idle", at_most(3)),
        Figure.of(
            f"{name}, beside a bare application",
            list(zip(mine, (turn[2] for turn in turns), strict=True)),
            "ms",
            "bare, under the same logins",
            at_most(3),
        ),
    ]


def _slowest(server: Server, pace: Pace) -> float:
    """Milliseconds."""
    probe = Order(server.port, "GET", "/health", connections=1, seconds=pace.seconds * 2, pause=0.002)
    return collect(load(probe)).percentile(0.99) * 1000


def _slowest_under_logins(server: Server, pace: Pace) -> float:
    seconds = pace.seconds * 2 + 1
    logins = load(Order(server.port, "POST", "/api/v1/auth/login", JSON, LOGIN_BODY, connections=150, seconds=seconds))
    time.sleep(0.7)  # until the crowd is there
    slowest = _slowest(server, pace)
    collect(logins)
    time.sleep(1.5)  # until the queue is empty
    return slowest


def _introspection(world: World) -> Request:
    headers = {**world.headers, "Content-Type": FORM}
    return Request("/api/v1/auth/introspect", headers, "POST", urlencode({"token": world.token}))


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
