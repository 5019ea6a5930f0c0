"""The SQL of attachments: their parents' rights, their contents, and what is to be removed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, and_, delete, exists, false, func, literal, or_, select, union_all, update
from sqlalchemy.dialects.postgresql import insert as upsert

from common.enums import AttachmentParent
from common.paging import AnySelect
from database import BookkeepingUnit, ReadUnit, WriteUnit
from shared_auth import Principal
from tools.models import Attachment, AttachmentContent, AttachmentUsage
from tools.records.kinds import KINDS, Condition, Kind
from tools.records.queries import ids_about, is_living, reach, visible

PURGED_AT_ONCE: Final = 100

_attachments: Any = Attachment.__table__
_contents: Any = AttachmentContent.__table__
_usage: Any = AttachmentUsage.__table__


def parents() -> Iterator[Kind]:
    """The kinds of record that can have attachments, as far as they are there."""
    return (KINDS[name] for name in AttachmentParent if name in KINDS)


def belongs_to(kind: Kind, *conditions: Condition) -> Condition:
    """Whether an attachment's parent is a living record of a kind that fulfils these."""
    found = exists().where(kind.table.c.id == _attachments.c.parent_id, is_living(kind), *conditions)
    return and_(_attachments.c.parent_type == kind.name, found)


def reach_by_parent(actor: Principal, action: str) -> Condition:
    """Which attachments somebody may do an action to because of their parents: read them if he may read the parent, and
    anything else if he may change it."""
    needed = "read" if action == "read" else "update"
    return or_(false(), *(belongs_to(kind, reach(kind, actor, needed)) for kind in parents()))


def is_without_parent() -> Condition:
    """Whether an attachment stands alone."""
    without: Condition = _attachments.c.parent_type.is_(None)
    return without


def select_about_by_parent(link_type: str, link_id: str) -> list[AnySelect]:
    """The attachments whose parent is about an object of another service; of living ones, which have an index."""
    columns = Attachment.__table__.alias("attached").c
    return [
        select(columns.id)
        .where(
            columns.parent_type == kind.name,
            columns.parent_id.in_(union_all(*ids_about(kind, link_type, link_id))),
            columns.deleted_at.is_(None),
        )
        .correlate(None)
        for kind in parents()
    ]


async def find_parent(unit: ReadUnit, kind: Kind, actor: Principal, record_id: UUID) -> Row[Any] | None:
    """A living record that somebody may see: whether he may change it, and whether it is private."""
    columns = kind.table.c
    statement = select(reach(kind, actor, "update").label("reached"), _privacy(kind)).where(
        columns.id == record_id, is_living(kind), visible(kind, actor, "update")
    )
    return (await unit.execute(statement)).one_or_none()


async def is_private(unit: ReadUnit, kind: Kind, record_id: UUID) -> bool:
    """Whether a record is private, also a deleted one."""
    found = await unit.execute(select(_privacy(kind)).where(kind.table.c.id == record_id))
    return bool(found.scalar_one_or_none())


def _privacy(kind: Kind) -> Any:
    return (kind.table.c.is_private if "is_private" in kind.columns else literal(False)).label("private")


# -- Contents -------------------------------------------------------------------------------------------------------


async def find_content(unit: ReadUnit, attachment_id: UUID, reached: Condition | None = None) -> Row[Any] | None:
    """What is needed to send the content of a living attachment, whose parent lives too: for somebody who reaches it,
    or for whoever was given its address."""
    alive = or_(is_without_parent(), *(belongs_to(kind) for kind in parents()))
    statement = (
        select(
            _attachments.c.id,
            _attachments.c.file_name,
            _attachments.c.media_type,
            _attachments.c.size_bytes,
            _attachments.c.sha256,
            _contents.c.file_id,
        )
        .join(_contents, _contents.c.sha256 == _attachments.c.sha256)
        .where(
            _attachments.c.id == attachment_id,
            _attachments.c.deleted_at.is_(None),
            alive if reached is None else reached,
        )
    )
    return (await unit.execute(statement)).one_or_none()


async def claim_content(unit: WriteUnit, sha256: bytes, file_id: UUID, size: int) -> UUID:
    """Note that a content lies in a file, unless it is known to lie in another already; answers which.

    Either way the row is locked until COMMIT: nobody removes the content meanwhile, and another upload of the same
    waits to see what becomes of this one."""
    statement = upsert(_contents).values(sha256=sha256, file_id=file_id, size_bytes=size)
    claimed = statement.on_conflict_do_update(
        index_elements=["sha256"], set_={"size_bytes": _contents.c.size_bytes}
    ).returning(_contents.c.file_id)
    found: UUID = (await unit.execute(claimed)).scalar_one()
    return found


async def move_content(unit: WriteUnit, sha256: bytes, file_id: UUID) -> None:
    """Note that a content lies in another file than was known."""
    await unit.execute(update(_contents).where(_contents.c.sha256 == sha256).values(file_id=file_id))


async def reserve(unit: WriteUnit, size: int, quota: int) -> bool:
    """Count bytes as used if the quota has room for them. Uploads at the same time do this one after the other."""
    if size > quota:
        return False
    statement = upsert(_usage).values(id=1, used_bytes=size)
    used = _usage.c.used_bytes + statement.excluded.used_bytes
    reserved = statement.on_conflict_do_update(
        index_elements=["id"], set_={"used_bytes": used}, where=used <= quota
    ).returning(_usage.c.used_bytes)
    return (await unit.execute(reserved)).one_or_none() is not None


# -- Removal --------------------------------------------------------------------------------------------------------


async def delete_expired(unit: WriteUnit, before: datetime) -> list[Row[Any]]:
    """Remove some of the attachments that were deleted before that moment; answers what they were."""
    columns = (_attachments.c.id, _attachments.c.file_name, _attachments.c.parent_type, _attachments.c.parent_id)
    due = (
        select(_attachments.c.id)
        .where(_attachments.c.deleted_at < before)
        .order_by(_attachments.c.deleted_at)
        .limit(PURGED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    ids = list((await unit.execute(due)).scalars())
    if not ids:
        return []
    return list(await unit.execute(delete(_attachments).where(_attachments.c.id.in_(ids)).returning(*columns)))


async def delete_unused_contents(unit: WriteUnit) -> list[UUID]:
    """Forget the contents that no attachment has any more, and count them as used no more; answers their files.

    They are locked first and looked at again in the next statement, which sees what an upload has committed that held
    the lock before."""
    in_use = exists().where(_attachments.c.sha256 == _contents.c.sha256)
    unused = select(_contents.c.sha256).where(~in_use).limit(PURGED_AT_ONCE).with_for_update(skip_locked=True)
    digests = list((await unit.execute(unused)).scalars())
    if not digests:
        return []
    forgotten = (
        await unit.execute(
            delete(_contents)
            .where(_contents.c.sha256.in_(digests), ~in_use)
            .returning(_contents.c.file_id, _contents.c.size_bytes)
        )
    ).all()
    freed = sum(row.size_bytes for row in forgotten)
    await unit.execute(update(_usage).values(used_bytes=func.greatest(0, _usage.c.used_bytes - freed)))
    return [row.file_id for row in forgotten]


async def claim_sweep(unit: BookkeepingUnit, moment: datetime, period: timedelta) -> bool:
    """Whether the storage is to be swept now, by this process and no other."""
    statement = upsert(_usage).values(id=1, swept_at=moment)
    is_due = or_(_usage.c.swept_at.is_(None), _usage.c.swept_at <= moment - period)
    claimed = statement.on_conflict_do_update(
        index_elements=["id"], set_={"swept_at": statement.excluded.swept_at}, where=is_due
    ).returning(_usage.c.id)
    return (await unit.execute(claimed)).one_or_none() is not None


async def list_known_files(unit: ReadUnit, file_ids: Collection[UUID]) -> set[UUID]:
    """Which of these files hold a content."""
    found = await unit.execute(select(_contents.c.file_id).where(_contents.c.file_id.in_(file_ids)))
    return set(found.scalars())


async def has_expired(unit: ReadUnit, before: datetime) -> bool:
    """Whether any attachment was deleted before that moment."""
    found = await unit.execute(select(_attachments.c.id).where(_attachments.c.deleted_at < before).limit(1))
    return found.one_or_none() is not None
