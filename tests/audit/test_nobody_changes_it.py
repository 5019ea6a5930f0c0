"""The audit log cannot be altered: not by the tenant's role, and not by the owner while the triggers stand."""

from __future__ import annotations

import asyncpg
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from common.audit import Origin
from common.config import Config
from tests.audit.stage import Stage
from tests.support.apps import registered, services_of
from tests.support.audit_chain import assert_chain_whole, assert_whole
from tests.support.audit_tampering import CHANGES, OTHER_WAYS
from tests.support.probes import owner_connection
from tests.support.world import TestTenant

pytestmark = pytest.mark.promise("D3")

HEAD = "SELECT * FROM audit_chain"


@pytest.mark.parametrize("statement", CHANGES)
async def test_the_owner_cannot_change_it(statement: str, config: Config, still: Stage) -> None:
    """Here the owner is even a superuser, whom no GRANT stops."""
    async with owner_connection(config, still.tenant.name) as owner:
        before = await owner.fetchval("SELECT count(*) FROM audit_logs")

        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="the audit log cannot be changed"):
            await owner.execute(statement)

        assert len(await assert_chain_whole(owner)) == before


async def test_a_superuser_cannot_change_it_as_a_replica(config: Config, alpha: TestTenant) -> None:
    """A replica skips ordinary triggers; these are there for everybody."""
    async with owner_connection(config, alpha.name) as owner:
        await owner.execute("SET session_replication_role = replica")

        for statement in ("DELETE FROM audit_logs", "TRUNCATE audit_logs"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="the audit log cannot be changed"):
                await owner.execute(statement)


@pytest.mark.parametrize("statement", [*CHANGES, *OTHER_WAYS])
async def test_the_service_cannot_change_it(statement: str, app: FastAPI, config: Config, still: Stage) -> None:
    """Not even with SQL smuggled into a writing transaction: the tenant's role has no right to."""
    tenant = await registered(app, still.tenant.name)
    unit = services_of(app).database.write(tenant, origin=Origin("smuggled"))

    try:
        with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
            await unit.execute(text(statement))
    finally:
        await unit.close()
    async with owner_connection(config, still.tenant.name) as owner:
        assert [row for row in await assert_chain_whole(owner) if row["request_id"] == "smuggled"] == []


async def test_a_tampered_entry_is_found(config: Config, tenant: TestTenant) -> None:
    """Whoever takes the triggers away can change rows, but not unseen: altered, removed, or cut off the end."""
    tampering = (
        "UPDATE audit_logs SET action = 'innocent' WHERE seq = 2",
        "UPDATE audit_logs SET actor_name = NULL WHERE seq = 3",
        "UPDATE audit_logs SET changes = '[{}]' WHERE seq = 1",
        "UPDATE audit_logs SET occurred_at = occurred_at + interval '1 microsecond' WHERE seq = 1",
        "DELETE FROM audit_logs WHERE seq = 2",
        "DELETE FROM audit_logs WHERE seq = (SELECT max(seq) FROM audit_logs)",
        "DELETE FROM audit_logs",
    )
    async with owner_connection(config, tenant.name) as owner:
        assert len(await assert_chain_whole(owner)) >= 3
        for statement in tampering:
            transaction = owner.transaction()
            await transaction.start()
            await owner.execute("ALTER TABLE audit_logs DISABLE TRIGGER ALL")
            await owner.execute(statement)
            rows, head = await owner.fetch("SELECT * FROM audit_logs ORDER BY seq"), await owner.fetchrow(HEAD)
            await transaction.rollback()
            with pytest.raises(AssertionError):
                assert_whole([dict(row) for row in rows], head)
        await assert_chain_whole(owner)


async def test_times_follow_the_order_also_when_the_clock_is_set_back(config: Config, tenant: TestTenant) -> None:
    async with owner_connection(config, tenant.name) as owner:
        await owner.execute("ALTER TABLE audit_logs DISABLE TRIGGER audit_logs_refuse_change")
        await owner.execute(
            "UPDATE audit_logs SET occurred_at = now() + interval '1 hour' WHERE seq = (SELECT seq FROM audit_chain)"
        )

        await tenant.owner.post("/auth/logout")

        times = [row["occurred_at"] for row in await owner.fetch("SELECT occurred_at FROM audit_logs ORDER BY seq")]
    assert times == sorted(set(times))
