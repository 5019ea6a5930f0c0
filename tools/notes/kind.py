"""What a note is among records."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import and_

from shared_auth import Principal
from tools.models import Note, NoteLink
from tools.records.kinds import Condition, Kind

_notes: Any = Note.__table__


def _of_others(actor: Principal) -> Condition:
    """Private notes of somebody else, which no level of permission reaches; those whose author is gone for good are
    nobody's."""
    return and_(_notes.c.is_private, _notes.c.created_by.is_distinct_from(actor.user_id))


NOTE: Final = Kind(
    name="note",
    permission="notes",
    table=_notes,
    links=NoteLink.__table__,
    title="title",
    text="content",
    columns=("title", "content", "is_pinned", "is_private", "color", "tags"),
    hidden=_of_others,
)
