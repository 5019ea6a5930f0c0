"""Tenants on two servers are apart as tenants on one are, and each is where the registry says."""

from __future__ import annotations

import asyncpg
import pytest

from migrations.login import service_login
from tests.shards.pair import SHARDS, Pair
from tests.support.apps import connect

pytestmark = pytest.mark.promise("T1")


async def test_a_tenant_is_on_its_server_and_on_no_other(pair: Pair) -> None:
    for shard in SHARDS:
        (other,) = set(SHARDS) - {shard}
        for tenant in pair.tenants[shard]:
            assert await pair.schemas(shard, tenant) == {tenant.name}
            assert await pair.schemas(other, tenant) == set()
            shown = (await pair.operator.get(f"/platform/tenants/{tenant.name}")).json()
            assert (shown["shard"], shown["moving_to"], shown["status"]) == (shard, None, "active")


async def test_nobody_sees_another_tenant_of_either_server(pair: Pair) -> None:
    everybody = [tenant for shard in SHARDS for tenant in pair.tenants[shard]]
    for tenant in everybody:
        text = (await tenant.owner.get("/users")).text + (await tenant.owner.get("/settings/audit-logs")).text
        assert tenant.canary in text
        for other in everybody:
            if other is not tenant:
                assert other.canary not in text
                crossed = await tenant.owner.get("/users", headers={"X-Tenant-ID": other.name})
                assert (crossed.status_code, crossed.json()["code"]) == (403, "tenant_mismatch")
                stranger = other.people["owner"].id
                assert (await tenant.owner.get(f"/users/{stranger}")).status_code == 404


@pytest.mark.promise("T2")
async def test_the_shard_refuses_too(pair: Pair) -> None:
    ours, theirs = pair.tenants["north"]
    async with connect(service_login(pair.config.on("north")).url) as login:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await login.execute(f"SELECT FROM {ours.name}.users")
        async with login.transaction():
            await login.execute(f"SET LOCAL ROLE {ours.name}")
            assert await login.fetchval(f"SELECT count(*) FROM {ours.name}.users") == 1
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await login.execute(f"SELECT FROM {theirs.name}.users")


async def test_a_shard_that_is_not_configured_here_is_no_other_database(pair: Pair) -> None:
    lost = await pair.tenant("default")
    async with pair.owner("default") as owner:
        await owner.execute("UPDATE system.tenants SET shard = 'south' WHERE schema_name = $1", lost.name)
        await owner.execute(
            "SELECT pg_notify('system_service', $1)",
            f'[["system/tenants","{lost.name}"],["{lost.name}/principals",null],["{lost.name}/settings",null]]',
        )
    for _ in range(3):
        answer = await lost.owner.get("/users")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert answer.headers["Retry-After"]
