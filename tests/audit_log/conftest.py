"""Logs of their own, to read, to tamper with and to prove."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from common.audit import Actor, Change, Origin, Target
from common.config import Config
from database import WriteUnit
from tests.support.apps import registered, services_of
from tests.support.probes import owner_connection
from tests.support.world import TestTenant, add_person, create_tenant


@pytest.fixture(scope="module")
async def logged(http: httpx.AsyncClient, app: FastAPI) -> TestTenant:
    """A tenant whose log has some entries of every kind. Each test of a module leaves it whole."""
    tenant = await create_tenant(http)
    tenant.people["admin"] = await add_person(http, tenant, "admin")
    async with await unit_of(app, tenant) as unit:
        for number in range(12):
            changes = [Change("größe", None, {"b": [1.5, 1e-7, 10**30, "\x01\u2028🧨"], "aa": number, "": None})]
            unit.audit("things.changed", target=Target("thing", f"t{number}", "=1+1"), changes=changes)
        unit.audit("things.refused", actor=Actor("system"), outcome="failure")
    return tenant


@pytest.fixture
async def superuser(config: Config, logged: TestTenant) -> AsyncIterator[asyncpg.Connection]:
    """The database's superuser in that tenant's schema, with the triggers out of his way, and everything as it was
    afterwards."""
    tables = ("audit_logs", "audit_chain", "audit_checkpoints", "audit_tombstones")
    async with owner_connection(config, logged.name) as connection:
        for table in tables:
            await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            await connection.execute(f"CREATE TEMPORARY TABLE kept_{table} AS TABLE {table}")
        await connection.execute("ALTER TABLE audit_logs DROP CONSTRAINT uq_audit_logs_prev_hash")
        yield connection
        for table in tables:
            await connection.execute(f"DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_{table}")
            for name in ("change", "truncate"):
                if table != "audit_chain":
                    await connection.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_refuse_{name}")
            await connection.execute(f"DROP TABLE kept_{table}")
        await connection.execute("ALTER TABLE audit_logs ADD CONSTRAINT uq_audit_logs_prev_hash UNIQUE (prev_hash)")


@pytest.fixture(scope="module")
async def logged_connection(config: Config, logged: TestTenant) -> AsyncIterator[asyncpg.Connection]:
    """The database's owner in that tenant's schema."""
    async with owner_connection(config, logged.name) as connection:
        yield connection


async def unit_of(app: FastAPI, tenant: TestTenant) -> WriteUnit:
    """A write unit of the tenant."""
    found = await registered(app, tenant.name)
    return services_of(app).database.write(found, origin=Origin("request-1", "2001:db8::1", "agent"))
