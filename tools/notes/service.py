"""The rules of notes. A private one is its author's alone: nobody else can make it so, or see that it is there."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from common.errors import PermissionDenied, Unprocessable
from common.paging import ListQuery
from common.registry import Effective
from database import ReadUnit, WriteUnit
from serving.loading import Line, Loading
from shared_auth import Principal
from shared_models import Page, page_of
from tools.notes.kind import NOTE
from tools.notes.schemas import Note, NoteCreate, NotePatch, NoteReplace
from tools.records import queries, service
from tools.records.schemas import fields_of

ORDER = queries.order_of(NOTE, "title", "is_pinned", default="-is_pinned,-created_at")


async def list_notes(
    unit: ReadUnit,
    actor: Principal,
    query: ListQuery,
    *,
    is_pinned: bool | None,
    is_private: bool | None,
    color: str | None,
    deleted: bool,
    **filters: Any,
) -> Page[Note]:
    """A page of notes, pinned ones first."""
    conditions = queries.record_conditions(NOTE, query, **filters)
    conditions += queries.exactly(NOTE.table.c, is_pinned=is_pinned, is_private=is_private, color=color)
    found = await queries.list_records(unit, NOTE, actor, query, order=ORDER, conditions=conditions, deleted=deleted)
    return page_of(Note, found)


async def get_note(unit: ReadUnit, actor: Principal, note_id: UUID) -> Note:
    """One note. Raises NotFound."""
    return Note.model_validate(await service.get_record(unit, NOTE, actor, note_id))


async def create_note(unit: WriteUnit, actor: Principal, payload: NoteCreate, settings: Effective) -> Note:
    """A new note."""
    note_id = await service.create_record(
        unit, NOTE, payload.model_dump(), settings, created_by=actor.user_id, private=payload.is_private
    )
    return Note.model_validate(await service.get_written(unit, NOTE, note_id))


async def load_note(unit: WriteUnit, loading: Loading, line: Line) -> None:
    """A note of another system."""
    payload: NoteCreate = line.payload
    if payload.is_private and line.past.created_by is None:
        raise Unprocessable("A private note is its author's: it needs created_by.", pointer="/body/created_by")
    settings, past = loading.visit.settings, line.past
    await service.create_record(
        unit,
        NOTE,
        payload.model_dump(),
        settings,
        created_by=past.created_by,
        private=payload.is_private,
        past=past,
    )


async def change_note(
    unit: WriteUnit,
    actor: Principal,
    note_id: UUID,
    payload: NoteReplace | NotePatch,
    expected_version: int | None,
) -> Note:
    """Set all editable fields, or those of a patch. Raises PermissionDenied for one that somebody else is to hide."""
    values = fields_of(payload)
    before = await service.begin_change(unit, NOTE, actor, note_id, expected_version=expected_version)
    becomes_private = values.get("is_private", before.is_private)
    if becomes_private and before.created_by != actor.user_id:
        # Otherwise an administrator could make somebody's note vanish for everybody but its author, himself included.
        raise PermissionDenied("Only its author can make a note private.", permission=NOTE.needs("update"))
    await service.finish_change(unit, NOTE, before, values, private=becomes_private or before.is_private)
    return Note.model_validate(await service.get_written(unit, NOTE, note_id))


async def delete_note(unit: WriteUnit, actor: Principal, note_id: UUID, expected_version: int | None) -> None:
    """Delete a note, which can be restored."""
    await service.delete_record(unit, NOTE, actor, note_id, expected_version)


async def restore_note(unit: WriteUnit, actor: Principal, note_id: UUID) -> Note:
    """Bring a deleted note back."""
    await service.restore_record(unit, NOTE, actor, note_id)
    return Note.model_validate(await service.get_written(unit, NOTE, note_id))
