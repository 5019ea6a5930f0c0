"""How an export flows: in constant memory, at the reader's pace, and never at the cost of others."""

from __future__ import annotations

import asyncio
import json
import tracemalloc
from typing import Any

import pytest

from tests.audit_export.conftest import APPEND, LONG, PATH, Client, World, quick, slow
from tests.support.apps import running, services_of
from tests.support.probes import owner_connection
from tests.support.problems import problem_of
from tests.support.waiting import until

pytestmark = pytest.mark.promise("D5")


def pool_of(world: World) -> Any:
    return services_of(world.app).database.server.export_engine.pool


async def whole(client: Client, call: asyncio.Task[None]) -> int:
    """How many entries a client got: as many as the end says."""
    await call
    assert (client.status, client.is_complete) == (200, True)
    *entries, end = client.body.splitlines()
    assert json.loads(end)["end"]["entries"] == len(entries)
    return len(entries)


async def blocked(world: World) -> None:
    """Wait until the server waits for its reader."""
    while True:
        if [row for row in await world.copying() if row["wait_event"] == "ClientWrite"]:
            return
        await asyncio.sleep(0.01)


async def test_memory_does_not_grow_with_the_log(world: World) -> None:
    size = 0

    class Counting(Client):
        async def send(self, message: Any) -> None:
            nonlocal size
            size += len(message.get("body", b""))

    await Counting(asyncio.Semaphore()).call(world.app, world.one, "to=2020-01-01T00:00:00Z")
    size = 0
    tracemalloc.start()
    try:
        await Counting(asyncio.Semaphore()).call(world.app, world.one)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert size > 3_000_000
    assert peak < 2_000_000


async def test_a_slow_reader_slows_the_server_down_and_sees_one_snapshot(world: World) -> None:
    client = slow()
    call = client.call(world.app, world.one)
    await client.begun.wait()
    for _ in range(3):
        client.room.release()
    await blocked(world)
    held = len(client.body)
    async with owner_connection(world.config, world.one.name) as owner:
        await owner.fetch(APPEND, 5, "later ")
    assert len(await world.copying()) == 1
    assert held < 2_000_000

    assert not call.done()
    _let_on(client)
    assert LONG < await whole(client, call) < LONG + 1000
    assert b"later " not in client.body
    assert await world.copying() == []


@pytest.mark.promise("S6")
async def test_who_hangs_up_frees_the_connection_at_once(world: World) -> None:
    for hang_up in (lambda client, _: client.gone.set(), lambda _, call: call.cancel()):
        for query in ("", "format=json&gzip=true"):
            client = slow()
            call = client.call(world.app, world.one, query)
            await client.begun.wait()
            assert (len(await world.copying()), pool_of(world).checkedout()) == (1, 1)

            hang_up(client, call)
            await asyncio.gather(call, return_exceptions=True)

            assert pool_of(world).checkedout() == 0
            await until(world.has_no_copy)
            assert not client.is_complete


@pytest.mark.promise("S4")
async def test_others_wait_for_no_export(world: World) -> None:
    held = [slow(), slow()]
    calls = [client.call(world.app, world.one) for client in held]
    await asyncio.gather(*(client.begun.wait() for client in held))
    before = (await world.other.owner.get("/settings/audit-logs?limit=1")).json()["items"][0]["seq"]

    problem_of(await world.other.owner.get(PATH), 503, "overloaded")
    answers = await asyncio.gather(*(world.one.owner.get("/users") for _ in range(8)))
    created = await world.other.owner.post("/users/teams", json={"name": "while others export"})

    assert {answer.status_code for answer in answers} == {200}
    assert created.status_code == 201
    listed = (await world.other.owner.get("/settings/audit-logs?limit=5")).json()["items"]
    assert [entry["action"] for entry in listed if entry["seq"] > before] == ["users.team.created"]
    held[0].gone.set()
    await calls[0]
    assert (await world.other.owner.get(PATH)).status_code == 200
    _let_on(held[1])
    assert await whole(held[1], calls[1]) > LONG


async def test_who_stops_reading_is_cut_off(world: World) -> None:
    config = world.config.model_copy(update={"export_stall_seconds": 0.3})
    async with running(config) as (app, _):
        client = slow()
        await client.call(app, world.one)

        assert (client.status, client.is_complete) == (200, False)

        await until(world.has_no_copy)
        assert services_of(app).database.server.export_engine.pool.checkedout() == 0  # type: ignore[attr-defined] # a queue's


async def test_what_breaks_on_the_way_leaves_no_file_that_looks_whole(world: World) -> None:
    for end in ("pg_terminate_backend", "pg_cancel_backend"):
        client = slow()
        call = client.call(world.app, world.one, "format=json")
        await client.begun.wait()
        await world.superuser.execute(f"SELECT {end}($1)", (await world.copying())[0]["pid"])
        _let_on(client)
        await call

        assert (client.status, client.is_complete) == (200, False)
        with pytest.raises(json.JSONDecodeError):
            json.loads(client.body)
        again = quick()
        assert await whole(again, again.call(world.app, world.one)) > LONG


async def test_a_connection_that_died_while_nobody_exported_is_replaced(world: World) -> None:
    first, second = quick(), quick()
    await first.call(world.app, world.other)
    ended = await world.superuser.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND state = 'idle' AND query ~ '^(COMMIT|ROLLBACK)'"
    )

    assert ended
    assert await whole(second, second.call(world.app, world.other)) > 1000


def _let_on(client: Client) -> None:
    """Have a client read whatever comes."""
    for _ in range(100_000):
        client.room.release()
