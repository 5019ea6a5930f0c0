"""What an attachment is among records: as visible, and as changeable, as the record it belongs to."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import and_, false, or_

from shared_auth import Principal
from tools.attachments.queries import is_without_parent, reach_by_parent, select_about_by_parent
from tools.models import Attachment, AttachmentLink
from tools.records.kinds import Condition, Kind
from tools.records.queries import reach_by_level

_attachments: Any = Attachment.__table__


def _reach(actor: Principal, action: str) -> Condition:
    """With the permission, at any level: what belongs to a record, as far as that one can be reached; what belongs to
    none, as far as the level goes."""
    if ATTACHMENT.needs(action) not in actor.permissions:
        return false()
    alone = and_(is_without_parent(), reach_by_level(ATTACHMENT, actor, action))
    return or_(alone, reach_by_parent(actor, action))


ATTACHMENT: Final = Kind(
    name="attachment",
    permission="attachments",
    table=_attachments,
    links=AttachmentLink.__table__,
    title="file_name",
    text="description",
    columns=("parent_type", "parent_id", "file_name", "media_type", "size_bytes", "sha256", "description"),
    reach=_reach,
    related=select_about_by_parent,
)
