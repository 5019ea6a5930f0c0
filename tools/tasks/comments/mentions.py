"""Whom a comment mentions: ``@username``, if that user may read the task. Who is mentioned is told by mail, once."""

from __future__ import annotations

import re
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row

from common.errors import Unprocessable
from common.ids import TenantName
from common.registry import Effective
from database import ReadUnit, WriteUnit
from shared_auth import Principal
from tools.records.single import find_record
from tools.tasks.comments import queries
from tools.tasks.kind import TASK
from users import load_absent

MAX_MENTIONS: Final = 20
MAIL: Final = "tools.task_mention"
# A user name may hold dots and hyphens, but behind one they may as well end the sentence. What follows a letter or a
# digit is an e-mail address.
_MENTION: Final = re.compile(r"(?<![A-Za-z0-9._@-])@([A-Za-z0-9._-]{3,64})")


def read_names(body: str) -> list[tuple[str, ...]]:
    """What may be user names, in lower case, each as it stands and without what may be punctuation behind it."""
    found: dict[tuple[str, ...], None] = {}
    for match in _MENTION.finditer(body):
        name = match[1].lower()
        shortest = len(name.rstrip("._-"))
        found[tuple(name[:length] for length in range(len(name), max(shortest, 3) - 1, -1))] = None
    return list(found)


async def note_mentions(unit: WriteUnit, actor: Principal, comment: Row[Any], settings: Effective) -> None:
    """Store whom a comment mentions now, and order a mail to those who were not mentioned in it before. Raises
    Unprocessable for too many."""
    mentioned = await _find_mentioned(unit, actor, comment, settings)
    before = await queries.find_mentioned(unit, comment.id)
    new = [user_id for user_id in mentioned if user_id not in before]
    await queries.insert_mentions(unit, comment.id, new)
    if before:
        await queries.set_current(unit, comment.id, mentioned)
    for user_id in new:
        if user_id != actor.user_id:
            unit.enqueue(MAIL, {"comment_id": str(comment.id), "user_id": str(user_id)})


async def _find_mentioned(unit: ReadUnit, actor: Principal, comment: Row[Any], settings: Effective) -> list[UUID]:
    names = read_names(comment.body)
    if not names:
        return []
    known = await queries.find_users(unit, list({name for choices in names for name in choices}))
    meant = [next((known[name] for name in choices if name in known), None) for choices in names]
    users = list(dict.fromkeys(user_id for user_id in meant if user_id is not None))
    if len(users) > MAX_MENTIONS:
        raise Unprocessable(
            f"A comment mentions at most {MAX_MENTIONS} people.", pointer="/body/body", reason="too_many_mentions"
        )
    return [user_id for user_id in users if await may_read(unit, actor.tenant, user_id, comment.task_id, settings)]


async def may_read(unit: ReadUnit, tenant: TenantName, user_id: UUID, task_id: UUID, settings: Effective) -> bool:
    """Whether a user, who is not here to ask, may read a task."""
    reader = await load_absent(unit, tenant=tenant, user_id=user_id, settings=settings)
    return reader is not None and await find_record(unit, TASK, reader, task_id) is not None
