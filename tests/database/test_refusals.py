"""PostgreSQL itself refuses what the service must not do, in every version that is installed here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import asyncpg
import pytest
from asyncpg.exceptions import InsufficientPrivilegeError

from tests.database.conftest import Fortress
from tests.database.hostile_sql import BECOMING, CREATING, OURS, THEIRS

pytestmark = pytest.mark.promise("T2")


@asynccontextmanager
async def attempt(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Whatever the block does is taken back; a surrounding transaction goes on."""
    within = connection.is_in_transaction()
    await connection.execute("SAVEPOINT attempt" if within else "BEGIN")
    try:
        yield
    finally:
        await connection.execute("ROLLBACK TO attempt" if within else "ROLLBACK")


async def not_refused(connection: asyncpg.Connection, statements: Iterable[str]) -> dict[str, str]:
    """The statements that are not refused for want of a right, each with what happened instead."""
    others = {}
    for statement in statements:
        try:
            async with attempt(connection):
                await connection.execute(statement)
        except InsufficientPrivilegeError:
            continue
        except asyncpg.PostgresError as error:
            others[statement] = repr(error)
        else:
            others[statement] = "allowed"
    return others


async def all_tables(owner: asyncpg.Connection) -> list[str]:
    """Every table of the tenants and of the system schema, qualified and quoted."""
    found = await owner.fetch(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
        "WHERE schemaname = 'system' OR schemaname LIKE 'tenant%'"
    )
    return [name for (name,) in found]


# -- Outside any unit -----------------------------------------------------------------------------------------------


async def test_without_a_unit_no_table_can_be_read(owner: asyncpg.Connection, login: asyncpg.Connection) -> None:
    tables = await all_tables(owner)
    assert {"tenant_ours.users", "tenant_theirs.audit_logs", "system.tenants"} < set(tables)

    assert await not_refused(login, [f"SELECT FROM {name}" for name in tables]) == {}


async def test_without_a_unit_nothing_can_be_created(login: asyncpg.Connection) -> None:
    # An unqualified name finds no schema to be created in, so PostgreSQL does not come to ask for the right.
    others = await not_refused(login, CREATING)

    assert list(others) == ["CREATE TABLE mine (id int)"]
    assert "InvalidSchemaName" in others["CREATE TABLE mine (id int)"]
    for statement in ("CREATE DATABASE mine", "ALTER SYSTEM SET port TO 1"):  # not allowed in a transaction anyway
        with pytest.raises(InsufficientPrivilegeError):
            await login.execute(statement)


async def test_without_a_unit_no_other_role_can_be_had(login: asyncpg.Connection) -> None:
    assert await not_refused(login, BECOMING) == {}


async def test_the_login_role_inherits_nothing_and_owns_nothing(fortress: Fortress, owner: asyncpg.Connection) -> None:
    role = await owner.fetchrow("SELECT oid, * FROM pg_roles WHERE rolname = $1", fortress.login_role)
    owned = await owner.fetchval("SELECT count(*) FROM pg_shdepend WHERE refobjid = $1 AND deptype = 'o'", role["oid"])

    rights = ("rolsuper", "rolinherit", "rolcreaterole", "rolcreatedb", "rolreplication", "rolbypassrls")
    assert [name for name in rights if role[name]] == []
    assert role["rolcanlogin"]
    assert owned == 0
    usable = await owner.fetch(
        "SELECT rolname FROM pg_roles WHERE pg_has_role($1::oid, oid, 'USAGE') AND oid <> $1::oid", role["oid"]
    )
    assert usable == []  # has the rights of nobody without SET ROLE


async def test_the_login_role_may_become_the_tenants_and_the_system_reader_only(
    fortress: Fortress, owner: asyncpg.Connection
) -> None:
    found = await owner.fetch(
        "SELECT role.rolname, membership.admin_option FROM pg_auth_members AS membership "
        "JOIN pg_roles AS role ON role.oid = membership.roleid "
        "WHERE membership.member = (SELECT oid FROM pg_roles WHERE rolname = $1)",
        fortress.login_role,
    )

    assert sorted(name for name, _ in found) == ["system_service", "tenant_ours", "tenant_theirs"]
    assert not any(admin for _, admin in found)


# -- Inside a tenant's unit -----------------------------------------------------------------------------------------


async def test_a_tenant_sees_its_own_rows(inside: asyncpg.Connection) -> None:
    assert await inside.fetchval("SELECT count(*) FROM users") == 1
    assert await inside.fetchval("SELECT current_user") == "tenant_ours"


@pytest.mark.parametrize("statements", [CREATING, BECOMING, THEIRS, OURS], ids=["create", "become", "theirs", "ours"])
async def test_inside_a_unit_it_is_refused(inside: asyncpg.Connection, statements: tuple[str, ...]) -> None:
    assert await not_refused(inside, statements) == {}


async def test_a_tenant_has_no_right_on_any_table_of_another(
    owner: asyncpg.Connection, inside: asyncpg.Connection
) -> None:
    foreign = [name for name in await all_tables(owner) if not name.startswith("tenant_ours.")]

    assert await not_refused(inside, [f"SELECT FROM {name}" for name in foreign]) == {}
    granted = await owner.fetch(
        "SELECT table_schema, table_name, privilege_type FROM information_schema.role_table_grants "
        "WHERE grantee = 'tenant_ours' AND table_schema <> 'tenant_ours'"
    )
    assert granted == []


async def test_resetting_the_role_leaves_a_role_without_rights(fortress: Fortress, inside: asyncpg.Connection) -> None:
    await inside.execute("RESET ROLE")

    assert await inside.fetchval("SELECT current_user") == fortress.login_role
    tables = ("tenant_ours.users", "tenant_theirs.users", "system.tenants")
    assert await not_refused(inside, [f"SELECT FROM {table}" for table in tables]) == {}


async def test_a_search_path_to_another_tenant_leads_nowhere(inside: asyncpg.Connection) -> None:
    await inside.execute("SET LOCAL search_path TO tenant_theirs, pg_temp")

    with pytest.raises((InsufficientPrivilegeError, asyncpg.UndefinedTableError)):
        await inside.execute("SELECT * FROM users")


async def test_the_audit_log_is_written_into_its_own_schema_whatever_the_callers_search_path(
    owner: asyncpg.Connection, inside: asyncpg.Connection
) -> None:
    counts = "SELECT (SELECT count(*) FROM tenant_ours.audit_logs), (SELECT count(*) FROM tenant_theirs.audit_logs)"
    ours, theirs = await owner.fetchrow(counts)
    await inside.execute("SET LOCAL search_path TO pg_temp, tenant_theirs, pg_catalog")

    entry = """[{"id": "01a2070b-d702-75af-a80e-ace08e3a517f", "seq": 99, "action": "test.hostile",
                 "actor_type": "anonymous", "changes": [], "outcome": "success", "request_id": "hostile"}]"""
    await inside.execute("SELECT tenant_ours.audit_append($1)", entry)

    newest = await inside.fetchrow("SELECT action, seq FROM tenant_ours.audit_logs ORDER BY seq DESC LIMIT 1")
    assert tuple(newest) == ("test.hostile", ours + 1)  # the caller has no say in the number
    assert await owner.fetchval("SELECT count(*) FROM tenant_theirs.audit_logs") == theirs


async def test_every_function_of_a_tenant_has_its_search_path_pinned(owner: asyncpg.Connection) -> None:
    found = await owner.fetch(
        "SELECT proname, proconfig, prosecdef FROM pg_proc WHERE pronamespace = 'tenant_ours'::regnamespace"
    )

    assert sorted(name for name, _, _ in found) == ["audit_append", "audit_canonical", "audit_refuse_change"]
    assert all(config == ["search_path=tenant_ours, pg_temp"] for _, config, _ in found)
    assert [name for name, _, definer in found if definer] == ["audit_append"]
    public = await owner.fetch(
        "SELECT routine_name FROM information_schema.routine_privileges "
        "WHERE grantee = 'PUBLIC' AND routine_schema LIKE 'tenant%'"
    )
    assert public == []


async def test_what_others_run_is_hidden(owner: asyncpg.Connection, inside: asyncpg.Connection) -> None:
    """``pg_stat_activity`` would show SQL of other tenants' transactions, were the tenant's role the session's."""
    pid = await owner.fetchval("SELECT pg_backend_pid()")

    assert await inside.fetchval("SELECT query FROM pg_stat_activity WHERE pid = $1", pid) == "<insufficient privilege>"
    assert await not_refused(inside, [f"SELECT pg_terminate_backend({pid})"]) == {}


async def test_statistics_of_other_tenants_rows_are_hidden(
    owner: asyncpg.Connection, inside: asyncpg.Connection
) -> None:
    await owner.execute("ANALYZE tenant_theirs.permissions")

    seen = "SELECT count(*) FROM pg_stats WHERE schemaname = 'tenant_theirs'"
    assert await owner.fetchval(seen) > 0
    assert await inside.fetchval(seen) == 0
