"""What all tenants may do in the system schema is given to their group: its access lists do not grow with them."""

from __future__ import annotations

import asyncpg
import pytest

from common.audit import Origin
from common.config import Config
from common.ids import TenantName
from database import Database, Tenant
from manage.embedded import EmbeddedPostgres
from migrations.bootstrap import prepare_database
from migrations.login import service_login
from migrations.shared_rights import TENANTS_ROLE
from migrations.tenant import expected_revision
from tests.database.conftest import Fortress
from tests.support.apps import connect
from tests.support.clusters import make_tenant, plain_database

pytestmark = pytest.mark.promise("T2")

MANY = 50
GRANTEES = """
    SELECT grantee::regrole::text FROM (
        SELECT nspacl AS acl FROM pg_namespace WHERE nspname = 'system'
        UNION ALL SELECT proacl FROM pg_proc WHERE pronamespace = 'system'::regnamespace
    ) AS lists, aclexplode(acl)"""


async def grantees(owner: asyncpg.Connection) -> list[str]:
    """Who is named in the access lists of the system schema and its functions, once for each right."""
    return sorted(name for (name,) in await owner.fetch(GRANTEES))


async def order_a_job(config: Config, name: TenantName) -> None:
    """What a tenant's transaction needs the rights for."""
    database = Database(config, service_login(config).url)
    try:
        async with database.write(Tenant(name, name.schema, "active", expected_revision()), origin=Origin("t")) as unit:
            unit.audit("test.ordered")
            unit.enqueue("test.kind", {})
    finally:
        await database.close()


async def give_to_each(owner: asyncpg.Connection, version: int) -> None:
    """Tenants as they were before there was a group: each role with rights of its own."""
    await owner.execute(f"REVOKE {TENANTS_ROLE} FROM tenant_grown")
    names = [f"many{version}_{number}" for number in range(MANY)]
    for name in names:
        await owner.execute(f"CREATE ROLE tenant_{name} NOLOGIN")
    await owner.executemany(
        "INSERT INTO system.tenants (id, schema_name, role_name, name, revision, seed_digest) "
        "VALUES ($1, 'tenant_' || $1, 'tenant_' || $1, $1, '0001', '')",
        [(name,) for name in names],
    )
    roles = ", ".join(["tenant_grown", *(f"tenant_{name}" for name in names)])
    await owner.execute(f"GRANT USAGE ON SCHEMA system TO {roles}")
    await owner.execute(f"GRANT EXECUTE ON FUNCTION system.enqueue(jsonb) TO {roles}")


async def test_with_fifty_tenants_no_access_list_names_one(postgres: EmbeddedPostgres) -> None:
    """Also of tenants that were made when each was given the rights by itself, and by an owner without superpowers."""
    config = await plain_database(postgres)
    await prepare_database(config)
    async with connect(config.owner_url) as owner:
        bare = await grantees(owner)
        grown = await make_tenant(config, "grown")
        assert await grantees(owner) == bare
        await give_to_each(owner, owner.get_server_version().major)
        assert len(await grantees(owner)) == len(bare) + 2 * (MANY + 1)

        for _ in range(2):  # the second time there is nothing left to do
            await prepare_database(config)
            assert await grantees(owner) == bare
        members = await owner.fetch("SELECT 1 FROM pg_auth_members WHERE roleid = $1::regrole", TENANTS_ROLE)
        assert len(members) > MANY
        await order_a_job(config, grown)
        assert await owner.fetchval("SELECT tenant_id FROM system.outbox") == "grown"


async def test_the_group_itself_can_order_nothing(login: asyncpg.Connection, fortress: Fortress) -> None:
    """From PostgreSQL 16 on nobody can even become it; and it is no tenant, in whose name a job could be ordered."""
    for before in ("", "SET LOCAL ROLE tenant_ours; "):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await login.execute(f"BEGIN; {before}SET LOCAL ROLE {TENANTS_ROLE}; SELECT system.enqueue('[]')")
        await login.execute("ROLLBACK")
