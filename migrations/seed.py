"""What every tenant starts with: the catalogue of permissions and the five system roles, both taken from the code.

A tenant whose stored digest differs from this one's gets the catalogue again with the next migration.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from asyncpg import Connection

import settings.permissions
import tools.permissions
import users.permissions
from common.ids import new_id
from migrations.tenant import rights_sql
from shared_auth import Level, Permission

CATALOGUE: Final[tuple[Permission, ...]] = (
    *users.permissions.PERMISSIONS,
    *settings.permissions.PERMISSIONS,
    *tools.permissions.PERMISSIONS,
)
_TOOLS: Final = tuple(item.name for item in tools.permissions.PERMISSIONS if item.levelled)
_READABLE: Final = ("users:read", "roles:read", "teams:read", "settings:read", "flags:read", "flags:evaluate")


@dataclass(frozen=True, slots=True)
class SystemRole:
    """A role that every tenant has and nobody edits. Who ranks higher may not be edited by who ranks lower."""

    name: str
    description: str
    rank: int
    grants: Mapping[str, Level]


def _at(level: Level, *names: str) -> dict[str, Level]:
    return dict.fromkeys(names, level)


_EVERYTHING: Final = _at("all", *(item.name for item in CATALOGUE))

SYSTEM_ROLES: Final = (
    SystemRole("owner", "Everything, including ownership itself", 100, _EVERYTHING),
    SystemRole(
        "admin",
        "Everything but ownership",
        80,
        {name: level for name, level in _EVERYTHING.items() if name != users.permissions.OWNERSHIP},
    ),
    SystemRole(
        "manager", "The work of one's teams, and reading users", 60, _at("team", *_TOOLS) | _at("all", *_READABLE)
    ),
    SystemRole(
        "member",
        "One's own work",
        40,
        _at("own", *_TOOLS) | _at("all", "teams:read", "settings:read", "flags:evaluate"),
    ),
    SystemRole(
        "viewer",
        "Reading",
        20,
        _at("all", *(name for name in _TOOLS if name.endswith(":read")), *_READABLE),
    ),
)


@cache
def digest() -> str:
    """Changes whenever the catalogue, a system role or the tenant role's rights do."""
    content = [
        [[item.name, item.module, item.description] for item in CATALOGUE],
        [[role.name, role.description, role.rank, dict(role.grants)] for role in SYSTEM_ROLES],
        rights_sql("schema", "role"),
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


async def write_seed(connection: Connection) -> None:
    """Write the catalogue and the system roles into the tenant on the search_path; what is there is brought up to date,
    and what is right is left alone, since most of it is.

    Permissions the code no longer knows are removed, and with them every grant of them.
    """
    await connection.execute(
        """INSERT INTO permissions (name, module, description)
           SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
           ON CONFLICT (name) DO UPDATE SET module = excluded.module, description = excluded.description
           WHERE (permissions.module, permissions.description) <> (excluded.module, excluded.description)""",
        [item.name for item in CATALOGUE],
        [item.module for item in CATALOGUE],
        [item.description for item in CATALOGUE],
    )
    await connection.execute("DELETE FROM permissions WHERE name <> ALL($1::text[])", [item.name for item in CATALOGUE])
    await connection.execute(
        """INSERT INTO roles (id, name, description, is_system, rank)
           SELECT id, name, description, true, rank
           FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int[]) AS new (id, name, description, rank)
           ON CONFLICT (lower(name)) DO UPDATE
           SET description = excluded.description, is_system = true, rank = excluded.rank
           WHERE (roles.description, roles.is_system, roles.rank)
               IS DISTINCT FROM (excluded.description, true, excluded.rank)""",
        [new_id() for _ in SYSTEM_ROLES],
        [role.name for role in SYSTEM_ROLES],
        [role.description for role in SYSTEM_ROLES],
        [role.rank for role in SYSTEM_ROLES],
    )
    await _write_grants(connection)


async def _write_grants(connection: Connection) -> None:
    grants = [(role.name, name, level) for role in SYSTEM_ROLES for name, level in role.grants.items()]
    names, permissions, levels = (list(column) for column in zip(*grants, strict=True))
    await connection.execute(
        """DELETE FROM role_permissions USING roles
           WHERE roles.id = role_id AND roles.is_system AND (roles.name, permission) NOT IN
               (SELECT * FROM unnest($1::text[], $2::text[]))""",
        names,
        permissions,
    )
    await connection.execute(
        """INSERT INTO role_permissions (role_id, permission, level)
           SELECT roles.id, permission, level
           FROM unnest($1::text[], $2::text[], $3::text[]) AS new (role, permission, level)
           JOIN roles ON roles.name = new.role AND roles.is_system
           ON CONFLICT (role_id, permission) DO UPDATE SET level = excluded.level
           WHERE role_permissions.level <> excluded.level""",
        names,
        permissions,
        levels,
    )
