"""Tasks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
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


async def insert_comment(owner: asyncpg.Connection, task_id: str, user_id: UUID) -> str:
    """What somebody said about a task."""
    comment_id = new_id()
    await owner.execute(
        "INSERT INTO task_comments (id, task_id, created_by, body) VALUES ($1, $2, $3, $4)",
        comment_id,
        UUID(task_id),
        user_id,
        word(),
    )
    return str(comment_id)


async def values(owner: asyncpg.Connection, operation: Operation, user_id: UUID) -> dict[str, str]:
    """A task of the caller's, with what he said about it. A bulk change names its tasks in the body."""
    if "{task_id}" not in operation.path and operation.name != "change_tasks":
        return {}
    task_id = await insert_task(owner, user_id, deleted=operation.name == "restore_task")
    if "{comment_id}" not in operation.path:
        return {"task_id": task_id}
    return {"task_id": task_id, "comment_id": await insert_comment(owner, task_id, user_id)}


async def fill(_owner: asyncpg.Connection, operation: Operation, made: Mapping[str, str]) -> dict[str, Any]:
    """The body of a bulk change, which must name a task that is there."""
    if operation.name != "change_tasks":
        return {}
    return {"json": {"ids": [made["task_id"]], "changes": {"description": word()}}}


OPERATIONS = ToolOperations(
    bodies={
        "create_task": lambda name: {"title": name},
        "replace_task": lambda name: {"title": name},
        "update_task": lambda name: {"description": name},
        "move_task": lambda _: {"status": "in_progress"},
        "change_tasks": lambda name: {"ids": [str(new_id())], "changes": {"description": name}},
        "create_comment": lambda name: {"body": name},
        "replace_comment": lambda name: {"body": name},
        "update_comment": lambda name: {"body": name},
    },
    reading=frozenset({"list_tasks", "get_task", "get_board", "list_comments", "get_comment"}),
    changing={
        "create_task": ("tools.task.created", "task"),
        "replace_task": ("tools.task.updated", "task"),
        "update_task": ("tools.task.updated", "task"),
        "move_task": ("tools.task.updated", "task"),
        "change_tasks": ("tools.task.updated", "task"),
        "create_comment": ("tools.task_comment.created", "task_comment"),
        "replace_comment": ("tools.task_comment.updated", "task_comment"),
        "update_comment": ("tools.task_comment.updated", "task_comment"),
        "delete_comment": ("tools.task_comment.deleted", "task_comment"),
        "delete_task": ("tools.task.deleted", "task"),
        "restore_task": ("tools.task.restored", "task"),
    },
    tables=("tasks", "task_links", "task_comments", "task_mentions"),
    values=values,
    fill=fill,
)
