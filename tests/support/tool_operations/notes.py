"""Notes."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from common.ids import new_id
from tests.support.operations import Operation
from tests.support.things import word
from tests.support.tool_operations.declared import ToolOperations


async def insert_note(owner: asyncpg.Connection, user_id: UUID, *, deleted: bool = False) -> str:
    """Somebody's note."""
    note_id = new_id()
    await owner.execute(
        "INSERT INTO notes (id, title, created_by, deleted_at) VALUES ($1, $2, $3, $4)",
        note_id,
        word(),
        user_id,
        datetime.now(UTC) if deleted else None,
    )
    return str(note_id)


async def values(owner: asyncpg.Connection, operation: Operation, user_id: UUID) -> dict[str, str]:
    """A note of the caller's."""
    if "{note_id}" not in operation.path:
        return {}
    return {"note_id": await insert_note(owner, user_id, deleted=operation.name == "restore_note")}


OPERATIONS = ToolOperations(
    bodies={
        "create_note": lambda name: {"title": name},
        "replace_note": lambda name: {"title": name},
        "update_note": lambda name: {"content": name},
    },
    reading=frozenset({"list_notes", "get_note"}),
    changing={
        "create_note": ("tools.note.created", "note"),
        "replace_note": ("tools.note.updated", "note"),
        "update_note": ("tools.note.updated", "note"),
        "delete_note": ("tools.note.deleted", "note"),
        "restore_note": ("tools.note.restored", "note"),
    },
    tables=("notes", "note_links"),
    values=values,
)
