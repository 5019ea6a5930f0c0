"""The figures of the tools module. Timelines and searches are timed at the pool, one statement after the other:
PostgreSQL's time and one round trip over a socket."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from prometheus_client import CollectorRegistry
from sqlalchemy import Executable

import main as service
from benchmarks.figures import Figure, Pace, against_limit, measure_route
from benchmarks.records import OBJECTS, VOCABULARY, fill, word
from benchmarks.servers import API, World, ask
from benchmarks.things import TENANT
from benchmarks.wrk import Request
from common.config import Config
from common.ids import TenantName, new_id
from common.paging import ListQuery
from common.postgresql.execution import Answer, Parameters, Written
from database import ReadUnit
from serving.services import Services
from shared_auth import Principal
from tools.records.kinds import KINDS
from tools.search.queries import list_hits, write_query
from tools.search.words import split_words
from tools.timeline.queries import list_items

LIMIT_MS: Final = 50.0
PAGE: Final = 50
LIST: Final = f"{API}/tools/tasks?limit={PAGE}"
Ask = Callable[[ReadUnit], Awaitable[object]]


class Timed:
    """A unit that notes how long its statements take."""

    def __init__(self, unit: ReadUnit) -> None:
        self._unit = unit
        self.spent = 0.0
        self.plan_anew = unit.plan_anew

    async def execute(self, statement: Executable | Written, parameters: Parameters = None) -> Answer:
        """Run one statement."""
        started = time.perf_counter()
        try:
            return await self._unit.execute(statement, parameters)
        finally:
            self.spent += time.perf_counter() - started


def measure(world: World, pace: Pace) -> list[Figure]:
    """Fill the tenant, and measure."""
    records, asked = (100_000, 100) if pace.fast else (1_000_000, 400)
    add_tasks(world)
    figures = measure_route(world, pace, Request(LIST, world.headers), 0.5)
    fill(world, records)
    return [*figures, *asyncio.run(measure_reads(world, records, asked))]


def add_tasks(world: World) -> None:
    """More than a page of tasks, each with two links and two tags."""
    for number in range(PAGE + 10):
        links = [{"type": "booking", "id": f"BK-{number}"}, {"type": "customer", "id": f"C-{number}"}]
        body = {"title": f"Task {number}", "description": "Call the driver the day before.", "links": links}
        ask(world.service.port, "POST", f"{API}/tools/tasks", world.headers, json={**body, "tags": ["vip", "late"]})


async def measure_reads(world: World, records: int, asked: int) -> list[Figure]:
    """The 95th percentile of timelines and of searches."""
    values: dict[str, Any] = {name.lower(): value for name, value in world.environment.items()}
    services = service.build_services(Config(**values), CollectorRegistry())
    chance = random.Random(4711)  # noqa: S311 - the same questions in every run
    try:
        return [
            await _measure(services, f"timeline among {records:,} records", _timelines(services, chance, asked)),
            await _measure(services, "timeline of 10,000 records", [_timeline(services, 0)] * max(20, asked // 10)),
            await _measure(services, f"search among {records:,} records", _searches(services, chance, asked)),
        ]
    finally:
        await services.database.close()
        await services.caches.redis.close()


async def _measure(services: Services, name: str, questions: Sequence[Ask]) -> Figure:
    costs = []
    for turn, question in enumerate([*questions[:10], *questions]):
        tenant = await services.find_tenant(_name())
        assert tenant is not None
        async with services.database.read(tenant) as unit:
            timed = Timed(unit)
            await question(timed)  # type: ignore[arg-type] # all that lists need of a unit
        if turn >= 10:  # the first ones prepare statements and warm the buffers
            costs.append(timed.spent * 1000)
    costs.sort()
    return against_limit(f"{name}, p95", costs, "ms", LIMIT_MS, costs[int(len(costs) * 0.95)])


def _timelines(services: Services, chance: random.Random, number: int) -> list[Ask]:
    return [_timeline(services, chance.randrange(1, OBJECTS)) for _ in range(number)]


def _timeline(services: Services, about: int) -> Ask:
    def ask(unit: ReadUnit) -> Awaitable[object]:
        return list_items(
            unit,
            _somebody(),
            _query(services),
            list(KINDS.values()),
            related_type="customer",
            related_id=f"C-{about}",
        )

    return ask


def _searches(services: Services, chance: random.Random, number: int) -> list[Ask]:
    """For one to three words, as frequent as in the records, every third one cut to its first three to five letters."""

    def draw() -> str:
        whole = word(int(VOCABULARY ** chance.random()))
        return whole[: chance.choice((3, 4, 5))] if chance.random() < 0.33 else whole

    return [_search(services, " ".join(draw() for _ in range(chance.choice((1, 2, 2, 3))))) for _ in range(number)]


def _search(services: Services, q: str) -> Ask:
    def ask(unit: ReadUnit) -> Awaitable[object]:
        wanted = write_query(split_words(q), "en")
        kinds = list(KINDS.values())
        return list_hits(unit, _somebody(), _query(services), kinds, wanted, related=(None, None))

    return ask


def _query(services: Services) -> ListQuery:
    return ListQuery(PAGE, None, None, False, None, None, None, "benchmark", services.cursors)


def _name() -> TenantName:
    name = TenantName.parse(TENANT)
    assert name is not None
    return name


def _somebody() -> Principal:
    """Who may read everything."""
    held = {kind.needs("read"): "all" for kind in KINDS.values()}
    return Principal(_name(), new_id(), "owner", new_id(), "token", (), 1, held)  # type: ignore[arg-type] # literals
