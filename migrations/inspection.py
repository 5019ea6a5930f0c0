"""What a database says of itself, for ``python -m manage doctor``: its version and clock, roles and rights, tenants and
jobs. Nothing is changed; all is asked as the owner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import asyncpg

from database import SYSTEM_ROLE, SYSTEM_SCHEMA
from migrations.bootstrap import SYSTEM_RIGHTS
from migrations.seed import digest
from migrations.shared_rights import TENANTS_ROLE
from migrations.tenant import expected_revision

# Rows of this server, not of a shard's tenant that only the home's registry lists, nor of one that is under way.
_HERE: Final = "shard = 'default' AND moving_to IS NULL"
_LOGIN: Final = "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolinherit FROM pg_roles WHERE rolname = $1"
# As JSON, because before PostgreSQL 16 a membership has no options: the member's own attribute counts.
_MEMBERSHIPS: Final = """
SELECT pg_get_userbyid(roleid) AS role,
       coalesce((to_jsonb(pg_auth_members) ->> 'inherit_option')::boolean, member.rolinherit) AS inherits,
       coalesce((to_jsonb(pg_auth_members) ->> 'set_option')::boolean, true) AS may_become
FROM pg_auth_members JOIN pg_roles AS member ON member.oid = pg_auth_members.member
WHERE member.rolname = $1
"""
_POWERFUL: Final = f"""
SELECT id FROM {SYSTEM_SCHEMA}.tenants JOIN pg_roles ON rolname = role_name
WHERE {_HERE} AND (rolsuper OR rolbypassrls OR rolcanlogin OR rolcreaterole) ORDER BY id
"""
_WITHOUT_GROUP: Final = f"""
SELECT id FROM {SYSTEM_SCHEMA}.tenants LEFT JOIN pg_roles ON rolname = role_name
WHERE {_HERE} AND NOT EXISTS (
    SELECT FROM pg_auth_members WHERE member = pg_roles.oid AND pg_get_userbyid(roleid) = '{TENANTS_ROLE}'
) ORDER BY id
"""
_OPEN: Final = f"""
SELECT id FROM {SYSTEM_SCHEMA}.tenants JOIN pg_namespace ON nspname = schema_name
WHERE {_HERE} AND has_schema_privilege($1, pg_namespace.oid, 'USAGE') ORDER BY id
"""
_TENANTS: Final = f"""
SELECT id, schema_name, revision, to_regnamespace(schema_name) IS NOT NULL AS is_there,
       revision = $1 AND seed_digest = $2 AS is_current
FROM {SYSTEM_SCHEMA}.tenants WHERE {_HERE} AND status <> 'deleting' ORDER BY id
"""
_PLACES: Final = f"""
SELECT id, shard, revision, moving_to IS NULL AND status <> 'deleting' AS is_settled
FROM {SYSTEM_SCHEMA}.tenants ORDER BY id
"""
_LACKING: Final = f"""
SELECT name || ': ' || wanted FROM unnest($1::text[], $2::text[]) AS needed (name, wanted)
WHERE NOT has_table_privilege('{SYSTEM_ROLE}', '{SYSTEM_SCHEMA}.' || name, wanted)
UNION ALL SELECT routine || ': EXECUTE' FROM unnest($3::text[], $4::text[]) AS callable (grantee, routine)
WHERE NOT has_function_privilege(grantee, '{SYSTEM_SCHEMA}.' || routine, 'EXECUTE')
"""
_JOBS: Final = f"""
SELECT count(*) FILTER (WHERE status = 'dead') AS dead,
       coalesce(extract(epoch FROM now() - min(run_at) FILTER (WHERE status = 'pending')), 0)::float8 AS late
FROM {SYSTEM_SCHEMA}.outbox
"""


@dataclass(frozen=True, slots=True)
class LoginRole:
    """What the service's own role may. ``powers`` are attributes that it must not have."""

    powers: list[str]
    inherits: list[str]
    strange: list[str]
    becomes: set[str]


async def read_login(connection: asyncpg.Connection, role: str) -> LoginRole | None:
    """The role that the service logs in with; None if there is none."""
    found = await connection.fetchrow(_LOGIN, role)
    if found is None:
        return None
    names = {"rolsuper": "SUPERUSER", "rolbypassrls": "BYPASSRLS", "rolcreaterole": "CREATEROLE"}
    rows = await connection.fetch(_MEMBERSHIPS, role)
    return LoginRole(
        powers=[name for column, name in names.items() if found[column]],
        inherits=[row["role"] for row in rows if row["inherits"]],
        strange=[row["role"] for row in rows if row["role"] != SYSTEM_ROLE and not row["role"].startswith("tenant_")],
        becomes={row["role"] for row in rows if row["may_become"]},
    )


async def read_roles(connection: asyncpg.Connection, login: str) -> dict[str, list[str]]:
    """Tenants whose role has too much (``powerful``) or too little (``apart``), or whose tables the login role could
    read outside a unit (``open``); and what the service's role lacks in the system schema (``lacking``)."""
    needed = [(name, right) for name, rights in SYSTEM_RIGHTS.items() for right in rights.split(", ")]
    routines = [(SYSTEM_ROLE, "audit_append(jsonb)"), (TENANTS_ROLE, "enqueue(jsonb)")]
    lacking = await connection.fetch(
        _LACKING,
        *([*column] for column in zip(*needed, strict=True)),
        *([*column] for column in zip(*routines, strict=True)),
    )
    return {
        "powerful": [row[0] for row in await connection.fetch(_POWERFUL)],
        "apart": [row[0] for row in await connection.fetch(_WITHOUT_GROUP)],
        "open": [row[0] for row in await connection.fetch(_OPEN, login)],
        "lacking": [row[0] for row in lacking],
    }


@dataclass(frozen=True, slots=True)
class KnownTenant:
    """A row of the registry."""

    id: str
    schema: str
    revision: str
    is_there: bool
    is_current: bool


async def list_tenants(connection: asyncpg.Connection) -> list[KnownTenant]:
    """The tenants that this server has, but for those that are being deleted or moved."""
    return [KnownTenant(*row) for row in await connection.fetch(_TENANTS, expected_revision(), digest())]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a registry has a tenant, at which revision, and whether it stays there: it is not deleted or moved."""

    id: str
    shard: str
    revision: str
    is_settled: bool


async def list_places(connection: asyncpg.Connection) -> list[Place]:
    """All tenants of this server's registry."""
    return [Place(*row) for row in await connection.fetch(_PLACES)]


async def read_system_revision(connection: asyncpg.Connection) -> str | None:
    """What the system schema is at; None for a database that was never prepared."""
    if await connection.fetchval(f"SELECT to_regclass('{SYSTEM_SCHEMA}.alembic_version')") is None:
        return None
    found: str | None = await connection.fetchval(f"SELECT version_num FROM {SYSTEM_SCHEMA}.alembic_version")
    return found


async def read_clock(connection: asyncpg.Connection) -> float:
    """The server's clock, in seconds since 1970."""
    return float(await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8"))


async def read_jobs(connection: asyncpg.Connection) -> tuple[int, float]:
    """How many jobs were given up, and for how many seconds the oldest due one has been waiting."""
    row = await connection.fetchrow(_JOBS)
    return int(row["dead"]), max(0.0, float(row["late"]))
