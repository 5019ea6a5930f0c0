"""What a tenant has that another must not find, and how to tell that it was not touched."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import asyncpg
from fastapi import FastAPI

from common.config import Config
from database import quote_identifier
from tests.support import things
from tests.support.apps import connect
from tests.support.operations import operations_of
from tests.support.tool_operations import TOOLS
from tests.support.world import TestTenant

# The tables that a stranger may want to change.
TABLES: Final = (
    "users", "user_roles", "user_permissions", "roles", "role_permissions", "teams", "team_members", "team_roles",
    "user_sessions", "api_keys", "invitations", "password_reset_tokens", "email_verification_tokens", "settings",
    "feature_flags", "flag_sets",
    "audit_logs", *(table for tool in TOOLS for table in tool.tables),
)  # fmt: skip


async def ids_of(tenant: TestTenant, owner: asyncpg.Connection) -> dict[str, str]:
    """For each name of a path parameter, something that exists in the tenant and tells its canary."""
    user_id = tenant.people["viewer"].id
    invitation_id, _ = await things.insert_invitation(owner, user_id, email=f"{tenant.canary}@{things.word()}.example")
    return {
        "user_id": user_id,
        "role_id": await things.insert_role(owner, "users:read", title=tenant.canary),
        "team_id": await things.insert_team(owner, user_id, title=tenant.canary),
        "key_id": await things.insert_key(owner, user_id, title=tenant.canary),
        "session_id": await things.insert_session(owner, user_id),
        "invitation_id": invitation_id,
        "key": await things.create_setting(tenant, title=tenant.canary),
        "entry_id": str(await owner.fetchval("SELECT id FROM audit_logs WHERE seq = 1")),
        "flag_key": await things.insert_flag(owner, title=tenant.canary),
    }


async def ids_for(app: FastAPI, tenant: TestTenant, owner: asyncpg.Connection) -> dict[str, dict[str, str]]:
    """The same for each operation, with the records of the tools, which differ: to be restored, one must be deleted."""
    shared = await ids_of(tenant, owner)
    found = {}
    for operation in operations_of(app):
        found[operation.name] = dict(shared)
        for tool in TOOLS:
            found[operation.name] |= await tool.values(owner, operation, UUID(shared["user_id"]))
    return found


async def state_of(owner: asyncpg.Connection) -> dict[str, str]:
    """A digest of every table."""
    rows = "SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {} t"
    return {table: await owner.fetchval(rows.format(table)) for table in TABLES}


async def tables_mentioning(config: Config, schema: str, text: str) -> list[str]:
    """The tables of a schema with a row that holds the text, be it inside a BYTEA, which is shown in hexadecimals."""
    async with connect(config.owner_url) as owner:
        names = await owner.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1", schema)
        assert len(names) > 10
        return [
            name
            for (name,) in names
            if await owner.fetchval(
                f"SELECT EXISTS (SELECT FROM {quote_identifier(schema)}.{quote_identifier(name)} AS row "
                "WHERE strpos(row::text, $1) > 0 OR strpos(row::text, $2) > 0)",
                text,
                text.encode().hex(),
            )
        ]
