"""``/metrics`` tells what has happened, in few and documented names, and never whom it happened to."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

import settings
from common.audit import Origin
from common.cache.redis import FAILURES_UNTIL_OPEN
from common.config import Config
from migrations.measuring import measure
from serving.visit import Visit
from tests.support.apps import registered, running, services_of
from tests.support.probes import owner_connection
from tests.support.servers import Servers
from tests.support.world import PASSWORD, TestTenant, create_tenant

OPERATIONS: Final = Path(__file__).parents[2] / "docs" / "operations.md"
LABELS: Final = {"method", "route", "status", "cache", "outcome", "shard", "state", "reason", "le"}
UUID_LIKE: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-")
DEAD: Final = """INSERT INTO outbox (id, tenant_id, kind, payload, run_at, status)
                 VALUES (gen_random_uuid(), 'one', 'mail.welcome', '{}', now() - interval '1 hour', $1)"""

Values = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@dataclass(frozen=True, slots=True)
class World:
    """A service of its own, whose Redis is away, and two tenants in it."""

    app: FastAPI
    http: httpx.AsyncClient
    config: Config
    one: TestTenant
    other: TestTenant

    async def values(self) -> Values:
        """Every sample of a scrape."""
        text = (await self.http.get("/metrics")).text
        families = list(text_string_to_metric_families(text))
        assert families
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
        }


def of(values: Values, name: str, **labels: str) -> float:
    """One sample."""
    return values[name, tuple(sorted(labels.items()))]


@pytest.fixture(scope="module")
async def world(servers: Servers) -> AsyncIterator[World]:
    """Nobody listens where its Redis should be; a connection serves one tenant only."""
    config = servers.config(
        servers.new_database(),
        redis_url="redis://127.0.0.1:1/0",
        database_connection_tenants=1,
        refresh_grace_seconds=0,
        login_tries_per_client=3,
    )
    async with running(config) as (app, http):
        yield World(app, http, config, await create_tenant(http, "tenant_one"), await create_tenant(http, "tenant_two"))


async def test_requests_connections_waits_and_the_breaker_are_told(world: World) -> None:
    before = await world.values()
    for tenant in (world.one, world.other, world.one):
        for path in ("/users", "/auth/me", "/settings", "/settings/feature-flags"):
            assert (await tenant.owner.get(path)).status_code == 200
    for _ in range(FAILURES_UNTIL_OPEN):
        assert await services_of(world.app).caches.redis.get("any", "thing") is None
    after = await world.values()

    labels = {"method": "GET", "route": "/api/v1/users"}
    assert of(after, "http_requests_total", status="200", **labels) >= 3
    assert of(after, "http_request_duration_seconds_count", **labels) >= 3
    assert of(after, "database_pool_wait_seconds_count") > of(before, "database_pool_wait_seconds_count")
    assert of(after, "database_connections_retired_total", shard="default") > 0
    assert of(after, "database_pool_connections", shard="default", state="limit") == world.config.database_pool_size
    assert of(after, "cache_breaker_open") == 1
    assert of(after, "cache_failures_total") >= FAILURES_UNTIL_OPEN
    assert sum(value for (name, _), value in after.items() if name == "cache_lookups_total") > 0


@pytest.mark.promise("I8")
async def test_failed_logins_are_told_by_their_class(world: World) -> None:
    async def log_in(username: str, password: str) -> int:
        body = {"username": username, "password": password}
        return (await world.one.anonymous.post("/auth/login", json=body)).status_code

    before = await world.values()
    answers = [await log_in("nobody", PASSWORD), *[await log_in("owner", "wrong wrong") for _ in range(4)]]
    after = await world.values()

    assert answers == [401, 401, 401, 401, 429]
    reasons = ("unknown_user", "wrong_password", "limited", "inactive", "second_factor")
    grown = [
        of(after, "login_failures_total", reason=each) - of(before, "login_failures_total", reason=each)
        for each in reasons
    ]
    assert grown == [1, 3, 1, 0, 0]


async def test_a_replayed_refresh_token_is_told(world: World) -> None:
    before = await world.values()
    body = {"refresh_token": world.other.people["owner"].tokens["refresh_token"]}
    answers = [(await world.other.anonymous.post("/auth/refresh", json=body)).status_code for _ in range(2)]
    after = await world.values()

    assert answers == [200, 401]
    assert of(after, "refresh_token_reuses_total") - of(before, "refresh_token_reuses_total") == 1


async def test_audit_entries_verifications_and_exports_are_told(world: World) -> None:
    services, under_way = services_of(world.app), list[float]()
    visit = Visit(services, Origin("metrics"))
    visit.name, visit.tenant = None, await registered(world.app, world.one.name)

    async def sink(_: bytes) -> None:
        under_way.append(of(await world.values(), "audit_exports_in_progress"))

    before = await world.values()
    assert (await world.one.owner.post("/users/teams", json={"name": "counted"})).status_code == 201
    noted = await world.values()
    wanted = settings.operators.Wanted(settings.operators.AuditExportFormat.CSV, settings.operators.AuditFilters())
    await settings.operators.export_log(visit, wanted, sink)
    chain = settings.operators.chain_of(services, visit.tenant)
    assert (await settings.operators.verify_chain(chain)).ok
    after = await world.values()

    assert of(noted, "audit_entries_total") - of(before, "audit_entries_total") == 1
    assert set(under_way) == {1}
    assert of(after, "audit_exports_in_progress") == 0
    whole = ("audit_verifications_total", {"outcome": "whole"})
    assert of(after, whole[0], **whole[1]) - of(before, whole[0], **whole[1]) == 1
    assert of(after, "audit_last_verification_timestamp_seconds") > 1.7e9


async def test_jobs_and_tenants_behind_are_told(world: World) -> None:
    async with owner_connection(world.config, "system") as owner:
        newest = await owner.fetchval("SELECT revision FROM tenants WHERE id = 'two'")
        for status in ("dead", "pending"):
            await owner.execute(DEAD, status)
        await owner.execute("UPDATE tenants SET revision = '0001' WHERE id = 'two'")
        await measure(services_of(world.app))
        values = await world.values()
        await owner.execute("UPDATE tenants SET revision = $1 WHERE id = 'two'", newest)
        await owner.execute("DELETE FROM outbox WHERE kind = 'mail.welcome'")
        await measure(services_of(world.app))
        mended = await world.values()

    assert of(values, "outbox_jobs", shard="default", state="dead") == 1
    assert of(values, "outbox_oldest_due_seconds", shard="default") >= 3600
    assert of(values, "tenants_behind", shard="default") == 1
    assert of(mended, "outbox_jobs", shard="default", state="dead") == 0
    assert of(mended, "tenants_behind", shard="default") == 0


async def test_the_event_loop_is_timed_while_the_service_runs(world: World) -> None:
    name = "event_loop_lag_seconds_count"
    before = of(await world.values(), name)

    while True:
        await asyncio.sleep(0.05)  # it is timed twice a second
        if of(await world.values(), name) > before:
            return


@pytest.mark.promise("I8")
async def test_every_metric_is_documented_and_no_label_names_anybody(world: World) -> None:
    text, values = OPERATIONS.read_text(encoding="utf-8"), await world.values()
    names = {
        re.sub(r"_(bucket|count|sum|created)$", "", name) for name, _ in values if not name.startswith("outbox_job")
    }
    names |= {"outbox_jobs"}
    documented = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))

    assert {name for name in names if name not in documented and f"{name}_total" not in documented} == set()
    assert {label for _, pairs in values for label, _ in pairs} <= LABELS
    told = {value for _, pairs in values for _, value in pairs}
    for person in ("tenant_one", "tenant_two", "one", "two", "owner", "nobody", world.one.canary):
        assert person not in told
    assert not [value for value in told if UUID_LIKE.search(value)]
