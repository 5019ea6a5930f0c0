"""Moves and creations that are killed are run again, and nothing of them stands in the way."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import pytest

from tests.shards.pair import SHARDS, Pair
from tests.support.apps import running
from tests.support.process import ROOT
from tests.support.servers import PLATFORM_KEY, SECRET
from tests.support.waiting import until
from tests.support.wire import Wire, wire_to
from tests.support.world import API, PASSWORD, TestTenant


@dataclass(frozen=True, slots=True)
class Point:
    """When to kill: at the trip that says ``text`` on that server's wire, or so many trips later. ``arrives`` is
    whether the server still gets it."""

    shard: str
    text: str
    later: int = 0
    arrives: bool = False


# From the build at the target to the last clearing of the source.
POINTS = {
    "building": Point("north", "CREATE SCHEMA"),
    "built": Point("north", "GRANT system_tenants", later=1, arrives=True),
    "refused": Point("default", "SET moving_to = $2, version", later=2, arrives=True),
    "closing": Point("default", "RENAME TO", arrives=True),
    "copying": Point("north", "COPY"),
    "verifying": Point("north", '".audit_canonical(item)', arrives=True),
    "copied": Point("north", '".audit_canonical(item)', later=3, arrives=True),
    "switching": Point("default", "SET shard = $2"),
    "switched": Point("default", "system.audit_append", later=4, arrives=True),
    "clearing": Point("default", "DROP SCHEMA IF EXISTS"),
}


class Trap:
    """Kills what speaks over the wires when the time has come."""

    def __init__(self, wires: dict[str, Wire], point: Point) -> None:
        self._wire, self._point = wires[point.shard], point
        self._left: int | None = None
        self.process: asyncio.subprocess.Process | None = None
        self.sprung = False
        for wire in wires.values():
            wire.reset()
            wire.before_trip = None
        self._wire.before_trip = self._look

    async def _look(self, _trip: int) -> None:
        if self._left is None and any(self._point.text in text for text in self._wire.statements):
            self._left = self._point.later
        elif self._left:
            self._left -= 1
        if self._left == 0 and self.process is not None and not self.sprung:
            self.sprung = True
            self.process.kill()
            await self.process.wait()
            if not self._point.arrives:
                await asyncio.Event().wait()


@pytest.fixture(scope="module")
async def wires(pair: Pair) -> AsyncIterator[dict[str, Wire]]:
    """A wire for the owner's connections to each server."""
    home, north = (pair.config.on(shard).owner_url for shard in SHARDS)
    async with wire_to(home) as one, wire_to(north) as other:
        yield {"default": one, "north": other}


@asynccontextmanager
async def mover(
    pair: Pair, wires: dict[str, Wire], tenant: TestTenant, to: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The command in a process of its own, whose owner is on the wires."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "manage", "tenants", "move", tenant.name, "--to", to),
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
        env={
            "PATH": os.environ["PATH"],
            "DATABASE_URL": pair.config.database_url.get_secret_value(),
            "DATABASE_OWNER_URL": wires["default"].url,
            "DATABASE_SHARDS": f"north={pair.config.on('north').owner_url} north.owner={wires['north'].url}",
            "DATA_DIR": str(pair.config.data_dir),
            "SECRET_KEY": SECRET,
        },
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        for wire in wires.values():
            wire.before_trip = None
            await wire.hang_up()


@pytest.mark.promise("D1")
@pytest.mark.parametrize("phase", POINTS)
async def test_a_killed_move_is_run_again(pair: Pair, wires: dict[str, Wire], phase: str) -> None:
    tenant = await pair.tenant("default")
    await pair.fill(tenant)
    trap = Trap(wires, POINTS[phase])
    async with mover(pair, wires, tenant, "north") as process:
        trap.process = process
        assert process.stderr is not None
        said = await process.stderr.read()
    assert trap.sprung, (phase, said.decode())

    row = (await pair.operator.get(f"/platform/tenants/{tenant.name}")).json()
    answer = await tenant.owner.get("/tools/notes")
    assert answer.status_code == (503 if row["moving_to"] else 200), (phase, answer.text)

    await until_unclaimed(pair)
    await pair.move(tenant, "north")
    await pair.assert_whole(tenant, "north")


async def test_a_killed_move_can_be_taken_back(pair: Pair, wires: dict[str, Wire]) -> None:
    tenant = await pair.tenant("default")
    await pair.fill(tenant)
    trap = Trap(wires, POINTS["copying"])
    async with mover(pair, wires, tenant, "north") as process:
        trap.process = process
        await process.wait()
    assert (await tenant.owner.get("/tools/notes")).json()["code"] == "tenant_moving"

    await until_unclaimed(pair)
    assert await pair.move(tenant, "default") is None

    await pair.assert_whole(tenant, "default")


async def until_unclaimed(pair: Pair) -> None:
    """Until the servers have noticed that the process is gone."""
    for shard in SHARDS:
        async with pair.owner(shard) as owner:

            async def is_alone(owner: asyncpg.Connection = owner) -> bool:
                return not await owner.fetchval(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                    "usename = session_user AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
                )

            await until(is_alone)


@pytest.mark.promise("T5")
async def test_a_creation_that_is_cut_between_two_commits_is_made_again(pair: Pair, wires: dict[str, Wire]) -> None:
    """The shard has the whole tenant, and the home registry has never heard of it."""
    shards = f"north={pair.config.on('north').owner_url} north.owner={wires['north'].url}"
    changes = {"database_shards": shards, "tenant_placement": ("north",), "database_owner_url": wires["default"].url}
    config = pair.config.model_validate(
        {**pair.config.model_dump(exclude_defaults=True), **changes, "metrics_port": None}
    )
    async with running(config) as (_, http):
        headers = {"X-Tenant-ID": "tenant_cut", "X-Platform-Key": PLATFORM_KEY}
        admin = {"email": "owner@twin.example", "username": "owner", "password": PASSWORD}
        body = {"name": "cut", "admin": admin}
        wires["default"].reset()

        async def cut(_: int) -> None:
            if any("INSERT INTO system.tenants" in text for text in wires["default"].statements):
                wires["default"].before_trip = None
                asyncio.get_running_loop().call_soon(asyncio.ensure_future, wires["default"].hang_up())
                await asyncio.Event().wait()

        wires["default"].before_trip = cut
        failed = await http.post(f"{API}/auth/initialize-tenant", headers=headers, json=body)
        cut_tenant = TestTenant("tenant_cut", "", pair.operator)
        left = await pair.schemas("north", cut_tenant)
        unknown = await pair.operator.get("/platform/tenants/tenant_cut")
        again = await http.post(f"{API}/auth/initialize-tenant", headers=headers, json=body)

        assert (failed.status_code, failed.json()["code"]) == (503, "database_unavailable")
        assert left == {"tenant_cut"}
        assert unknown.status_code == 404
        assert again.status_code == 201, again.text
    shown = (await pair.operator.get("/platform/tenants/tenant_cut")).json()
    assert shown["shard"] == "north"
