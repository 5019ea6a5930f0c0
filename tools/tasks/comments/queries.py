"""The SQL of comments and mentions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, Text, any_, delete, exists, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from common.paging import AnySelect, ListQuery, Order, Slice, contains, created_within, fetch_slice
from database import ReadUnit, WriteUnit
from shared_auth import Principal
from tools.models import TaskComment, TaskMention
from tools.records.kinds import Condition
from tools.records.queries import is_living, listed, reach
from tools.tasks.kind import TASK
from users import User

_comments: Any = TaskComment.__table__
_mentions: Any = TaskMention.__table__
_users: Any = User.__table__

ORDER: Final = Order(
    fields={"created_at": _comments.c.created_at, "updated_at": _comments.c.updated_at},
    identity=_comments.c.id,
    default="created_at",
)


def _of_task(actor: Principal, action: str) -> Condition:
    """Whether a comment's task is there, and somebody may do an action to it."""
    task = TASK.table.c
    return exists().where(task.id == _comments.c.task_id, is_living(TASK), reach(TASK, actor, action))


def _select_comments(task_id: UUID, actor: Principal) -> AnySelect:
    """The comments on a task that somebody may read, in the columns of the schema ``Comment``."""
    user = func.json_build_object("id", _users.c.id, "username", _users.c.username)
    mentions = listed(
        _comments,
        user,
        _users.c.username_normalized,
        _users.c.id,
        where=[_mentions.c.comment_id == _comments.c.id, _mentions.c.is_current, _mentions.c.user_id == _users.c.id],
    )
    return select(
        *_comments.c,
        mentions.label("mentions"),
        _of_task(actor, "update").label("may_edit_task"),
    ).where(_comments.c.task_id == task_id, _of_task(actor, "read"))


async def list_comments(unit: ReadUnit, actor: Principal, task_id: UUID, query: ListQuery) -> Slice:
    """A page of the comments on a task; empty, too, if somebody may not read that."""
    statement = _select_comments(task_id, actor).where(created_within(_comments.c.created_at, query))
    if query.q:
        statement = statement.where(contains(query.q, _comments.c.body))
    return await fetch_slice(unit, statement, ORDER, query)


async def find_comment(unit: ReadUnit, actor: Principal, task_id: UUID, comment_id: UUID) -> Row[Any] | None:
    """One comment that somebody may read, and whether he may change its task."""
    found = await unit.execute(_select_comments(task_id, actor).where(_comments.c.id == comment_id))
    return found.one_or_none()


async def lock_comment(unit: WriteUnit, comment_id: UUID) -> None:
    """Lock a comment until COMMIT, so that what is read of it next stays as it is."""
    await unit.execute(select(_comments.c.id).where(_comments.c.id == comment_id).with_for_update())


async def insert_comment(unit: WriteUnit, values: Mapping[str, Any]) -> None:
    """A new comment."""
    await unit.execute(insert(_comments).values(**values))


async def update_comment(unit: WriteUnit, comment_id: UUID, values: Mapping[str, Any]) -> None:
    """Set fields and count the version up."""
    changed = update(_comments).where(_comments.c.id == comment_id)
    await unit.execute(changed.values(**values, version=_comments.c.version + 1))


async def delete_comment(unit: WriteUnit, comment_id: UUID) -> None:
    """Remove a comment, and with it whom it mentions."""
    await unit.execute(delete(_comments).where(_comments.c.id == comment_id))


async def find_users(unit: ReadUnit, names: Sequence[str]) -> dict[str, UUID]:
    """The active users among these, by their user names in lower case."""
    found = await unit.execute(
        select(_users.c.username_normalized, _users.c.id).where(
            _users.c.username_normalized == any_(literal(names, ARRAY(Text))),
            _users.c.is_active,
            _users.c.deleted_at.is_(None),
        )
    )
    return {row.username_normalized: row.id for row in found.all()}


async def find_mentioned(unit: ReadUnit, comment_id: UUID) -> dict[UUID, bool]:
    """Whom a comment ever mentioned, and whether it still does."""
    found = await unit.execute(
        select(_mentions.c.user_id, _mentions.c.is_current).where(_mentions.c.comment_id == comment_id)
    )
    return {row.user_id: row.is_current for row in found.all()}


async def insert_mentions(unit: WriteUnit, comment_id: UUID, user_ids: Iterable[UUID]) -> None:
    """Have a comment mention these too."""
    rows = [{"comment_id": comment_id, "user_id": user_id} for user_id in user_ids]
    if rows:
        await unit.execute(insert(_mentions), rows)


async def set_current(unit: WriteUnit, comment_id: UUID, user_ids: Iterable[UUID]) -> None:
    """Note which of those whom a comment ever mentioned it mentions now."""
    current = _mentions.c.user_id.in_(user_ids)
    await unit.execute(update(_mentions).where(_mentions.c.comment_id == comment_id).values(is_current=current))


async def find_letter(unit: ReadUnit, comment_id: UUID, user_id: UUID) -> Row[Any] | None:
    """What a mail about a mention says, to an active user who is still mentioned."""
    author = _users.alias("author")
    found = await unit.execute(
        select(
            _comments.c.task_id,
            _comments.c.body,
            func.coalesce(author.c.full_name, author.c.username).label("author"),
            _users.c.email,
            _users.c.locale,
            func.coalesce(_users.c.full_name, _users.c.username).label("name"),
        )
        .join(_mentions, _mentions.c.comment_id == _comments.c.id)
        .join(_users, _users.c.id == _mentions.c.user_id)
        .outerjoin(author, author.c.id == _comments.c.created_by)
        .where(_comments.c.id == comment_id, _users.c.id == user_id, _mentions.c.is_current)
        .where(_users.c.is_active, _users.c.deleted_at.is_(None))
    )
    return found.one_or_none()
