"""How far a tenant's schema is from what Citus distributes as a whole ("Citus" in docs/scaling.md).

Its published rules for distributed schemas are kept, here and in ``test_schema_rules.py``. What stands in the way
beyond them is listed by name, so that nothing joins it unnoticed.
"""

from __future__ import annotations

import inspect
from typing import Final

import asyncpg

from migrations.provision import TenantProvisioner
from migrations.tenant import schema_sql
from tests.migrations.catalogue import SCHEMA, names

# Citus takes tables with triggers only where `citus.enable_unsafe_triggers` is on.
TRIGGERS: Final = {
    "audit_checkpoints_refuse_change",
    "audit_checkpoints_refuse_truncate",
    "audit_logs_refuse_change",
    "audit_logs_refuse_truncate",
    "audit_tombstones_refuse_change",
    "audit_tombstones_refuse_truncate",
}
# Would have to be run where the schema is.
FUNCTIONS: Final = {"audit_append", "audit_canonical", "audit_refuse_change"}


async def test_no_other_schema_points_into_a_tenant_s(owner: asyncpg.Connection) -> None:
    """ "Foreign keys across distributed schemas are not supported", in this direction too."""
    entering = """
        SELECT conname FROM pg_constraint JOIN pg_class ON pg_class.oid = confrelid
        WHERE contype = 'f' AND relnamespace = $1 AND connamespace <> $1"""

    assert await names(owner, entering) == []


async def test_there_are_only_tables_and_their_indexes(owner: asyncpg.Connection) -> None:
    """No views, rules or foreign tables, and nothing that an extension owns."""
    kinds = "SELECT DISTINCT relkind::text FROM pg_class WHERE relnamespace = $1"
    rules = "SELECT rulename FROM pg_rewrite JOIN pg_class ON pg_class.oid = ev_class WHERE relnamespace = $1"
    extended = "SELECT extname FROM pg_extension WHERE extnamespace = $1"

    assert set(await names(owner, kinds)) == {"r", "i"}
    assert await names(owner, rules) == []
    assert await names(owner, extended) == []


async def test_one_role_owns_the_schema_and_everything_in_it(owner: asyncpg.Connection) -> None:
    owners = """
        SELECT nspowner::regrole::text FROM pg_namespace WHERE oid = $1
        UNION SELECT relowner::regrole::text FROM pg_class WHERE relnamespace = $1
        UNION SELECT proowner::regrole::text FROM pg_proc WHERE pronamespace = $1"""

    assert len(await names(owner, owners)) == 1


def test_the_schema_is_created_by_a_statement_of_its_own() -> None:
    """ "Creating a distributed schema and tables in a single SQL statement" is not supported."""
    assert "CREATE SCHEMA" not in schema_sql()
    assert "CREATE SCHEMA {schema};" in inspect.getsource(TenantProvisioner.build)


async def test_triggers_are_those_that_keep_the_logs(owner: asyncpg.Connection) -> None:
    triggers = """
        SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
        WHERE relnamespace = $1 AND NOT tgisinternal"""

    assert set(await names(owner, triggers)) == TRIGGERS


async def test_functions_are_those_of_the_audit_chain(owner: asyncpg.Connection) -> None:
    assert set(await names(owner, "SELECT proname FROM pg_proc WHERE pronamespace = $1")) == FUNCTIONS


async def test_a_tenant_s_role_cannot_log_in(owner: asyncpg.Connection) -> None:
    """Citus connects to another node as the current role, which in a tenant's transaction is this one."""
    assert await owner.fetchval("SELECT rolcanlogin FROM pg_roles WHERE rolname = $1", SCHEMA) is False
