"""Reads on a streaming replica: they see every write that was answered, and fail nowhere."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from tests.replica.notes import newest, write, write_and_read
from tests.replica.standby import Stage, outcomes
from tests.support.apps import running
from tests.support.world import Api

ROUNDS: Final = 500
PHASE: Final = 25  # rounds between two pauses of replay


async def test_lists_are_read_there_and_single_records_are_not(stage: Stage) -> None:
    tenant, there = stage.tenants[0], stage.pair.there
    note = await write(stage.at(stage.pair.here, tenant), "one")
    await stage.standby.catch_up(stage.primary_url)

    stage.wire.reset()
    for path in ("/tools/notes", "/users", "/settings/audit-logs", "/tools/timeline?related_type=booking&related_id=1"):
        stage.wire.statements.clear()
        assert (await there.do(stage.at(there, tenant).get(path))).status_code == 200
        assert any(text.startswith("BEGIN") for text in stage.wire.statements), path
    stage.wire.reset()
    assert (await there.do(stage.at(there, tenant).get(f"/tools/notes/{note}"))).status_code == 200
    assert stage.wire.statements == []


async def test_an_answered_write_is_seen_by_every_read_that_follows(stage: Stage) -> None:
    """In another worker, at once, with replay paused half of the time."""
    there, before = stage.pair.there, await outcomes(stage.pair.there)

    for number in range(ROUNDS):
        if number % PHASE == 0:
            await (stage.standby.pause() if number % (2 * PHASE) == 0 else stage.standby.resume())
        await write_and_read(stage, stage.tenants[number % 2], f"round {number}")
        if number % (2 * PHASE) > PHASE:
            await asyncio.sleep(0.005)
            await newest(there, stage.at(there, stage.tenants[number % 2]))

    await stage.standby.resume()
    after = await outcomes(there)
    assert after["behind"] - before.get("behind", 0) >= ROUNDS / 2
    assert after["replica"] - before["replica"] > PHASE


async def test_an_export_of_the_audit_log_is_read_there_too(stage: Stage) -> None:
    tenant, there = stage.tenants[0], stage.pair.there
    await write(stage.at(stage.pair.here, tenant), "exported")
    await stage.standby.catch_up(stage.primary_url)
    stage.wire.reset()

    exported = await there.do(stage.at(there, tenant).get("/settings/audit-logs/export"))

    assert exported.status_code == 200
    assert "tools.note.created" in exported.text
    assert any(text.startswith("COPY ") for text in stage.wire.statements)


@pytest.mark.promise("T1", "T2")
async def test_tenants_are_apart_there_too(stage: Stage) -> None:
    first, second = stage.tenants
    for tenant in stage.tenants:
        await write(stage.at(stage.pair.here, tenant), tenant.canary)
    await stage.standby.catch_up(stage.primary_url)
    stage.wire.reset()

    for tenant, other in ((first, second), (second, first)):
        api = stage.at(stage.pair.there, tenant)
        seen = (await stage.pair.there.do(api.get("/tools/notes"))).text
        assert tenant.canary in seen
        assert other.canary not in seen
        strange = await stage.pair.there.do(api.get("/tools/notes", headers={"X-Tenant-ID": other.name}))
        assert strange.json()["code"] == "tenant_mismatch"
    begun = [text for text in stage.wire.statements if text.startswith("BEGIN")]
    assert len(begun) == 2
    assert all("READ ONLY" in text and "SET LOCAL ROLE" in text for text in begun)


async def test_a_write_costs_the_primary_no_trip_more(stage: Stage) -> None:
    tenant = stage.tenants[0]
    plain = stage.pair.here.services.config.model_copy(update={"database_replica_url": None})
    counted = []
    async with running(plain) as (_, http):
        for client in (http, stage.pair.here.http):
            api = Api(client, tenant.owner.headers)
            await write(api, "prepared")
            stage.primary_wire.reset()
            await write(api, "counted")
            counted.append(stage.primary_wire.trips)

    assert counted[0] == counted[1] > 0
