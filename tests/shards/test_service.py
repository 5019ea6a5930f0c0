"""The service with a shard: its flows, its probes, and its tenants while a shard is away."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from manage.embedded import EmbeddedPostgres
from migrations.bootstrap import prepare_database
from migrations.errors import DatabaseProblem
from migrations.everywhere import migrate_all_servers
from migrations.shards import prepare_shard
from tests.manage.commands import CommandLine
from tests.shards.pair import SHARDS, Pair
from tests.support.apps import running, services_of
from tests.support.fleet import set_back
from tests.support.process import running_service
from tests.support.servers import PLATFORM_KEY, SECRET, Servers
from tests.support.waiting import until
from tests.support.world import TestTenant
from tests.test_integration import walk


async def test_a_client_finds_its_way_through_a_service_whose_tenants_are_on_a_shard(
    pair: Pair, tmp_path: Path
) -> None:
    shards = pair.config.database_shards
    assert shards is not None
    environment = {
        "DATABASE_URL": pair.config.database_url.get_secret_value(),
        "DATABASE_SHARDS": shards.get_secret_value(),
        "TENANT_PLACEMENT": "north",
        "REDIS_URL": "none",
        "ENVIRONMENT": "development",
        "SECRET_KEY": SECRET,
        "PLATFORM_API_KEY": PLATFORM_KEY,
        "DATA_DIR": str(tmp_path / "data"),
    }
    lines: list[str] = []
    async with running_service(tmp_path, environment) as (client, _):
        await until(lambda: says(client, "pass"))  # the shard is prepared beside the home, not before
        transport = httpx.HTTPTransport(uds=str(tmp_path / "http.sock"))
        with httpx.Client(transport=transport, base_url="http://service.test", timeout=60) as http:
            await asyncio.to_thread(walk, http, PLATFORM_KEY, lines.append)

    assert len(lines) == 11
    tenants = (await pair.operator.get("/platform/tenants", params={"q": "integration"})).json()["items"]
    assert {tenant["shard"] for tenant in tenants} == {"north"}


async def test_operations_reach_a_tenant_where_it_is(pair: Pair) -> None:
    """Suspended, cloned, exported and imported elsewhere, verified, and dropped."""
    tenant = await pair.tenant("north")
    await pair.fill(tenant)
    path, copy = f"/platform/tenants/{tenant.name}", f"{tenant.name}_copy"
    assert (await pair.operator.patch(path, json={"status": "suspended"})).json()["status"] == "suspended"
    assert (await pair.operator.patch(path, json={"status": "active"})).json()["status"] == "active"
    archive = await pair.operator.post(f"{path}/export")
    cloned = await pair.operator.post(f"{path}/clone", json={"target": copy})
    details = await tenant.anonymous.post("/auth/verify-tenant", headers={"X-Platform-Key": PLATFORM_KEY})
    actions = [entry["action"] for entry in (await tenant.owner.get("/settings/audit-logs")).json()["items"]]

    assert archive.status_code == 200
    assert (cloned.status_code, cloned.json()["shard"]) == (201, "default")
    assert (details.json()["ready"], details.json()["missing_tables"]) == (True, [])
    assert actions.count("tenant.updated") == 2
    assert actions.count("tenant.exported") == 2
    assert (await tenant.owner.post("/settings/audit-logs/verify")).json()["ok"]
    for name in (tenant.name, copy):
        assert (await pair.operator.delete(f"/platform/tenants/{name}", params={"confirm": name})).status_code == 204
    for shard in SHARDS:
        assert await pair.schemas(shard, tenant) == set()
        async with pair.owner(shard) as owner:
            assert not await owner.fetchval("SELECT count(*) FROM system.tenants WHERE schema_name = $1", tenant.name)


async def test_commands_reach_a_tenant_where_it_is(pair: Pair) -> None:
    tenant = pair.tenants["north"][0]
    shards = pair.config.database_shards
    assert shards is not None
    command = CommandLine(pair.config, DATABASE_SHARDS=shards.get_secret_value())
    invited = {"email": "job@twin.example", "role_ids": [], "team_ids": []}
    assert (await tenant.owner.post("/users/invitations", json=invited)).status_code == 201

    users = (await command.run("users", "list", "--tenant", tenant.name, "--json")).json
    jobs = (await command.run("jobs", "list", "--tenant", tenant.name, "--json")).json
    dropped = (await command.run("jobs", "drop", jobs[0]["id"], "--json")).json
    verified = await command.run("audit", "verify", "--tenant", tenant.name)

    assert [user["username"] for user in users] == ["owner"]
    assert [job["kind"] for job in dropped] == ["mail.invitation"]
    assert verified.failure is None
    noted = (await pair.operator.get("/platform/audit-logs", params={"action": "platform.job.dropped"})).json()["items"]
    assert noted[0]["tenant_id"] == tenant.name.removeprefix("tenant_")


async def test_the_upgrade_reaches_every_server_and_home_hears_of_it(pair: Pair) -> None:
    tenant = await pair.tenant("north")
    short = tenant.name.removeprefix("tenant_")
    await set_back(pair.config.on("north"), short, "0010")
    async with pair.owner("default") as owner:
        await owner.execute("UPDATE system.tenants SET revision = '0010' WHERE id = $1", short)
        await owner.execute("SELECT pg_notify('system_service', $1)", f'[["system/tenants","{tenant.name}"]]')
    await asyncio.sleep(1)
    outdated = await tenant.owner.get("/users")

    report = await migrate_all_servers(pair.config, lambda _: None)

    assert outdated.json()["code"] == "tenant_outdated"
    assert (report.upgraded, report.failed) == ([short], {})
    await asyncio.sleep(1)
    assert (await tenant.owner.get("/users")).status_code == 200


async def test_a_database_is_one_shard_of_one_installation(pair: Pair, servers: Servers) -> None:
    stranger = servers.config(servers.new_database(), database_shards=f"north={pair.config.on('north').owner_url}")
    itself = servers.config(pair.config.owner_url, database_shards=f"north={pair.config.owner_url}")
    renamed = servers.config(pair.config.owner_url, database_shards=f"west={pair.config.on('north').owner_url}")
    await prepare_database(stranger)
    for config, shard in ((stranger, "north"), (itself, "north"), (renamed, "west")):
        with pytest.raises(DatabaseProblem, match="another installation's"):
            await prepare_shard(config, shard)
    await prepare_shard(pair.config, "north")  # which changes nothing
    assert (await pair.tenants["north"][0].owner.get("/users")).status_code == 200


async def test_without_a_shard_only_its_tenants_are_refused(pair: Pair, second: EmbeddedPostgres) -> None:
    here, there = pair.tenants["default"][0], pair.tenants["north"][0]
    second.stop()
    try:
        gone = await there.owner.get("/users")
        others = [await here.owner.get("/users") for _ in range(3)]
        await until(lambda: says(pair.http, "warn"))
        pools = re.findall(
            r'database_pool_connections{shard="(\w+)",state="in_use"}', (await pair.http.get("/metrics")).text
        )
    finally:
        second.start()

    assert (gone.status_code, gone.json()["code"]) == (503, "database_unavailable")
    assert gone.headers["Retry-After"]
    assert {answer.status_code for answer in others} == {200}
    assert sorted(pools) == sorted(SHARDS)
    await until(lambda: is_served(pair.http, there))

    async def is_heard() -> bool:
        return services_of(pair.app).caches.hears("north")

    await until(is_heard)


async def says(http: httpx.AsyncClient, verdict: str) -> bool:
    """Whether the process is ready, and that is its verdict on the shards."""
    ready = await http.get("/readiness")
    return ready.status_code == 200 and ready.json()["checks"]["shards"] == verdict


async def is_served(http: httpx.AsyncClient, tenant: TestTenant) -> bool:
    """Whether its owner gets an answer."""
    return (await http.get("/api/v1/users", headers=tenant.owner.headers)).status_code == 200


async def test_a_process_starts_without_a_shard(pair: Pair, second: EmbeddedPostgres) -> None:
    second.stop()
    try:
        async with running(pair.config) as (_, http):
            await until(lambda: says(http, "warn"))
            assert await is_served(http, pair.tenants["default"][0])
            second.start()
            await until(lambda: is_served(http, pair.tenants["north"][0]))
            await until(lambda: says(http, "pass"))
    finally:
        if not second.is_running:
            second.start()
