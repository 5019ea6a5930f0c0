"""A service behind PgBouncer: a client's way through it, what its requests leave behind, and what others change."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select, text

from common.audit import Origin
from tests.database.narrow import Narrow, assert_next_sees_its_own
from tests.pgbouncer.conftest import Bounced
from tests.support.apps import connect, running
from tests.support.servers import Servers
from tests.support.world import Api, TestTenant, create_tenant
from tests.test_integration import running_service, walk

pytestmark = pytest.mark.promise("T3")

LEFT_BEHIND = {
    "advisory locks": "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = ANY($1)",
    "temporary tables": "SELECT count(*) FROM pg_class WHERE relpersistence = 't' AND $1::int[] IS NOT NULL",
    "transactions": "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY($1) AND xact_start IS NOT NULL",
    "channels": "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY($1) AND query ILIKE '%listen %'",
}
WHERE_AM_I = """
    SELECT pg_backend_pid(), current_setting('search_path'), current_user, current_setting('work_mem'),
           (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())"""


def test_a_client_finds_its_way(bounced: Bounced, servers: Servers, tmp_path: Path) -> None:
    """All steps of the integration test, by a service of its own on the loopback's port of PgBouncer."""
    lines: list[str] = []
    environment = {
        "DATABASE_URL": bounced.server.url,
        "DATABASE_OWNER_URL": bounced.database_url,
        "DATABASE_DIRECT_URL": bounced.database_url,
        "DATABASE_PREPARED_STATEMENTS": str(bounced.prepared),
    }

    with (
        running_service(servers, tmp_path / "service.log", environment) as (url, platform_key),
        httpx.Client(base_url=url) as http,
    ):
        walk(http, platform_key, lines.append)

    assert len(lines) == 11
    assert [line for line in lines if not line.startswith("ok ")] == []


async def test_nothing_of_one_tenants_transaction_is_met_by_the_next(narrow: Narrow) -> None:
    """Settings, a lock and a failure in one; both have the same server connection."""
    one, other = narrow.tenants
    async with narrow.database.write(one, origin=Origin("greedy")) as unit:
        before = (await unit.execute(select(func.pg_backend_pid()))).scalar_one()
        await unit.execute(select(func.pg_advisory_xact_lock(4711)))
        await unit.execute(select(func.set_config("work_mem", "64kB", True)))
        unit.audit("test.greedy")
    with pytest.raises(Exception, match="permission denied"):
        async with narrow.database.write(one, origin=Origin("greedy")) as unit:
            await unit.execute(text("CREATE TEMP TABLE users (id int)"))

    async with narrow.database.read(other) as unit:
        after, path, role, work_mem, locks = (await unit.execute(text(WHERE_AM_I))).one()

    assert after == before
    assert (path, role, locks) == (f"{other.name.schema}, pg_temp", other.role, 0)
    assert work_mem != "64kB"
    async with connect(narrow.owner_url) as owner:
        for what, query in LEFT_BEHIND.items():
            assert await owner.fetchval(query, [after]) == 0, what
    await assert_next_sees_its_own(narrow)


async def test_unprepared_statements_leave_none_behind(narrow: Narrow, bounced: Bounced) -> None:
    """Where they stay prepared, they carry PgBouncer's own names, which are the same for all tenants."""
    for owner in narrow.owners() * 2:
        assert (await owner.get("/users?limit=200&q=owner")).status_code == 200

    async with narrow.database.read(narrow.tenants[0]) as unit:
        names = (await unit.execute(text("SELECT name FROM pg_prepared_statements WHERE name <> ''"))).scalars().all()

    assert all(name.startswith("PGBOUNCER_") for name in names) if bounced.prepared else names == []
    assert bool(names) == bounced.prepared


async def test_what_one_process_changes_the_other_hears_of(bounced: Bounced, servers: Servers) -> None:
    """LISTEN goes past PgBouncer, NOTIFY through it."""
    config = bounced.config(servers, bounced.server.url)
    async with running(config) as (_, here), running(config) as (_, there):
        tenant = await create_tenant(here)
        elsewhere = Api(there, tenant.owner.headers)
        assert (await elsewhere.get("/auth/test")).status_code == 200

        assert (await tenant.owner.post("/auth/logout")).status_code == 204

        assert await refused_within(elsewhere, 1.0)


async def refused_within(api: Api, seconds: float) -> bool:
    """Whether the token is refused in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (await api.get("/auth/test")).status_code == 401:
            return True
        await asyncio.sleep(0.02)
    return False


async def test_an_export_goes_through_it(bounced: Bounced, servers: Servers, alpha: TestTenant) -> None:
    """COPY, for whose text a statement is prepared. Beside its connection an export needs another for a moment."""
    with bounced.another(servers, default_pool_size="2") as server:
        async with running(bounced.config(servers, server.url)) as (_, http):
            answer = await Api(http, alpha.owner.headers).get("/settings/audit-logs/export?format=ndjson")

    assert answer.status_code == 200
    assert json.loads(answer.text.splitlines()[-1])["end"]["entries"] > 0
    assert alpha.canary in answer.text


async def test_twenty_clients_of_two_tenants_share_one_server_connection(
    bounced: Bounced, servers: Servers, alpha: TestTenant, beta: TestTenant
) -> None:
    """They wait for each other in PgBouncer, prepared statements of all of them on one connection."""
    patient = {"database_pool_timeout": 60, "database_statement_timeout": 60}
    config = bounced.config(servers, bounced.server.url, database_pool_size=20, **patient)
    async with running(config) as (_, http):
        twins = (alpha, beta)
        owners = [Api(http, twin.owner.headers) for twin in twins]
        paths = ("/users?limit=200&sort=created_at", "/users/teams", "/users/roles")
        for round_ in range(3):
            answers = await asyncio.gather(*(owners[n % 2].get(paths[n // 2 % 3]) for n in range(60)))
            assert {answer.status_code for answer in answers} == {200}, round_
            for number, answer in enumerate(answers):
                assert twins[1 - number % 2].canary not in answer.text
