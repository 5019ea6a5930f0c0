"""Tenants by the thousand: what they cost to make, to look up, to keep up to date, and to serve."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from typing import Final

from benchmarks.figures import Asked, Figure, Pace, at_least, at_most, compare
from benchmarks.machine import OTHERS, pin
from benchmarks.servers import API, DATABASE, PLATFORM_KEY, ask, serving
from benchmarks.tenants import Cost, Place, in_each, running_place
from benchmarks.things import PASSWORD
from benchmarks.wrk import Request
from common.ids import TenantName
from database import Database
from manage.listening import QUIETLY, UVICORN
from migrations.bootstrap import prepare_database
from migrations.everywhere import migrate_all_servers, plan_all_servers
from migrations.fleet import Choice
from migrations.login import service_login
from migrations.seed import digest
from migrations.tenant import expected_revision, rights_sql
from migrations.trees import as_sql, downgrade_sql
from users.tenants.service import find_tenant

SIZES: Final = (10, 100, 1_000, 5_000)
FEW: Final = 10
HOT: Final = ("hot0", "hot1", "hot2", "hot3")  # the tenants that are asked, wherever there are others
BACK: Final = "0010"  # the revision that tenants are set back to: the newest is a real one, with tables and indexes
IDLE: Final = 1_000  # tenants of which none is behind: the goal is for so many
IDLE_SECONDS: Final = 0.1
ALEMBIC_TURNS: Final = 3
Pairs = Sequence[tuple[float, float]]
Costs = Sequence[tuple[Cost, Cost]]


def measure(pace: Pace) -> list[Figure]:
    """Grow a fleet, and measure at each size."""
    sizes = (10, 50, 100) if pace.fast else SIZES
    with running_place() as few, running_place() as many:
        figures = [*measure_creation(few, pace), *measure_growth(many, sizes, pace)]
        figures += measure_migration(many, min(IDLE, sizes[-1]), pace)
        return [*figures, *measure_requests(few, many, sizes[-1], pace)]


def compare_times(name: str, baseline: str, pairs: Pairs, goal: float | None = None) -> Figure:
    """Seconds of ours over seconds of theirs; without a goal they are only shown."""
    turns = [(ours * 1000, theirs * 1000) for ours, theirs in pairs]
    return Figure.of(name, turns, "ms", baseline, None if goal is None else at_most(goal))


def compare_costs(name: str, baseline: str, costs: Costs, goal: float, *, share: int = 1) -> list[Figure]:
    """The same of what something costs, by the clock and by the processor; ``share`` is how many it was done for."""
    by_clock = [(ours.seconds / share, theirs.seconds / share) for ours, theirs in costs]
    by_processor = [(ours.cpu / share, theirs.cpu / share) for ours, theirs in costs]
    return [
        compare_times(name, baseline, by_clock, goal),
        compare_times(f"{name}; processor time", baseline, by_processor, goal),
    ]


def measure_creation(place: Place, pace: Pace) -> list[Figure]:
    """A tenant, against ``psql -f`` of the same DDL, and against Alembic's command into an empty schema."""
    by_psql, by_alembic = list[tuple[Cost, Cost]](), list[tuple[Cost, Cost]]()
    for turn in range(pace.pairs):
        ours = place.cost(lambda turn=turn: asyncio.run(place.create(f"made{turn}")))  # type: ignore[misc]
        by_psql.append((ours, place.cost(lambda turn=turn: place.psql_create(f"made{turn}"))))  # type: ignore[misc]
        if turn < ALEMBIC_TURNS:
            theirs = place.cost(lambda turn=turn: place.alembic_create(f"alembic{turn}"))  # type: ignore[misc]
            by_alembic.append((ours, theirs))
    return [
        *compare_costs("tenant created", "by psql -f (B7)", by_psql, 1.5),
        *compare_costs("tenant created, against Alembic", "by alembic upgrade head (B5)", by_alembic, 0.15),
    ]


def measure_growth(place: Place, sizes: Sequence[int], pace: Pace) -> list[Figure]:
    """What things cost at each size, over what they cost at the first. Leaves as many tenants as the last size."""
    kinds = {"creation": _one_more, "registry look-up": _look_up, "fleet check": _check, "start-up": _prepare}
    figures, first, there = list[Figure](), dict[str, float](), 0
    for size in sizes:
        asyncio.run(place.grow(there, size))
        there = size
        place.psql(DATABASE, "ANALYZE system.tenants")
        for kind, run in kinds.items():
            costs = [asyncio.run(run(place)) for _ in range(pace.pairs)]
            base = first.setdefault(kind, statistics.median(costs))
            title = f"{kind} with {size:,} tenants"
            figures.append(compare_times(title, f"with {sizes[0]:,}", [(cost, base) for cost in costs]))
        if size == min(IDLE, sizes[-1]):
            figures.append(measure_idle(place, size, pace))
    return figures


async def _one_more(place: Place) -> float:
    return await _timed(lambda: place.create(f"extra{time.time_ns()}"))


async def _timed(run: Callable[[], Awaitable[object]]) -> float:
    started = time.perf_counter()
    await run()
    return time.perf_counter() - started


async def _look_up(place: Place) -> float:
    """One tenant of the registry, past the caches: transaction and all."""
    database, name = Database(place.config, service_login(place.config).url), TenantName.parse("grown7")
    assert name is not None

    async def look() -> None:
        async with database.system() as unit:
            await find_tenant(unit, name)

    try:
        await look()
        return statistics.median([await _timed(look) for _ in range(50)])
    finally:
        await database.close()


async def _check(place: Place) -> float:
    return await _timed(lambda: plan_all_servers(place.config))


async def _prepare(place: Place) -> float:
    return await _timed(lambda: prepare_database(place.config))


def measure_idle(place: Place, size: int, pace: Pace) -> Figure:
    """``manage migrate`` when nobody is behind, after its start."""

    async def run() -> float:
        return await _timed(lambda: migrate_all_servers(place.config, lambda _: None))

    asyncio.run(run())
    pairs = [(asyncio.run(run()), IDLE_SECONDS) for _ in range(pace.pairs)]
    return compare_times(f"fleet of {size:,} with nothing to do", "allowed", pairs, 1)


def measure_migration(place: Place, size: int, pace: Pace) -> list[Figure]:
    """A real revision for so many tenants, a part of them in each turn; against one psql with the same SQL."""
    turns = min(pace.pairs, 5)
    share = size // turns
    back = downgrade_sql("tenant", expected_revision(), BACK)
    forth, register = as_sql("tenant", BACK), "UPDATE system.tenants SET revision = '{}', seed_digest = '{}' "
    where = "WHERE schema_name = '{schema}';"
    old = register.format(BACK, "older") + where
    new = register.format(expected_revision(), digest()) + where
    costs = []
    for turn in range(turns):
        schemas = [f"tenant_grown{number}" for number in range(turn * share, (turn + 1) * share)]
        batch = "".join(in_each([one], forth + rights_sql(one, one), new) for one in schemas)
        place.psql(DATABASE, in_each(schemas, back, old))
        theirs = place.cost(lambda batch=batch: place.psql(DATABASE, batch))  # type: ignore[misc]
        place.psql(DATABASE, in_each(schemas, back, old))
        ours = place.cost(lambda: _migrate(place, share))
        costs.append((ours, theirs))
    return compare_costs(f"{size:,} tenants migrated", "a tenant, by psql", costs, 1.5, share=share)


def _migrate(place: Place, size: int) -> None:
    found = asyncio.run(migrate_all_servers(place.config, lambda _: None, choice=Choice(limit=size)))
    if len(found.upgraded) != size:
        raise RuntimeError(f"upgraded {len(found.upgraded)} of {size}: {found.failed}")


def measure_requests(few: Place, many: Place, size: int, pace: Pace) -> list[Figure]:
    """Requests a second of the same four tenants, where there are ten and where there are thousands."""
    asyncio.run(few.grow(0, FEW - len(HOT)))
    for place in (few, many):
        pin(place.postgres.pid, OTHERS)
    with ExitStack() as stack:
        program = [*UVICORN, *QUIETLY, "--port"]
        servers = [
            stack.enter_context(serving(program, {**place.environment, "LOG_LEVEL": "warning"}, place.folder))
            for place in (few, many)
        ]
        headers = [[_furnish(server.port, name) for name in HOT] for server in servers]

        def measure_one(method: str, path: str, body: str | None = None) -> Figure:
            content = {"Content-Type": "application/json"} if body else {}
            status = 201 if method == "POST" else 200
            alone, crowded = (
                Asked(server, [Request(f"{API}{path}", {**one, **content}, method, body, status) for one in hot])
                for server, hot in zip(servers, headers, strict=True)
            )
            name = f"{method} {path} with {size:,} tenants"
            return compare(name, crowded, alone, pace, f"with {FEW}", at_least(0.9))

        return [
            measure_one("GET", "/auth/me"),
            measure_one("GET", "/tools/tasks?limit=10"),
            measure_one("POST", "/tools/tasks", '{"title": "Call the driver"}'),
        ]


def _furnish(port: int, name: str) -> dict[str, str]:
    """A tenant, and the headers of its owner."""
    of = {"X-Tenant-ID": name}
    admin = {"email": "owner@bench.example", "username": "owner", "password": PASSWORD}
    body = {"name": name, "admin": admin}
    ask(port, "POST", f"{API}/auth/initialize-tenant", {**of, "X-Platform-Key": PLATFORM_KEY}, json=body)
    pair = ask(port, "POST", f"{API}/auth/login", of, json={"username": "owner", "password": PASSWORD}).json()
    headers = {**of, "Authorization": f"Bearer {pair['access_token']}"}
    for number in range(20):
        ask(port, "POST", f"{API}/tools/tasks", headers, json={"title": f"Task {number}"})
    return headers
