"""Preparing a database: with one role or two, made by whomever, repeatedly, by several at once."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
from sqlalchemy import func, make_url, select

from common.audit import Origin
from common.config import Config
from common.ids import TenantName
from database import Database, Tenant
from manage.embedded import EmbeddedPostgres
from migrations.bootstrap import prepare_database
from migrations.errors import DatabaseProblem, DatabaseUnreachable
from migrations.login import service_login
from migrations.tenant import expected_revision
from tests.database.conftest import Fortress
from tests.support.apps import connect
from tests.support.clusters import OWNER, config_for, make_tenant, plain_database
from tests.support.servers import Servers
from users.models import User

pytestmark = pytest.mark.promise("T2")


async def serve(config: Config, tenant: TenantName | None) -> int:
    """Write and read as the service does, in a tenant's units; answers how many users there are."""
    database = Database(config, service_login(config).url)
    assert tenant is not None
    there = Tenant(tenant, tenant.schema, "active", expected_revision())
    try:
        async with database.write(there, origin=Origin("tests")) as unit:
            unit.audit("test.served")
        async with database.read(there) as unit:
            return int((await unit.execute(select(func.count()).select_from(User))).scalar_one())
    finally:
        await database.close()


async def assert_confined(config: Config, *tables: str) -> None:
    """The service's login role sees none of these tables by itself."""
    async with connect(service_login(config).url) as login:
        for table in ("system.tenants", *tables):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await login.execute(f"SELECT FROM {table}")


async def role_of(server: EmbeddedPostgres, name: str | None) -> dict[str, Any]:
    """What the catalogue says of a role, its password's digest included."""
    async with connect(server.url()) as superuser:
        return dict(await superuser.fetchrow("SELECT * FROM pg_authid WHERE rolname = $1", name))


async def test_an_owner_without_superpowers_is_enough(postgres: EmbeddedPostgres, fortress: Fortress) -> None:
    assert not (await role_of(postgres, OWNER))["rolsuper"]
    assert await serve(fortress.config, TenantName.parse("ours")) == 1


async def test_a_login_role_may_have_been_made_by_an_administrator(postgres: EmbeddedPostgres) -> None:
    """One that inherits, about whose password DATABASE_URL says nothing. Before PostgreSQL 16 the owner must alter it;
    since then the owner may not, and each membership says that it is not inherited."""
    config = await plain_database(postgres, login="INHERIT")
    without_password = make_url(config.database_url.get_secret_value()).set(password=None).render_as_string()

    await prepare_database(config_for(without_password, database_owner_url=config.owner_url))
    tenant = await make_tenant(config, "humble")

    assert await serve(config, tenant) == 1
    await assert_confined(config, "tenant_humble.users")


async def test_with_one_url_the_service_uses_a_role_made_for_it(servers: Servers) -> None:
    config = config_for(servers.new_database())

    login = await prepare_database(config)
    tenant = await make_tenant(config, "lonely")

    assert login.role == f"{make_url(config.owner_url).database}_login"
    assert await serve(config, tenant) == 1
    await assert_confined(config, "tenant_lonely.users")


async def test_a_new_secret_key_changes_the_made_roles_password(servers: Servers) -> None:
    url = servers.new_database()
    old, new = config_for(url), config_for(url, secret_key="another secret key, also long enough")
    await prepare_database(old)

    await prepare_database(new)

    async with connect(service_login(new).url) as login:
        assert await login.fetchval("SELECT current_user") == service_login(old).role
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(service_login(old).url.replace("+asyncpg", ""))


async def test_a_password_given_by_an_administrator_is_left_alone(servers: Servers) -> None:
    """Else an instance started with an old DATABASE_URL would make its password good again."""
    config = await plain_database(servers.postgres, login="")
    given = make_url(config.database_url.get_secret_value())
    old = given.set(password="an old one").render_as_string(hide_password=False)
    before = await role_of(servers.postgres, given.username)

    await prepare_database(config_for(old, database_owner_url=servers.postgres.url(given.database or "")))

    assert await role_of(servers.postgres, given.username) == before | {"rolinherit": False}


async def test_a_superuser_as_the_login_role_is_refused_in_one_sentence(servers: Servers) -> None:
    async with connect(servers.postgres.url()) as superuser:
        await superuser.execute("CREATE ROLE mighty LOGIN SUPERUSER PASSWORD 'x'")
    url = servers.new_database()
    mighty = make_url(url).set(username="mighty", password="x").render_as_string(hide_password=False)

    with pytest.raises(DatabaseProblem, match="mighty in DATABASE_URL is a superuser") as problem:
        await prepare_database(config_for(mighty, database_owner_url=url))

    assert "\n" not in str(problem.value)


async def test_preparing_again_and_by_several_at_once_changes_nothing(servers: Servers) -> None:
    config = config_for(servers.new_database())
    await asyncio.gather(*(prepare_database(config) for _ in range(3)))
    tenant = await make_tenant(config, "steady")

    await asyncio.gather(*(prepare_database(config) for _ in range(3)))

    assert await serve(config, tenant) == 1
    async with connect(config.owner_url) as owner:
        assert await owner.fetchval("SELECT count(*) FROM system.alembic_version") == 1


async def test_a_server_that_is_not_there_or_refuses_is_reported_in_one_sentence(servers: Servers) -> None:
    nowhere = config_for("postgresql://owner:x@127.0.0.1:1/nowhere")
    stranger = config_for(servers.postgres.url(user="stranger", password="x"))

    with pytest.raises(DatabaseUnreachable, match="does not answer"):
        await prepare_database(nowhere)
    with pytest.raises(DatabaseProblem, match="stranger") as problem:
        await prepare_database(stranger)
    assert "\n" not in str(problem.value)
