"""What was read before a change and arrives after it: kept nowhere, however slow its way was."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import pytest
from fastapi import FastAPI

from common.cache.redis import FAILURES_UNTIL_OPEN, OPEN_SECONDS
from common.cache.two_level import Message
from common.config import Config
from tests.cache.gate import Gate, gate_to
from tests.cache.race import WITHIN, Race
from tests.cache.subjects import setting_of
from tests.cache.valkey import PATIENCE, Stoppable, own_valkey
from tests.cache.workers import Pair, Worker, pair_of
from tests.support.apps import connect, registered
from tests.support.servers import Servers
from tests.support.waiting import until
from tests.support.wire import Wire, wire_to
from tests.support.world import TestTenant

LISTENER: Final = "listens-there"
TOLD: Final = 3  # how often Redis is told to forget something: by its writer, and by each worker that hears of it
CUT: Final = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1"


@dataclass(frozen=True)
class Stage:
    """Two workers with Redis behind a gate; the pool of the one ``there`` goes through a wire."""

    pair: Pair
    gate: Gate
    wire: Wire
    valkey: Stoppable
    owner_url: str


@pytest.fixture(scope="module")
async def stage(servers: Servers, config: Config, app: FastAPI) -> AsyncIterator[Stage]:
    """All of it started, on the shared database."""
    del app  # it prepared the database
    url = config.database_url.get_secret_value()
    async with own_valkey() as valkey, gate_to(valkey.socket_path) as gate, wire_to(url) as wire:
        here = servers.config(url, redis_url=gate.url)
        listening = f"{url}&application_name={LISTENER}"
        there = servers.config(wire.url, redis_url=gate.url, database_owner_url=url, database_direct_url=listening)
        async with pair_of(here, there) as pair:
            yield Stage(pair, gate, wire, valkey, url)


def forgetting(pair: Pair, bucket: str, times: int) -> Callable[[], bool]:
    """Whether the workers have acted on a change that was made since; the one that made it does so twice."""
    done: list[Sequence[Message]] = []

    def note(messages: Sequence[Message] | None) -> None:
        if messages and (bucket, None) in messages:
            done.append(messages)

    for worker in pair.both:
        worker.services.caches.observe(note)
    return lambda: len(done) >= times


@pytest.fixture
async def race(stage: Stage, app: FastAPI, tenant: TestTenant) -> AsyncIterator[Race]:
    """A setting of value 0, in no cache, while both workers know everything else that is read with it."""
    known = await registered(app, tenant.name)
    for worker in stage.pair.both:
        await worker.do(know_the_system_s(worker))
    await until(lambda: all(worker.services.caches.is_sharing for worker in stage.pair.both), PATIENCE)
    await until(lambda: len({worker.services.caches.generation for worker in stage.pair.both}) == 1, PATIENCE)
    know_it = forgetting(stage.pair, f"{tenant.name}/settings", len(stage.pair.both))
    async with setting_of(stage.pair, known, tenant.owner) as subject:
        await until(know_it, PATIENCE)
        yield Race(stage.pair, subject, stage.valkey)


async def know_the_system_s(worker: Worker) -> None:
    """Have the settings cached that count for every tenant."""
    await worker.services.find_settings(None)


async def let_the_writer_know(stage: Stage, race: Race) -> None:
    """Have it cached ``here``, and not in Redis."""
    await race.subject.read(race.pair.here)
    await stage.valkey.copy.flushall()


async def cut_listener(stage: Stage) -> None:
    """End the connection by which the worker ``there`` hears of changes."""
    async with connect(stage.owner_url) as owner:
        assert await owner.fetchval(CUT, LISTENER) is True


async def forget_in_process(worker: Worker, race: Race) -> None:
    """Leave only Redis to be asked, as after L1's moment."""
    worker.services.caches.forget_locally([(bucket, None) for bucket in (race.subject.bucket, "system/settings")])


async def nothing_old_is_left(race: Race, number: int, committed: float) -> None:
    """Within a second neither worker, nor Redis for either, has anything older; and it stays so."""

    async def is_new() -> bool:
        stored = [await race.stored(worker) for worker in race.pair.both]
        read = [await worker.do(race.subject.read(worker)) for worker in race.pair.both]
        return {*stored, *read} <= {None, number}

    await until(is_new, committed + WITHIN - time.monotonic())
    for _ in range(10):
        assert await is_new()
        await asyncio.sleep(0.02)


@asynccontextmanager
async def held_load(stage: Stage, race: Race) -> AsyncIterator[asyncio.Future[int]]:
    """A read ``there`` whose values have come from PostgreSQL, but not the end of its transaction."""
    caught, released = asyncio.Event(), asyncio.Event()
    schema = race.subject.bucket.split("/")[0]

    async def hold(_trip: int) -> None:
        sent = stage.wire.statements
        opened = next((text for text in reversed(sent) if text.startswith("BEGIN")), "")
        if schema in opened and sent[-1].startswith("COMMIT"):
            caught.set()
            await released.wait()

    stage.wire.reset()
    stage.wire.before_trip = hold
    reading = asyncio.ensure_future(race.pair.there.do(race.subject.read(race.pair.there)))
    try:
        await asyncio.wait_for(caught.wait(), PATIENCE)
        stage.wire.before_trip = None
        yield reading
    finally:
        stage.wire.before_trip = None
        released.set()
        await reading


@pytest.mark.promise("I2")
async def test_a_load_that_a_change_overtakes_is_not_kept(stage: Stage, race: Race) -> None:
    there, have_forgotten = stage.pair.there, forgetting(race.pair, race.subject.bucket, TOLD)

    async with held_load(stage, race) as reading:
        await race.subject.write(1)
        await until(have_forgotten, PATIENCE)

    assert await reading == 0, "it was not the old value that was held"
    for worker in stage.pair.both:
        assert await race.stored(worker) in {None, 1}
    assert await there.do(race.subject.read(there)) == 1


@pytest.mark.promise("I2")
async def test_while_the_listener_is_gone_nothing_is_kept(stage: Stage, race: Race) -> None:
    """Cut while a load is held: the change that it overtakes is never heard of."""
    there, caches = stage.pair.there, stage.pair.there.services.caches
    before = caches.generation
    await cut_listener(stage)
    await until(lambda: caches.generation not in {"", before}, PATIENCE)
    generation = caches.generation  # just begun, so that the connection is not about to be checked

    async with held_load(stage, race) as reading:
        await cut_listener(stage)
        committed = await race.subject.write(1)
        await until(lambda: caches.generation != generation, committed + WITHIN - time.monotonic())

    assert await reading == 0, "it was not the old value that was held"
    await nothing_old_is_left(race, 1, committed)
    await until(lambda: caches.generation == stage.pair.here.services.caches.generation, PATIENCE)
    assert await there.do(race.subject.read(there)) == 1
    assert await race.stored(there) == 1, "it is kept again"


@pytest.mark.promise("I2")
async def test_a_copy_that_is_forgotten_while_it_is_on_its_way(stage: Stage, race: Race) -> None:
    """Redis gets the order to forget before the order to store, over another connection."""
    there, have_forgotten = stage.pair.there, forgetting(race.pair, race.subject.bucket, TOLD)
    await let_the_writer_know(stage, race)

    with stage.gate.holding(b"HSET", race.subject.bucket.encode()):
        reading = asyncio.ensure_future(there.do(race.subject.read(there)))
        await asyncio.wait_for(stage.gate.caught.wait(), PATIENCE)
        committed = await race.subject.write(1)
        await until(have_forgotten, PATIENCE)

    assert await reading == 0
    await nothing_old_is_left(race, 1, committed)


@pytest.mark.promise("I2", "S3")
async def test_a_copy_that_arrives_when_nobody_waits_for_it_any_more(stage: Stage, race: Race) -> None:
    """A frozen network delivers an order to store long after it was given up."""
    there, have_forgotten = stage.pair.there, forgetting(race.pair, race.subject.bucket, TOLD)
    await let_the_writer_know(stage, race)

    with stage.gate.holding(b"HSET", race.subject.bucket.encode()):
        assert await there.do(race.subject.read(there)) == 0  # gives up
        assert stage.gate.caught.is_set()
        committed = await race.subject.write(1)
        await until(have_forgotten, PATIENCE)

    async def has_arrived() -> bool:
        keys = [key async for key in stage.valkey.copy.scan_iter(f"{race.subject.bucket}/*")]
        return 0 in [await race.stored_at(key) for key in keys]

    await until(has_arrived, PATIENCE)
    await nothing_old_is_left(race, 1, committed)


@pytest.mark.promise("I2", "S3")
async def test_what_could_not_be_forgotten_while_redis_was_frozen(stage: Stage, race: Race) -> None:
    """Nobody even told it, for it had not answered before; then it goes on with everything it had."""
    for worker in stage.pair.both:
        assert await worker.do(race.subject.read(worker)) == 0
    assert await race.stored(stage.pair.there) == 0, "Redis has the old value"
    for worker in stage.pair.both:
        await worker.do(forget_in_process(worker, race))

    stage.valkey.freeze()
    try:
        for worker in stage.pair.both:
            reads = (worker.do(race.subject.read(worker)) for _ in range(FAILURES_UNTIL_OPEN))
            assert await asyncio.gather(*reads) == [0] * FAILURES_UNTIL_OPEN
        committed = await race.subject.write(1)
    finally:
        stage.valkey.thaw()

    await nothing_old_is_left(race, 1, committed)
    while time.monotonic() < committed + OPEN_SECONDS + WITHIN:
        for worker in stage.pair.both:
            assert await worker.do(race.subject.read(worker)) == 1
        await asyncio.sleep(0.01)


@pytest.mark.promise("I2")
async def test_what_the_writer_reads_from_redis_before_it_is_forgotten_there(stage: Stage, race: Race) -> None:
    """When the change is answered, it is seen at once where it was made."""
    here, there = stage.pair.both
    assert await there.do(race.subject.read(there)) == 0
    assert await race.stored(here) == 0, "Redis has the old value, this process has not"

    with stage.gate.holding(b"DEL", race.subject.bucket.encode()):
        writing = asyncio.ensure_future(race.subject.write(1))
        await until(
            lambda: len([data for data in stage.gate.seen if b"DEL" in data]) == TOLD or gave_up(here), PATIENCE
        )
        await race.subject.read(here)
    await writing

    assert await race.subject.read(here) == 1


def gave_up(worker: Worker) -> bool:
    """Whether it has waited too long for Redis."""
    return not worker.services.caches.is_sharing
