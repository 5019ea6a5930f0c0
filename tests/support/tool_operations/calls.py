"""Calls."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from common.ids import new_id
from tests.support.operations import Operation
from tests.support.things import word
from tests.support.tool_operations.declared import ToolOperations


async def insert_call(owner: asyncpg.Connection, user_id: UUID, *, deleted: bool = False) -> str:
    """A call that somebody logged."""
    call_id = new_id()
    await owner.execute(
        "INSERT INTO log_calls (id, direction, status, contact_name, created_by, deleted_at) "
        "VALUES ($1, 'inbound', 'missed', $2, $3, $4)",
        call_id,
        word(),
        user_id,
        datetime.now(UTC) if deleted else None,
    )
    return str(call_id)


async def values(owner: asyncpg.Connection, operation: Operation, user_id: UUID) -> dict[str, str]:
    """A call of the caller's."""
    if "{call_id}" not in operation.path:
        return {}
    return {"call_id": await insert_call(owner, user_id, deleted=operation.name == "restore_call")}


OPERATIONS = ToolOperations(
    bodies={
        "create_call": lambda name: {"direction": "inbound", "status": "missed", "contact_name": name},
        "replace_call": lambda name: {"direction": "outbound", "status": "busy", "contact_name": name},
        "update_call": lambda name: {"notes": name},
    },
    reading=frozenset({"list_calls", "get_call", "get_call_statistics"}),
    changing={
        "create_call": ("tools.call.created", "call"),
        "replace_call": ("tools.call.updated", "call"),
        "update_call": ("tools.call.updated", "call"),
        "delete_call": ("tools.call.deleted", "call"),
        "restore_call": ("tools.call.restored", "call"),
    },
    tables=("log_calls", "log_call_links"),
    values=values,
)
