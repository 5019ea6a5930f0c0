"""Tasks."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import asyncpg

from common.ids import new_id
from tests.support.operations import Operation
from tests.support.things import word
from tests.support.tool_operations.declared import ToolOperations


async def insert_task(owner: asyncpg.Connection, user_id: UUID, *, deleted: bool = False) -> str:
    """Somebody's task."""
    task_id = new_id()
    await owner.execute(
        "INSERT INTO tasks (id, title, created_by, deleted_at) VALUES ($1, $2, $3, $4)",
        task_id,
        word(),
        user_id,
        datetime.now(UTC) if deleted else None,
    )
    return str(task_id)


async def values(owner: asyncpg.Connection, operation: Operation, user_id: UUID) -> dict[str, str]:
    """A task of the caller's."""
    if "{task_id}" not in operation.path:
        return {}
    return {"task_id": await insert_task(owner, user_id, deleted=operation.name == "restore_task")}


OPERATIONS = ToolOperations(
    bodies={
        "create_task": lambda name: {"title": name},
        "replace_task": lambda name: {"title": name},
        "update_task": lambda name: {"description": name},
        "move_task": lambda _: {"status": "in_progress"},
    },
    reading=frozenset({"list_tasks", "get_task", "get_board"}),
    changing={
        "create_task": ("tools.task.created", "task"),
        "replace_task": ("tools.task.updated", "task"),
        "update_task": ("tools.task.updated", "task"),
        "move_task": ("tools.task.updated", "task"),
        "delete_task": ("tools.task.deleted", "task"),
        "restore_task": ("tools.task.restored", "task"),
    },
    tables=("tasks", "task_links"),
    values=values,
)
