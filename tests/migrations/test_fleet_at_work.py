"""A fleet of thirty: workers, tenants that are busy, revisions that need a connection, stopped and killed runs."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from common.config import Config
from common.errors import TenantNotFound
from migrations import trees, upgrading
from migrations.everywhere import migrate_all_servers, plan_all_servers
from migrations.fleet import Choice, FleetReport
from migrations.tenant import expected_revision
from tests.support.apps import connect
from tests.support.clusters import make_tenant
from tests.support.fleet import owner_runs, set_all_back
from tests.support.servers import SECRET
from tests.support.wire import wire_to

pytestmark = pytest.mark.promise("T6")

ROOT: Final = Path(__file__).parents[2]
SIZE: Final = 30
FLEET: Final = tuple(f"ship{number:02}" for number in range(SIZE))
BEFORE: Final = "0010"
READING: Final = """
{flag}
alone = upgrade


def upgrade() -> None:
    alone()
    {inside}
    op.execute("COMMENT ON TABLE events IS 'read'")
"""


@pytest.fixture(scope="module")
async def config(empty: Config) -> Config:
    """A database with the fleet."""
    for name in FLEET:
        await make_tenant(empty, name)
    return empty


@pytest.fixture
async def behind(config: Config) -> Config:
    """The same, with everybody one revision behind."""
    await set_all_back(config, BEFORE)
    return config


async def migrate(config: Config, **options: object) -> FleetReport:
    """One run, whose lines nobody reads."""
    return await migrate_all_servers(config, lambda _: None, **options)  # type: ignore[arg-type]


async def revisions(config: Config) -> Counter[tuple[str, str]]:
    """How many tenants have which revision, by the registry and by their schema."""
    async with connect(config.owner_url) as owner:
        return Counter(
            [
                (registered, await owner.fetchval(f"SELECT version_num FROM tenant_{name}.alembic_version"))
                for name, registered in await owner.fetch("SELECT id, revision FROM system.tenants")
            ]
        )


def all_at(revision: str) -> Counter[tuple[str, str]]:
    """Everybody is there."""
    return Counter({(revision, revision): SIZE})


async def test_each_worker_keeps_its_connection_and_the_sql_is_written_once(behind: Config) -> None:
    async with wire_to(behind.owner_url) as wire:
        watched = behind.model_copy(update={"database_owner_url": type(behind.database_url)(wire.url)})
        report = await migrate(watched, workers=3)

    assert (report.upgraded, report.failed, report.left) == (list(FLEET), {}, 0)
    assert await revisions(behind) == all_at(expected_revision())
    assert wire.connections == 1 + 3  # one prepares the database, the first worker's has asked who is behind
    batches = [sql for sql in wire.statements if "CREATE TABLE event_feeds" in sql]
    assert (len(batches), len(set(batches))) == (SIZE, 1)


async def test_a_busy_tenant_lets_the_others_by_and_has_its_turn_again(
    behind: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrading, "LOCK_MS", 50)
    done = asyncio.Event()

    def watch(report: FleetReport) -> None:
        if len(report.outcomes) == SIZE - 1:
            done.set()

    async with connect(behind.owner_url) as reader:
        reading = reader.transaction()
        await reading.start()
        await reader.execute("LOCK TABLE tenant_ship00.events IN ACCESS SHARE MODE")
        run = asyncio.ensure_future(migrate_all_servers(behind, watch))
        await asyncio.wait_for(done.wait(), 120)
        await reading.rollback()
        report = await run

    assert (report.upgraded, report.failed) == (list(FLEET), {})
    last = report.outcomes[-1]
    assert (last.tenant, last.tries > 1) == ("ship00", True)


async def test_a_tenant_that_stays_busy_fails_after_some_tries(behind: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upgrading, "LOCK_MS", 50)
    async with connect(behind.owner_url) as reader, reader.transaction():
        await reader.execute("LOCK TABLE tenant_ship01.events IN ACCESS SHARE MODE")
        report = await migrate(behind, choice=Choice("ship01"))

    assert list(report.failed) == ["ship01"]
    assert "lock timeout" in report.failed["ship01"]
    assert report.outcomes[0].tries == 5
    assert report.left == SIZE - 1
    assert (await migrate(behind)).failed == {}


async def test_one_tenant_or_the_first_ones_alone(behind: Config) -> None:
    one = await migrate(behind, choice=Choice("ship07"))
    first = await migrate(behind, choice=Choice(limit=2))

    assert (one.upgraded, first.upgraded) == (["ship07"], ["ship00", "ship01"])
    assert await revisions(behind) == {(BEFORE,) * 2: SIZE - 3, (expected_revision(),) * 2: 3}
    with pytest.raises(TenantNotFound):
        await migrate(behind, choice=Choice("nobody"))


async def test_a_stopped_run_finishes_what_it_has_in_hand(behind: Config) -> None:
    stop = asyncio.Event()

    report = await migrate_all_servers(behind, lambda _: stop.set(), workers=2, stop=stop)

    assert 1 <= len(report.upgraded) <= 2
    assert report.left == SIZE - len(report.upgraded)
    newest, older = (expected_revision(),) * 2, (BEFORE,) * 2
    assert await revisions(behind) == {newest: len(report.upgraded), older: report.left}


async def test_the_registry_may_be_wrong_about_a_schema(behind: Config) -> None:
    """As after a dump was put back: the schema knows better."""
    await owner_runs(behind, "UPDATE system.tenants SET revision = '0003' WHERE id < 'ship05'")

    report = await migrate(behind)

    assert report.failed == {}
    assert await revisions(behind) == all_at(expected_revision())


async def test_a_dry_run_says_who_and_how_and_changes_nothing(behind: Config) -> None:
    report, plans = await plan_all_servers(behind)

    assert (len(report.behind), list(plans)) == (SIZE, [BEFORE])
    assert "CREATE TABLE event_feeds" in (plans[BEFORE] or "")
    assert await revisions(behind) == all_at(BEFORE)


@pytest.mark.parametrize("way", ["online = True", 'op.get_bind().execute(sa.text("SELECT id FROM users")).all()'])
async def test_a_revision_that_reads_rows_is_run_by_alembic(
    behind: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """It says so, or it asks for rows, of which there are none while SQL is written."""
    for tree in ("system", "tenant"):
        shutil.copytree(trees.FOLDER / tree, tmp_path / tree)
    [newest] = (tmp_path / "tenant" / "versions").glob(f"{expected_revision()}_*.py")
    with newest.open("a") as file:
        is_flag = way.startswith("online")
        flag, inside = (way, "pass") if is_flag else ("", way)
        file.write(READING.format(flag=flag, inside=inside))
    monkeypatch.setattr(trees, "FOLDER", tmp_path)

    assert await trees.upgrade_sql_in_turn("tenant", BEFORE) is None
    assert (await migrate(behind, choice=Choice(limit=3), workers=3)).failed == {}
    async with connect(behind.owner_url) as owner:
        told = await owner.fetch(
            "SELECT obj_description((schema_name || '.events')::regclass) AS said "
            "FROM system.tenants ORDER BY id LIMIT 4"
        )
    assert [row["said"] for row in told] == ["read", "read", "read", None]


# -- The command ----------------------------------------------------------------------------------------------------


async def command(config: Config, *options: str) -> asyncio.subprocess.Process:
    """``python -m manage migrate``, begun."""
    environment = {
        **os.environ,
        "DATABASE_URL": config.database_url.get_secret_value(),
        "REDIS_URL": "none",
        "SECRET_KEY": SECRET,
        "ENVIRONMENT": "development",
    }
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "manage", "migrate", *options, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe
    )


async def test_a_run_that_was_killed_is_run_again(behind: Config) -> None:
    killed = await command(behind)
    assert killed.stdout is not None
    await killed.stdout.readline()  # one is done, others are in hand
    killed.kill()
    await killed.wait()

    report = await migrate(behind)

    assert report.failed == {}
    assert await revisions(behind) == all_at(expected_revision())


async def test_an_interrupted_command_finishes_those_in_hand_and_says_so(behind: Config) -> None:
    interrupted = await command(behind, "--workers", "1")
    assert interrupted.stdout is not None
    await interrupted.stdout.readline()
    interrupted.send_signal(signal.SIGINT)
    said, complaints = await interrupted.communicate()

    assert interrupted.returncode == 1
    assert f"{SIZE} tenants: " in said.decode()
    assert "run it again" in complaints.decode()
    assert "Traceback" not in complaints.decode()
    assert set(await revisions(behind)) <= {(BEFORE,) * 2, (expected_revision(),) * 2}


async def test_the_command_as_json_with_a_tenant_that_fails(behind: Config) -> None:
    await owner_runs(behind, "ALTER TABLE tenant_ship03.events RENAME TO mislaid")
    failing = await command(behind, "--json")
    said, complaints = await failing.communicate()
    await owner_runs(behind, "ALTER TABLE tenant_ship03.mislaid RENAME TO events")

    found = json.loads(said)
    outcomes = {outcome["tenant"]: outcome for outcome in found.pop("tenants")}
    assert failing.returncode == 1
    assert found == {"total": SIZE, "upgraded": SIZE - 1, "current": 0, "failed": 1, "left": 0, "lost": {}}
    assert outcomes["ship03"]["result"] == "failed"
    assert "events" in outcomes["ship03"]["error"]
    assert (outcomes["ship04"]["result"], outcomes["ship04"]["revision"]) == ("upgraded", BEFORE)
    assert "mend" in complaints.decode()
