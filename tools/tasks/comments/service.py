"""The rules of comments: who reads a task reads them, and says something to it if he may change tasks at all. What
somebody said only he can change; whoever may change the task can take it away."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.audit import Change, Target
from common.clock import now
from common.errors import NotFound, PermissionDenied, VersionConflict
from common.ids import new_id
from common.paging import ListQuery
from common.registry import Effective
from database import ReadUnit, WriteUnit
from shared_auth import Principal
from shared_models import Page, page_of
from tools.records.service import get_record, told
from tools.tasks.comments import queries
from tools.tasks.comments.mentions import note_mentions
from tools.tasks.comments.schemas import Comment, CommentCreate, CommentPatch, CommentReplace
from tools.tasks.kind import TASK


async def list_comments(unit: ReadUnit, actor: Principal, task_id: UUID, query: ListQuery) -> Page[Comment]:
    """A page of the comments on a task, the oldest first. Raises NotFound for a task that the actor may not read."""
    found = await queries.list_comments(unit, actor, task_id, query)
    if not found.rows:
        await get_record(unit, TASK, actor, task_id)
    return page_of(Comment, found)


async def get_comment(unit: ReadUnit, actor: Principal, task_id: UUID, comment_id: UUID) -> Comment:
    """One comment. Raises NotFound."""
    return Comment.model_validate(await _get(unit, actor, task_id, comment_id))


async def create_comment(
    unit: WriteUnit, actor: Principal, task_id: UUID, payload: CommentCreate, settings: Effective
) -> Comment:
    """Say something about a task. Raises NotFound for one that the actor may not read."""
    await get_record(unit, TASK, actor, task_id)
    comment_id, moment = new_id(), now()
    values = {"id": comment_id, "task_id": task_id, "created_by": actor.user_id, "body": payload.body}
    await queries.insert_comment(unit, {**values, "created_at": moment, "updated_at": moment})
    comment = await _get(unit, actor, task_id, comment_id)
    await note_mentions(unit, actor, comment, settings)
    _audit(unit, "created", comment, told({}, {"task_id": task_id, "body": payload.body}))
    return await get_comment(unit, actor, task_id, comment_id)


async def change_comment(
    unit: WriteUnit,
    actor: Principal,
    task_id: UUID,
    comment_id: UUID,
    payload: CommentReplace | CommentPatch,
    *,
    expected_version: int | None,
    settings: Effective,
) -> Comment:
    """Say it in other words. Raises NotFound, PermissionDenied for what somebody else said, or VersionConflict."""
    before = await _begin(unit, actor, task_id, comment_id, expected_version)
    if before.created_by != actor.user_id:
        raise PermissionDenied("Only who wrote a comment can edit it.", permission=TASK.needs("update"))
    changes = told({"body": before.body}, payload.model_dump(exclude_unset=True))
    if changes:
        await queries.update_comment(unit, comment_id, {**payload.model_dump(), "updated_at": now()})
        await note_mentions(unit, actor, await _get(unit, actor, task_id, comment_id), settings)
        _audit(unit, "updated", before, changes)
    return await get_comment(unit, actor, task_id, comment_id)


async def delete_comment(
    unit: WriteUnit, actor: Principal, task_id: UUID, comment_id: UUID, expected_version: int | None
) -> None:
    """Take a comment away, for good. Raises NotFound, VersionConflict, or PermissionDenied for what somebody else said
    about a task that the actor may not change."""
    before = await _begin(unit, actor, task_id, comment_id, expected_version)
    if before.created_by != actor.user_id and not before.may_edit_task:
        permission = TASK.needs("update")
        raise PermissionDenied(f"Your permission {permission} does not reach this task.", permission=permission)
    await queries.delete_comment(unit, comment_id)
    _audit(unit, "deleted", before, told({"body": before.body}, {"body": None}))


async def _get(unit: ReadUnit, actor: Principal, task_id: UUID, comment_id: UUID) -> Row[Any]:
    row = await queries.find_comment(unit, actor, task_id, comment_id)
    if row is None:
        raise NotFound("There is no such comment.")
    return row


async def _begin(
    unit: WriteUnit, actor: Principal, task_id: UUID, comment_id: UUID, expected_version: int | None
) -> Row[Any]:
    await queries.lock_comment(unit, comment_id)
    row = await _get(unit, actor, task_id, comment_id)
    if expected_version not in {None, row.version}:
        raise VersionConflict
    return row


def _audit(unit: WriteUnit, verb: str, comment: Row[Any], changes: list[Change]) -> None:
    unit.audit(f"tools.task_comment.{verb}", target=Target("task_comment", str(comment.id)), changes=changes)
