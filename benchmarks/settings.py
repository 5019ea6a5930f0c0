"""The settings module's figures."""

from __future__ import annotations

import json
import statistics
import time
from typing import Final

import uvloop

from benchmarks.figures import Figure, Pace, against_limit, at_least, at_most, measure_route, rate
from benchmarks.inside import Inside, running_inside
from benchmarks.load import Order
from benchmarks.servers import API, BULK, DATABASE, World, ask
from benchmarks.things import CONTEXT, FLAGS, SETTING
from benchmarks.wrk import Request
from tests.support.wire import Wire, wire_to

PATH: Final = f"{API}/settings/{SETTING}"
BODY: Final = json.dumps({"context": CONTEXT})
EVALUATION_LIMIT: Final = 10.0  # milliseconds
WARMING: Final = 50  # answers before any is measured
UNCACHED: Final = 20  # answers whose round trips are counted, to compare


def measure(world: World, pace: Pace) -> list[Figure]:
    """All figures of the settings module."""
    return [
        *measure_route(world, pace, Request(PATH, world.headers), 0.85, remark=", from L1"),
        uvloop.run(measure_redis(world, pace)),
        *measure_route(world, pace, _known(world), 0.7, remark=f", 304 for {FLAGS} flags"),
        measure_evaluation(world, pace),
        uvloop.run(measure_round_trips(world, pace)),
    ]


async def measure_redis(world: World, pace: Pace) -> Figure:
    """The whole request where Redis answers every look-up, against the same where PostgreSQL does and no cache is
    asked or filled: one after the other, inside one process."""
    async with running_inside(world.environment, PATH, world.headers) as inside:
        pairs = [
            (await _from_redis(inside, pace.seconds), await _uncached(inside, pace.seconds)) for _ in range(pace.pairs)
        ]
    return Figure.of(
        "GET /settings/{key} inside the process, every look-up from L2",
        [(1 / ours, 1 / theirs) for ours, theirs in pairs],
        "/s",
        "every look-up from PostgreSQL, without caches",
        at_least(2.5),
    )


def measure_evaluation(world: World, pace: Pace) -> Figure:
    """Processor time of the server for all flags, each with a rule, evaluated and sent to somebody new."""
    headers = {**world.headers, "Content-Type": "application/json"}
    order = Order(world.service.port, "POST", BULK, headers, BODY)
    rate(world.service, order, 0.5)
    rate(world.bare, order, 0.5)
    pairs = [
        (rate(world.service, order, pace.seconds)[1] / 1000, rate(world.bare, order, pace.seconds)[1] / 1000)
        for _ in range(pace.pairs)
    ]
    return against_limit(
        f"processor time of POST {BULK}, {FLAGS} flags",
        [ours for ours, _ in pairs],
        "ms",
        EVALUATION_LIMIT,
    )


async def measure_round_trips(world: World, pace: Pace) -> Figure:
    """Round trips to PostgreSQL for one request, counted at its socket, over those of the same without caches."""
    direct = world.postgres.url(DATABASE)
    straight = {"database_owner_url": direct, "database_direct_url": direct}  # what does not serve requests
    async with (
        wire_to(direct) as wire,
        running_inside(world.environment, PATH, world.headers, database_url=wire.url, **straight) as inside,
    ):
        pairs = [
            (await _cached_trips(inside, wire, pace.seconds), await _uncached_trips(inside, wire))
            for _ in range(pace.pairs)
        ]
    return Figure.of("round trips for GET /settings/{key}", pairs, "", "without caches", at_most(0))


async def _from_redis(inside: Inside, seconds: float) -> float:
    """Seconds for an answer. Raises RuntimeError if anything but Redis was asked meanwhile."""
    inside.begin_caching()
    for _ in range(WARMING):
        inside.forget_near()
        await inside.ask()
    before, spent = await inside.count_lookups(), list[float]()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        inside.forget_near()
        spent.append(await inside.ask())
    lookups = await inside.count_lookups() - before
    if set(lookups) != {"l2"}:
        raise RuntimeError(f"not only Redis answered: {lookups}")
    return statistics.fmean(spent)


async def _uncached(inside: Inside, seconds: float) -> float:
    inside.end_caching()
    for _ in range(WARMING):
        await inside.ask()
    spent = list[float]()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        spent.append(await inside.ask())
    return statistics.fmean(spent)


async def _cached_trips(inside: Inside, wire: Wire, seconds: float) -> float:
    inside.begin_caching()
    for _ in range(WARMING):
        await inside.ask()
    wire.reset()
    asked, deadline = 0, time.monotonic() + seconds
    while time.monotonic() < deadline:
        await inside.ask()
        asked += 1
    return wire.trips / asked


async def _uncached_trips(inside: Inside, wire: Wire) -> float:
    inside.end_caching()
    for _ in range(WARMING):
        await inside.ask()
    wire.reset()
    for _ in range(UNCACHED):
        await inside.ask()
    return wire.trips / UNCACHED


def _known(world: World) -> Request:
    """As a client asks that has the answer. Its tag is good until the address of the stream changes, once an hour."""
    answer = ask(world.service.port, "POST", BULK, world.headers, json=json.loads(BODY))
    headers = {**world.headers, "Content-Type": "application/json", "If-None-Match": answer.headers["ETag"]}
    return Request(BULK, headers, "POST", BODY, status=304)
