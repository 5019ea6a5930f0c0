"""``last_used_at``: known to the minute, without a write for every request."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
from fastapi import FastAPI

from common.config import Config
from database import Database
from tests.api_keys.conftest import make_key, with_key
from tests.support.apps import registered, running, services_of
from tests.support.probes import owner_connection, watched
from tests.support.world import TestTenant
from users.api_keys.usage import KeyUsage


async def _last_used(tenant: TestTenant, key_id: str) -> datetime | None:
    text = (await tenant.owner.get(f"/users/api-keys/{key_id}")).json()["last_used_at"]
    return datetime.fromisoformat(text) if text else None


async def test_uses_are_collected_and_written_in_one_statement(
    app: FastAPI, http: httpx.AsyncClient, home: TestTenant
) -> None:
    keys = [await make_key(home.owner) for _ in range(3)]
    started = datetime.now(UTC)
    usage = services_of(app).key_usage
    await usage.flush()
    for made in keys[:2]:
        for _ in range(3):
            assert (await with_key(http, home, made["key"]).get("/auth/test")).status_code == 200
    assert await _last_used(home, keys[0]["id"]) is None

    with watched(app) as traffic:
        await usage.flush()
        await usage.flush()

    assert len(traffic.statements) == 1
    for made in keys[:2]:
        used = await _last_used(home, made["id"])
        assert used is not None
        assert started < used < datetime.now(UTC)
    assert await _last_used(home, keys[2]["id"]) is None


async def test_noting_a_use_is_no_change_of_the_key(
    app: FastAPI, http: httpx.AsyncClient, config: Config, tenant: TestTenant
) -> None:
    """Same version, and nothing in the audit log."""
    made = await make_key(tenant.owner)
    await with_key(http, tenant, made["key"]).get("/auth/test")
    async with owner_connection(config, tenant.name) as owner:
        before = await owner.fetchval("SELECT count(*) FROM audit_logs")
        await services_of(app).key_usage.flush()
        after = await owner.fetchval("SELECT count(*) FROM audit_logs")

    shown = (await tenant.owner.get(f"/users/api-keys/{made['id']}")).json()
    assert before == after
    assert {name for name in made if name != "key" and made[name] != shown[name]} == {"last_used_at"}


async def test_a_later_use_known_to_another_process_stays(
    app: FastAPI, http: httpx.AsyncClient, config: Config, tenant: TestTenant
) -> None:
    made = await make_key(tenant.owner)
    later = datetime.now(UTC) + timedelta(minutes=5)
    await with_key(http, tenant, made["key"]).get("/auth/test")
    async with owner_connection(config, tenant.name) as owner:
        await owner.execute("UPDATE api_keys SET last_used_at = $2 WHERE id = $1", made["id"], later)

    await services_of(app).key_usage.flush()

    assert await _last_used(tenant, made["id"]) == later


async def test_what_was_noted_is_written_when_the_process_ends(config: Config, tenant: TestTenant) -> None:
    made = await make_key(tenant.owner)

    async with running(config) as (_, other):
        assert (await with_key(other, tenant, made["key"]).get("/auth/test")).status_code == 200

    assert await _last_used(tenant, made["id"]) is not None


async def test_a_database_that_is_gone_loses_the_note_and_nothing_else(
    app: FastAPI, config: Config, tenant: TestTenant
) -> None:
    made = await make_key(tenant.owner)
    broken = Database(config, "postgresql+asyncpg://nobody@127.0.0.1:1/nothing", services_of(app).caches.forget)
    usage = KeyUsage(broken)
    usage.note(await registered(app, tenant.name), made["id"])

    await usage.flush()

    await broken.close()
    assert await _last_used(tenant, made["id"]) is None


async def test_many_uses_at_once(app: FastAPI, http: httpx.AsyncClient, tenant: TestTenant) -> None:
    """Two flushes of the same keys in opposite order do not wait for each other for ever."""
    keys = [await make_key(tenant.owner) for _ in range(4)]
    known = await registered(app, tenant.name)
    usages = [KeyUsage(services_of(app).database) for _ in range(8)]
    for number, usage in enumerate(usages):
        for made in keys if number % 2 else reversed(keys):
            usage.note(known, made["id"])

    await asyncio.gather(*(usage.flush() for usage in usages))

    assert all([await _last_used(tenant, made["id"]) is not None for made in keys])
