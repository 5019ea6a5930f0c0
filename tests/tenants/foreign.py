"""What a tenant has that another must not find, and how to tell that it was not touched."""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

import asyncpg
from fastapi import FastAPI

from common.config import Config
from database import quote_identifier
from serving.guards import SignedIn
from serving.route import guard_of
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


async def ids_of(tenant: TestTenant, owner: asyncpg.Connection, app: FastAPI) -> dict[str, str]:
    """For each name of a path parameter, something that exists in the tenant; outside of the tools it tells the
    tenant's canary."""
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
    } | await _records_of(owner, app, UUID(user_id))


async def _records_of(owner: asyncpg.Connection, app: FastAPI, user_id: UUID) -> dict[str, str]:
    """The same of the tools. What is read comes first: what an operation restores, for example, is no living thing."""
    found = dict[str, str]()
    guarded = [item for item in operations_of(app) if isinstance(guard_of(item.route), SignedIn)]
    for operation in sorted(guarded, key=lambda item: item.method != "GET"):
        missing = [name for name in re.findall(r"{(\w+)}", operation.path) if name not in found]
        for tool in TOOLS if missing else ():
            made = await tool.values(owner, operation, user_id)
            found |= {name: made[name] for name in missing if name in made}
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
