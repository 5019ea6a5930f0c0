"""``/tools/tasks/{task_id}/comments``."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from dependencies import Listing, Obeyed, Read, ReplicaRead, Replying, Requires, Route, Write
from shared_auth import Principal
from shared_models import Page
from tools.tasks.comments import service
from tools.tasks.comments.schemas import Comment, CommentCreate, CommentPatch, CommentReplace

router = APIRouter(prefix="/tools/tasks/{task_id}/comments", tags=["tasks"], route_class=Route)

TasksReader = Annotated[Principal, Depends(Requires("tasks:read"))]
TasksEditor = Annotated[Principal, Depends(Requires("tasks:update"))]


@router.get("", summary="List the comments on a task")
async def list_comments(
    unit: ReplicaRead, actor: TasksReader, task_id: UUID, listing: Listing, reply: Replying
) -> Page[Comment]:
    """For whoever may read the task, the oldest first. `q` searches the text. Sort by `created_at` or `updated_at`."""
    return reply.page(await service.list_comments(unit, actor, task_id, listing))


@router.post("", status_code=201, summary="Comment on a task")
async def create_comment(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: Write, actor: TasksEditor, task_id: UUID, payload: CommentCreate, reply: Replying, settings: Obeyed
) -> Comment:
    """For whoever may read the task and change tasks, be it others. `@username` mentions a user who may read it too; he
    gets a mail, once."""
    return reply.created(await service.create_comment(unit, actor, task_id, payload, settings))


@router.get("/{comment_id}", summary="Get a comment")
async def get_comment(unit: Read, actor: TasksReader, task_id: UUID, comment_id: UUID, reply: Replying) -> Comment:
    """Answers 304 if `If-None-Match` has the current version."""
    return reply.tag(await service.get_comment(unit, actor, task_id, comment_id))


@router.put("/{comment_id}", summary="Replace a comment")
async def replace_comment(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: Write,
    actor: TasksEditor,
    task_id: UUID,
    comment_id: UUID,
    payload: CommentReplace,
    reply: Replying,
    settings: Obeyed,
) -> Comment:
    """Only for who wrote it. Who is mentioned for the first time gets a mail."""
    expected_version = reply.expected_version
    return reply.tag(
        await service.change_comment(
            unit, actor, task_id, comment_id, payload, expected_version=expected_version, settings=settings
        )
    )


@router.patch("/{comment_id}", summary="Change a comment")
async def update_comment(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: Write,
    actor: TasksEditor,
    task_id: UUID,
    comment_id: UUID,
    payload: CommentPatch,
    reply: Replying,
    settings: Obeyed,
) -> Comment:
    """The same, of what is given."""
    expected_version = reply.expected_version
    return reply.tag(
        await service.change_comment(
            unit, actor, task_id, comment_id, payload, expected_version=expected_version, settings=settings
        )
    )


@router.delete("/{comment_id}", status_code=204, summary="Delete a comment")
async def delete_comment(unit: Write, actor: TasksEditor, task_id: UUID, comment_id: UUID, reply: Replying) -> None:
    """For who wrote it and for whoever may change the task. It cannot be restored."""
    await service.delete_comment(unit, actor, task_id, comment_id, reply.expected_version)
