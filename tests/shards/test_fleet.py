"""One upgrade of the tenants of all servers: one report, whatever is away."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Final

import pytest

from common.config import Config
from common.errors import TenantNotFound
from manage.embedded import EmbeddedPostgres
from migrations.everywhere import migrate_all_servers, plan_all_servers
from migrations.fleet import Choice, FleetReport
from migrations.tenant import expected_revision
from tests.shards.pair import SHARDS, Pair
from tests.support.apps import connect
from tests.support.fleet import set_back
from tests.support.servers import SECRET

pytestmark = pytest.mark.promise("T6")

ROOT: Final = Path(__file__).parents[2]
BEFORE: Final = "0010"


def short(pair: Pair, shard: str) -> list[str]:
    """The ids of a server's tenants."""
    return sorted(tenant.name.removeprefix("tenant_") for tenant in pair.tenants[shard])


@pytest.fixture
async def behind(pair: Pair) -> Pair:
    """All four tenants one revision behind."""
    for shard in SHARDS:
        for tenant in short(pair, shard):
            await set_back(pair.config.on(shard), tenant, BEFORE)
    async with connect(pair.config.owner_url) as home:
        await home.execute("UPDATE system.tenants SET revision = $1", BEFORE)
    return pair


async def migrate(config: Config, **options: object) -> FleetReport:
    """One run, whose lines nobody reads."""
    return await migrate_all_servers(config, lambda _: None, **options)  # type: ignore[arg-type]


async def registered(pair: Pair) -> set[str]:
    """The revisions that the home's registry has."""
    async with connect(pair.config.owner_url) as home:
        return {row["revision"] for row in await home.fetch("SELECT DISTINCT revision FROM system.tenants")}


async def command(pair: Pair, *options: str) -> tuple[int | None, str, str]:
    """``python -m manage migrate``: its exit code, and what it wrote."""
    shards = pair.config.database_shards
    assert shards is not None
    environment = {
        **os.environ,
        "DATABASE_URL": pair.config.database_url.get_secret_value(),
        "DATABASE_SHARDS": shards.get_secret_value(),
        "REDIS_URL": "none",
        "SECRET_KEY": SECRET,
        "ENVIRONMENT": "development",
    }
    arguments, pipe = ("-m", "manage", "migrate", *options), asyncio.subprocess.PIPE
    run = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe
    )
    said, complaints = await run.communicate()
    return run.returncode, said.decode(), complaints.decode()


async def test_all_servers_are_one_fleet(behind: Pair) -> None:
    here, there = short(behind, "default"), short(behind, "north")

    planned, plans = await plan_all_servers(behind.config)
    one = await migrate(behind.config, choice=Choice(there[0]))
    first = await migrate(behind.config, choice=Choice(limit=1))
    shown = json.loads((await command(behind, "--dry-run", "--json"))[1])
    code, lines, _ = await command(behind)

    assert ([item.tenant for item in planned.chosen], list(plans)) == (sorted(here + there), [BEFORE])
    assert (one.upgraded, one.left, one.outcomes[0].shard) == (there[:1], 3, "north")
    assert first.upgraded == here[:1]
    assert (shown["total"], shown["left"], shown["lost"]) == (4, 2, {})
    assert shown["plans"][0]["tenants"] == [here[1], there[1]]
    assert code == 0
    assert lines.splitlines() == [
        f"[1/2] {here[1]}: upgraded",
        f"[2/2] {there[1]} on north: upgraded",
        "4 tenants: 2 upgraded, 2 current already, 0 failed.",
    ]
    assert await registered(behind) == {expected_revision()}
    with pytest.raises(TenantNotFound):
        await migrate(behind.config, choice=Choice("nobody"))


async def test_a_stopped_run_begins_no_further_server(behind: Pair) -> None:
    stop = asyncio.Event()

    report = await migrate_all_servers(behind.config, lambda _: stop.set(), workers=1, stop=stop)

    assert (report.upgraded, report.left) == (short(behind, "default")[:1], 3)


async def test_a_shard_that_is_away_is_named_and_the_others_are_upgraded(
    behind: Pair, second: EmbeddedPostgres
) -> None:
    second.stop()
    try:
        failed, said, complaints = await command(behind, "--json")
        planned, _, unplanned = await command(behind, "--dry-run")
    finally:
        second.start()
    found = json.loads(said)

    assert (failed, planned) == (1, 1)
    assert "The shard north was left out. " in complaints
    assert "The shard north was left out. " in unplanned
    assert (found["upgraded"], list(found["lost"])) == (2, ["north"])
    assert (await migrate(behind.config)).upgraded == short(behind, "north")
    assert await registered(behind) == {expected_revision()}


async def test_a_tenant_on_its_way_is_left_alone(behind: Pair) -> None:
    [mover, _] = short(behind, "default")
    async with connect(behind.config.owner_url) as home:
        await home.execute("UPDATE system.tenants SET moving_to = 'north' WHERE id = $1", mover)
        during = await migrate(behind.config)
        await home.execute("UPDATE system.tenants SET moving_to = NULL WHERE id = $1", mover)

    assert (during.total, mover in during.upgraded, during.left) == (3, False, 0)
    assert (await migrate(behind.config)).upgraded == [mover]
