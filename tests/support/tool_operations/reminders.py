"""Reminders."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from common.ids import new_id
from tests.support.operations import Operation
from tests.support.tool_operations.declared import ToolOperations
from tests.support.tool_operations.notes import insert_note


async def insert_reminder(owner: asyncpg.Connection, user_id: UUID) -> str:
    """Somebody's reminder of a note, in a day."""
    reminder_id = new_id()
    await owner.execute(
        "INSERT INTO reminders (id, record_type, record_id, user_id, offset_minutes, due_at) "
        "VALUES ($1, 'note', $2, $3, 30, $4)",
        reminder_id,
        UUID(await insert_note(owner, user_id)),
        user_id,
        datetime.now(UTC) + timedelta(days=1),
    )
    return str(reminder_id)


async def values(owner: asyncpg.Connection, operation: Operation, user_id: UUID) -> dict[str, str]:
    """A reminder of the caller's."""
    return {"reminder_id": await insert_reminder(owner, user_id)} if "{reminder_id}" in operation.path else {}


OPERATIONS = ToolOperations(
    bodies={},
    reading=frozenset({"list_reminders"}),
    changing={"dismiss_reminder": ("tools.reminder.dismissed", "reminder")},
    tables=("reminders",),
    values=values,
    own=frozenset({"list_reminders", "dismiss_reminder"}),
)
