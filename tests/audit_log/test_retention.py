"""Entries whose time is over go, and the log stays provable; checkpoints are taken without being asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from common.clock import now
from common.config import Config
from common.errors import AuditChainBroken
from common.ids import TenantName
from common.seals import Seals
from migrations import audit_keeper
from migrations.provision import TenantProvisioner
from serving.services import Services
from settings.audit.checking import verify_chain
from settings.audit.proofs import chain_of
from settings.housekeeping import tend_audit_log, tend_audit_logs
from tests.audit_log.conftest import unit_of
from tests.audit_log.test_verify import checkpoint, verify
from tests.support.apps import registered, services_of
from tests.support.contracts.lists import walk
from tests.support.post import PostOffice
from tests.support.probes import owner_connection
from tests.support.servers import PLATFORM_KEY
from tests.support.world import Api, TestTenant, create_tenant

pytestmark = pytest.mark.promise("D3")

PATH: Final = "/settings/audit-logs"
KEPT_DAYS: Final = 30
LATER: Final = timedelta(days=KEPT_DAYS + 2)


@pytest.fixture
async def aged(http: httpx.AsyncClient, app: FastAPI) -> TestTenant:
    """A tenant of the test's own that keeps its entries for thirty days."""
    tenant = await create_tenant(http)
    answer = await tenant.owner.put("/settings/audit.retention_days", json={"value": KEPT_DAYS})
    assert answer.status_code in {200, 201}, answer.text
    return tenant


async def grow(app: FastAPI, tenant: TestTenant, count: int) -> None:
    """More entries."""
    async with await unit_of(app, tenant) as unit:
        for _ in range(count):
            unit.audit("things.grown")


def name_of(tenant: TestTenant) -> TenantName:
    """As the service knows it."""
    name = TenantName.parse(tenant.name)
    assert name is not None
    return name


async def tend(app: FastAPI, tenant: TestTenant, later: timedelta = timedelta(0)) -> None:
    """Its part of a round of housekeeping, as if it were so much later."""
    await tend_audit_log(services_of(app), name_of(tenant), now() + later)


async def test_what_is_too_old_goes_and_the_rest_is_provable(
    app: FastAPI, aged: TestTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In steps, each with its tombstone and its entry; the newest entries stay, however old."""
    monkeypatch.setattr(audit_keeper, "STEP", 5)
    await grow(app, aged, 12)
    before = await walk(aged.owner, PATH, sort="seq", limit=200)

    await tend(app, aged)
    assert (await walk(aged.owner, PATH, sort="seq", limit=200)) == before
    await tend(app, aged, LATER)

    after = await walk(aged.owner, PATH, sort="seq", limit=200)
    told = [entry for entry in after if entry["action"] == "settings.audit.expired"]
    assert {entry["actor"]["type"] for entry in told} == {"system"}
    assert [(change["old"], change["new"]) for entry in told for change in entry["changes"]][:2] == [(0, 5), (5, 10)]
    assert after[0]["seq"] > 15
    assert [entry["seq"] for entry in after] == list(range(after[0]["seq"], after[-1]["seq"] + 1))
    assert after[0]["prev_hash"] in {entry["hash"] for entry in before} | {after[0]["prev_hash"]}
    assert await verify(aged) == {"ok": True, "checked": len(after), "first_break": None}
    assert (await checkpoint(aged))["size"] == after[-1]["seq"]


async def test_without_a_retention_nothing_goes(app: FastAPI, tenant: TestTenant) -> None:
    before = await walk(tenant.owner, PATH, limit=200)

    await tend(app, tenant, timedelta(days=10_000))

    assert await walk(tenant.owner, PATH, limit=200) == before


@pytest.mark.parametrize("days", [-1, 1, 29, 40_000, "30", 30.5, True])
async def test_nobody_keeps_less_than_thirty_days(tenant: TestTenant, days: object) -> None:
    answer = await tenant.owner.put("/settings/audit.retention_days", json={"value": days})

    assert answer.status_code == 422


async def test_a_log_that_is_not_whole_is_not_shortened(app: FastAPI, config: Config, aged: TestTenant) -> None:
    """Evidence is not removed, and what is broken is not signed: neither the part that goes nor the part that stays."""
    await grow(app, aged, 6)
    async with owner_connection(config, aged.name) as owner:
        await owner.execute("ALTER TABLE audit_logs DISABLE TRIGGER USER")
        await owner.execute("UPDATE audit_logs SET action = 'innocent' WHERE seq = (SELECT seq - 1 FROM audit_chain)")
        size = await owner.fetchval("SELECT count(*) FROM audit_logs")

        with pytest.raises(AuditChainBroken):
            await tend(app, aged, LATER)

        assert await owner.fetchval("SELECT count(*) FROM audit_logs") == size
        assert await owner.fetchval("SELECT count(*) FROM audit_tombstones") == 0


async def test_what_no_checkpoint_covers_is_not_removed(app: FastAPI, config: Config, aged: TestTenant) -> None:
    keeper, there = services_of(app).audit_keeper, await registered(app, aged.name)
    assert await keeper.expire(there, now() + timedelta(days=1)) == 0

    async with owner_connection(config, aged.name) as owner:
        assert await owner.fetchval("SELECT min(seq) FROM audit_logs") == 1
        await checkpoint(aged)
        assert await keeper.expire(there, now() - timedelta(days=1)) == 0
        assert await keeper.expire(there, now() + timedelta(days=1)) > 0
        # A second round finds the entry about the first, which is the newest and stays.
        assert await owner.fetchval("SELECT count(*) FROM audit_logs") == 2
    assert (await verify(aged))["ok"]


async def test_the_owner_removes_nothing_that_no_tombstone_covers(
    app: FastAPI, config: Config, aged: TestTenant
) -> None:
    async with owner_connection(config, aged.name) as owner:
        await checkpoint(aged)
        assert (
            await services_of(app).audit_keeper.expire(await registered(app, aged.name), now() + timedelta(days=1)) > 0
        )
        for table in ("audit_logs", "audit_tombstones", "audit_checkpoints"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="cannot be changed"):
                await owner.execute(f"DELETE FROM {table}")


async def test_a_log_that_has_grown_gets_one_checkpoint_a_day(app: FastAPI, config: Config, tenant: TestTenant) -> None:
    async with owner_connection(config, tenant.name) as owner:

        async def sizes() -> list[int]:
            return [row["size"] for row in await owner.fetch("SELECT size FROM audit_checkpoints ORDER BY size")]

        await tend(app, tenant)
        first = await sizes()
        await grow(app, tenant, 3)
        await tend(app, tenant)
        assert await sizes() == first
        await tend(app, tenant, timedelta(days=1))
        second = await sizes()
        await tend(app, tenant, timedelta(days=2))

        assert (len(first), len(second)) == (1, 2)
        assert second[1] == first[0] + 3
        assert await sizes() == second


async def test_a_round_comes_to_every_tenant_and_a_broken_log_stops_no_other(office: PostOffice) -> None:
    """Unless another process has its turn."""
    services = services_of(office.app)
    first, second = await create_tenant(office.http), await create_tenant(office.http)
    async with owner_connection(office.config, first.name) as owner:
        await owner.execute("UPDATE audit_chain SET hash = sha256('x')")

        async def count(tenant: TestTenant) -> int:
            return int(await owner.fetchval(f"SELECT count(*) FROM {tenant.name}.audit_checkpoints"))

        async with services.audit_keeper.turn("audit logs") as is_ours:
            await tend_audit_logs(services, now())
            assert (is_ours, await count(second)) == (True, 0)
        await tend_audit_logs(services, now())

        assert (await count(first), await count(second)) == (0, 1)


async def test_signatures_outlive_two_rotations_of_the_secret(config: Config, app: FastAPI, aged: TestTenant) -> None:
    """The previous key is believed; within a day the current one has signed the same, and stands alone."""
    await grow(app, aged, 3)
    await tend(app, aged, LATER)
    first, *secrets = (config.secret_key.get_secret_value(), "the second secret", "the third secret")
    services, key_ids = services_of(app), {services_of(app).audit_seals.key_id}
    for previous, secret in zip((first, *secrets), secrets, strict=False):
        rotated = _with_seals(services, Seals("audit seals", secret, previous))
        key_ids.add(rotated.audit_seals.key_id)
        assert await _is_whole(rotated, aged)
        await tend_audit_log(rotated, name_of(aged), now() + LATER)
    alone = _with_seals(services, Seals("audit seals", secrets[-1]))
    stranger = _with_seals(services, Seals("audit seals", "a secret that never was"))

    assert await _is_whole(alone, aged)
    assert not await _is_whole(stranger, aged)
    assert len(key_ids) == 3


def _with_seals(services: Services, seals: Seals) -> Services:
    provisioner = services.provisioner
    assert isinstance(provisioner, TenantProvisioner)
    return replace(services, audit_seals=seals, audit_keeper=audit_keeper.AuditKeeper(provisioner, seals))


async def _is_whole(services: Services, tenant: TestTenant) -> bool:
    found = await services.find_tenant(name_of(tenant))
    assert found is not None
    return (await verify_chain(chain_of(services, found))).ok


@pytest.mark.promise("T1")
async def test_a_copy_of_a_shortened_log_is_provable_under_its_own_name(
    app: FastAPI, http: httpx.AsyncClient, aged: TestTenant
) -> None:
    """What was signed for the one is not taken over for the other."""
    await grow(app, aged, 3)
    await tend(app, aged, LATER)
    name, operator = f"{aged.name.removeprefix('tenant_')}_copy", Api(http, {"X-Platform-Key": PLATFORM_KEY})

    cloned = await operator.post(f"/platform/tenants/{aged.name}/clone", json={"target": name})
    assert cloned.status_code in {200, 201}, cloned.text

    copy = TestTenant(f"tenant_{name}", "", aged.anonymous)
    assert await _is_whole(services_of(app), copy)
    assert await _is_whole(services_of(app), aged)
