"""A replica that is gone, frozen or in the way; a Redis that says nothing, or what was long ago.

No read fails, and none misses a write that was answered."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import pytest
from sqlalchemy import text

from common.audit import Origin
from common.ids import TenantName
from common.postgresql.replica import HEARD_SECONDS
from tests.cache.workers import Worker
from tests.replica.notes import newest, write, write_and_read
from tests.replica.standby import PATIENCE, Stage, outcomes
from tests.support.apps import connect
from tests.support.waiting import until
from tests.support.world import TestTenant, create_tenant

ROUNDS: Final = 20
CANCEL: Final = """
SELECT count(*) FILTER (WHERE pg_cancel_backend(pid)) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'
"""


async def rounds(stage: Stage, name: str) -> None:
    for number in range(ROUNDS):
        await write_and_read(stage, stage.tenants[number % 2], f"{name} {number}")


@asynccontextmanager
async def paused(stage: Stage) -> AsyncIterator[None]:
    await stage.standby.pause()
    try:
        yield
    finally:
        await stage.standby.resume()


async def readiness(worker: Worker) -> dict[str, str]:
    answer = await worker.do(worker.http.get("/readiness"))
    assert answer.status_code == 200
    checks: dict[str, str] = answer.json()["checks"]
    return checks


@pytest.mark.promise("S3")
async def test_redis_is_killed_and_comes_back_empty(stage: Stage) -> None:
    async with paused(stage):
        stage.valkey.kill()
        await rounds(stage, "killed")
        stage.valkey.start()
        await rounds(stage, "empty")


@pytest.mark.promise("S3")
async def test_redis_is_frozen_and_goes_on_with_what_it_had(stage: Stage) -> None:
    async with paused(stage):
        stage.valkey.freeze()
        try:
            await rounds(stage, "frozen")
        finally:
            stage.valkey.thaw()
        await rounds(stage, "thawed")


async def test_redis_is_emptied_again_and_again(stage: Stage) -> None:
    over = asyncio.Event()

    async def empty() -> None:
        while not over.is_set():
            await stage.valkey.copy.flushall()
            await asyncio.sleep(0.01)

    emptying = asyncio.ensure_future(empty())
    try:
        async with paused(stage):
            await rounds(stage, "emptied")
        await rounds(stage, "emptied and replayed")
    finally:
        over.set()
        await emptying


async def test_a_writer_that_cannot_tell_has_everybody_leave_the_replica(stage: Stage) -> None:
    """Redis answers the reader, who has a version from before the write."""
    here, there = stage.pair.both
    tenant = stage.tenants[0]
    async with paused(stage):
        with stage.gate.holding(b"EVAL"):
            written = await write(stage.at(here, tenant), "untold")
            assert await newest(there, stage.at(there, tenant)) == written
            began = asyncio.get_running_loop().time()
            for number in range(ROUNDS):
                await write_and_read(stage, tenant, f"untold {number}")
            assert asyncio.get_running_loop().time() - began < ROUNDS * HEARD_SECONDS  # only the first have to wait
        await rounds(stage, "told again")


async def test_it_does_not_wait_for_what_the_replica_has(stage: Stage) -> None:
    tenant = stage.tenants[0]
    with stage.gate.holding(b"EVAL"):
        async with asyncio.timeout(HEARD_SECONDS):
            await write_and_read(stage, tenant, "untold")


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
async def test_the_replica_is_gone_and_comes_back(stage: Stage, number: signal.Signals) -> None:
    there = stage.pair.there
    stage.standby.signal(number)
    try:
        await rounds(stage, "alone")
        assert (await outcomes(there))["unavailable"] > 0
        assert await readiness(there) == {"database": "pass", "redis": "pass", "migrations": "pass", "replica": "warn"}
    finally:
        if number == signal.SIGSTOP:
            stage.standby.signal(signal.SIGCONT)
        else:
            await until(lambda: asyncio.to_thread(lambda: not stage.standby.server.is_running))
            stage.standby.server.start()

    await until(stage.is_used, PATIENCE)
    assert (await readiness(there))["replica"] == "pass"


@asynccontextmanager
async def held(stage: Stage) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    """A read that has begun on the standby, and has not sent its statement."""
    tenant, there = stage.tenants[0], stage.pair.there
    await write(stage.at(stage.pair.here, tenant), "read in the way")
    await stage.standby.catch_up(stage.primary_url)
    await newest(there, stage.at(there, tenant))
    caught, released = asyncio.Event(), asyncio.Event()

    async def hold(_trip: int) -> None:
        if stage.wire.statements and stage.wire.statements[-1].startswith("BEGIN"):
            stage.wire.before_trip = second

    async def second(_trip: int) -> None:
        stage.wire.before_trip = None
        caught.set()
        await released.wait()

    stage.wire.reset()
    stage.wire.before_trip = hold
    reading = asyncio.ensure_future(newest(there, stage.at(there, tenant)))
    try:
        await asyncio.wait_for(caught.wait(), 10)

        async def finish() -> str:
            released.set()
            return await reading

        yield finish
    finally:
        stage.wire.before_trip = None
        released.set()
        await reading


async def test_a_read_in_the_way_of_replay_is_done_again(stage: Stage) -> None:
    """A lock that is replayed ends the connection of whoever has read the table and says nothing."""
    tenant = stage.tenants[0]
    async with held(stage) as finish, connect(stage.primary_url) as owner:
        async with owner.transaction():
            await owner.execute(f"LOCK TABLE {tenant.name}.audit_logs IN ACCESS EXCLUSIVE MODE")
        await stage.standby.catch_up(stage.primary_url)

        note = await finish()

    assert note == await newest(stage.pair.here, stage.at(stage.pair.here, tenant))


async def test_a_statement_that_is_cancelled_there_is_run_on_the_primary(stage: Stage) -> None:
    there = stage.pair.there
    name = registered_name(stage.tenants[0])

    async def where() -> bool:
        tenant = await there.services.find_tenant(name)
        assert tenant is not None
        async with there.services.database.read_replica(tenant) as unit:
            return bool((await unit.execute(text("SELECT pg_is_in_recovery(), pg_sleep(1)"))).one()[0])

    before = (await outcomes(there)).get("failed", 0)
    reading = asyncio.ensure_future(there.do(where()))
    await until(lambda: stage.standby.ask(CANCEL))

    assert not await reading
    assert (await outcomes(there))["failed"] == before + 1


async def test_a_tenant_made_anew_under_an_old_name_has_nothing_of_the_old_one(stage: Stage) -> None:
    here, there = stage.pair.both
    old = await create_tenant(here.http)
    for number in range(3):
        await write(stage.at(here, old), f"old {number}")
    await stage.standby.catch_up(stage.primary_url)
    await newest(there, stage.at(there, old))

    async with paused(stage):
        await here.services.lifecycle.drop(registered_name(old), Origin("tests"))
        new = await create_tenant(here.http, old.name)
        api = stage.at(there, new)
        assert (await there.do(api.get("/tools/notes"))).json()["items"] == []
        written = await write(stage.at(here, new), "new")
        listed = (await there.do(api.get("/tools/notes"))).json()["items"]
        assert [note["id"] for note in listed] == [written]


def registered_name(tenant: TestTenant) -> TenantName:
    name = TenantName.parse(tenant.name)
    assert name is not None
    return name
