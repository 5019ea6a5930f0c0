"""Upgrading every tenant: each on its own, once, and again where a run ended early."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

import httpx
import pytest

from common.cache.listener import CHANNEL, read_payload
from common.config import Config
from migrations.drift import describe, unordered
from migrations.everywhere import migrate_all_servers
from migrations.fleet import FleetReport
from migrations.seed import digest
from migrations.tenant import expected_revision
from tests.support.apps import connect, running
from tests.support.fleet import owner_runs, set_back
from tests.support.servers import Servers
from tests.support.wire import Wire, wire_to
from tests.support.world import TestTenant, create_tenant

pytestmark = pytest.mark.promise("T6")

_numbers = itertools.count(1)
FLEET: Final = ("first", "second", "third")


@pytest.fixture(scope="module")
async def wire(empty: Config) -> AsyncIterator[Wire]:
    """A wire on which only migrations are."""
    async with wire_to(empty.owner_url) as between:
        yield between


@pytest.fixture(scope="module")
async def config(servers: Servers, empty: Config, wire: Wire) -> Config:
    """The configuration of the migrations: the owner is on the wire."""
    return servers.config(empty.database_url.get_secret_value(), database_owner_url=wire.url)


@pytest.fixture(scope="module")
async def http(empty: Config) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application on the same database."""
    async with running(empty) as (_, client):
        yield client


@pytest.fixture(scope="module")
async def fleet(http: httpx.AsyncClient) -> dict[str, TestTenant]:
    """Three tenants."""
    return {name: await create_tenant(http, name) for name in FLEET}


async def migrate(config: Config) -> FleetReport:
    """One run, whose lines nobody reads."""
    return await migrate_all_servers(config, lambda _: None)


async def serves(tenant: TestTenant) -> bool:
    """Whether the tenant can be written to; else it must answer 503. What the process cached may be a moment old."""
    for _ in range(100):
        body = {"full_name": f"Owner {next(_numbers)}"}
        answer = await tenant.owner.patch(f"/users/{tenant.people['owner'].id}", json=body)
        if answer.status_code != 503:
            break
        await asyncio.sleep(0.02)
    return answer.status_code == 200


async def goes_down(tenant: TestTenant) -> httpx.Response:
    """The tenant's first refusal, once what the process cached of it is too old."""
    for _ in range(100):
        answer = await tenant.owner.get("/auth/me")
        if answer.status_code != 200:
            break
        await asyncio.sleep(0.02)
    return answer


async def test_an_outdated_tenant_answers_503_until_it_is_upgraded(
    config: Config, empty: Config, fleet: dict[str, TestTenant]
) -> None:
    await set_back(empty, "second")

    refused = await goes_down(fleet["second"])
    state = await fleet["second"].anonymous.post("/auth/verify-tenant")
    report = await migrate(config)

    assert (refused.status_code, refused.json()["code"]) == (503, "tenant_outdated")
    assert int(refused.headers["retry-after"]) > 0
    assert state.json()["ready"] is False
    assert (report.total, report.upgraded, report.failed) == (3, ["second"], {})
    assert await serves(fleet["second"])


async def test_an_upgraded_tenant_is_served_as_soon_as_every_process_has_heard_of_it(
    config: Config, empty: Config, fleet: dict[str, TestTenant]
) -> None:
    """Redis would remember its old revision for a minute; the upgrade's own notification ends that."""
    await set_back(empty, "third")
    assert (await goes_down(fleet["third"])).status_code == 503
    async with connect(empty.owner_url) as listener:
        heard: asyncio.Queue[str] = asyncio.Queue()
        await listener.add_listener(CHANNEL, lambda *message: heard.put_nowait(str(message[-1])))

        await migrate(config)

        payloads = [await asyncio.wait_for(heard.get(), 10)]
    assert ("system/tenants", "tenant_third") in [one for text in payloads for one in read_payload(text)]
    assert await serves(fleet["third"])


async def test_a_tenant_that_went_back_and_forth_equals_the_others_and_keeps_its_audit_chain(
    config: Config, empty: Config, fleet: dict[str, TestTenant]
) -> None:
    await set_back(empty, "second")
    await migrate(config)
    assert await serves(fleet["second"])

    async with connect(empty.owner_url) as owner:
        numbers = await owner.fetch("SELECT seq, prev_hash, hash FROM tenant_second.audit_logs ORDER BY seq")
        second, third = await describe(owner, "tenant_second"), await describe(owner, "tenant_third")
    assert [row["seq"] for row in numbers] == list(range(1, len(numbers) + 1))
    assert [row["prev_hash"] for row in numbers[1:]] == [row["hash"] for row in numbers[:-1]]
    assert unordered(second) == unordered(third)


async def test_one_broken_tenant_does_not_stop_the_others(
    config: Config, empty: Config, fleet: dict[str, TestTenant]
) -> None:
    for name in FLEET:
        await set_back(empty, name)
    await owner_runs(empty, "ALTER TABLE tenant_first.audit_chain RENAME TO mislaid")

    report = await migrate(config)

    assert report.upgraded == ["second", "third"]
    assert list(report.failed) == ["first"]
    assert "audit_chain" in report.failed["first"]
    assert "\n" not in report.failed["first"]
    assert (await goes_down(fleet["first"])).json()["code"] == "tenant_outdated"
    assert await serves(fleet["third"])

    await owner_runs(empty, "ALTER TABLE tenant_first.mislaid RENAME TO audit_chain")
    assert (await migrate(config)).upgraded == ["first"]
    assert await serves(fleet["first"])


@pytest.mark.usefixtures("fleet")
async def test_a_run_with_nothing_to_do_asks_once_and_touches_no_tenant(config: Config, wire: Wire) -> None:
    await migrate(config)
    wire.reset()

    report = await migrate(config)

    assert (report.total, report.upgraded, report.failed) == (3, [], {})
    assert len([text for text in wire.statements if "seed_digest <>" in text]) == 1
    assert not any("tenant_" in text for text in wire.statements)


@pytest.mark.usefixtures("fleet")
async def test_two_runs_at_once_make_one(config: Config, empty: Config, wire: Wire) -> None:
    for name in FLEET:
        await set_back(empty, name)
    wire.reset()

    reports = await asyncio.gather(migrate(config), migrate(config))

    assert sorted(name for report in reports for name in report.upgraded) == list(FLEET)
    assert [report.failed for report in reports] == [{}, {}]
    assert len([text for text in wire.statements if text.startswith("UPDATE system.tenants")]) == len(FLEET)


async def test_a_killed_run_is_simply_run_again(
    config: Config, empty: Config, wire: Wire, fleet: dict[str, TestTenant]
) -> None:
    for point in (20, 45, 80):
        for name in FLEET:
            await set_back(empty, name)
        run = asyncio.ensure_future(migrate(config))

        async def kill(trip: int, point: int = point, run: asyncio.Future[FleetReport] = run) -> None:
            if trip == point:
                run.cancel()

        wire.reset()
        wire.before_trip = kill
        with suppress(asyncio.CancelledError):
            await run
        wire.before_trip = None
        report = await migrate(config)

        assert report.failed == {}
        assert await revisions(empty) == dict.fromkeys(FLEET, expected_revision())
    assert all([await serves(tenant) for tenant in fleet.values()])


async def revisions(config: Config) -> dict[str, str]:
    """Every tenant's revision, provided that registry and schema agree on it."""
    found = {}
    async with connect(config.owner_url) as owner:
        for name, registered in await owner.fetch("SELECT id, revision FROM system.tenants"):
            stored = await owner.fetchval(f"SELECT version_num FROM tenant_{name}.alembic_version")
            found[name] = stored if stored == registered else f"{registered}, but {stored}"
    return found


async def test_a_changed_seed_is_written_again(config: Config, empty: Config, fleet: dict[str, TestTenant]) -> None:
    """As after a release that renamed, added and removed permissions."""
    await owner_runs(
        empty,
        "UPDATE system.tenants SET seed_digest = 'older' WHERE id = 'third'",
        "DELETE FROM tenant_third.permissions WHERE name = 'users:read'",
        "UPDATE tenant_third.permissions SET description = 'older' WHERE name = 'users:create'",
        "INSERT INTO tenant_third.permissions VALUES ('horses:read', 'stable', 'Gone')",
        "INSERT INTO tenant_third.role_permissions (role_id, permission) "
        "SELECT id, 'horses:read' FROM tenant_third.roles",
        "UPDATE tenant_third.roles SET rank = 1, description = 'older' WHERE name = 'admin'",
        "INSERT INTO tenant_third.roles (id, name) VALUES (gen_random_uuid(), 'of their own')",
    )

    report = await migrate(config)

    assert (report.upgraded, report.failed) == (["third"], {})
    async with connect(empty.owner_url) as owner:
        assert await owner.fetchval("SELECT seed_digest FROM system.tenants WHERE id = 'third'") == digest()
        for table, columns in (("permissions", "*"), ("roles", "name, description, rank, is_system")):
            rows = f"SELECT {columns} FROM tenant_%s.{table} WHERE name <> 'of their own' ORDER BY name"
            assert await owner.fetch(rows % "third") == await owner.fetch(rows % "second")
        grants = (
            "SELECT name, permission, level FROM tenant_%s.role_permissions "
            "JOIN tenant_%s.roles ON id = role_id ORDER BY name, permission"
        )
        assert await owner.fetch(grants % ("third", "third")) == await owner.fetch(grants % ("second", "second"))
        assert await owner.fetchval("SELECT count(*) FROM tenant_third.roles WHERE name = 'of their own'") == 1
    assert (await fleet["third"].owner.get("/users")).status_code == 200
