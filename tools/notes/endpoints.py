"""``/tools/notes``."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from dependencies import Listing, Obeyed, Read, ReplicaRead, Replying, Requires, Route, Write
from shared_auth import Principal
from shared_models import Page
from tools.notes import service
from tools.notes.schemas import Note, NoteCreate, NotePatch, NoteReplace
from tools.records.endpoints import Filters, TagFilter

router = APIRouter(prefix="/tools/notes", tags=["notes"], route_class=Route)

NotesReader = Annotated[Principal, Depends(Requires("notes:read"))]
NotesCreator = Annotated[Principal, Depends(Requires("notes:create"))]
NotesEditor = Annotated[Principal, Depends(Requires("notes:update"))]
NotesDeleter = Annotated[Principal, Depends(Requires("notes:delete"))]


@router.get("", summary="List notes")
async def list_notes(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: ReplicaRead,
    actor: NotesReader,
    listing: Listing,
    reply: Replying,
    filters: Filters,
    tags: TagFilter,
    is_pinned: bool | None = None,
    is_private: bool | None = None,
    color: Annotated[str | None, Query(max_length=32, description="Exactly this.")] = None,
) -> Page[Note]:
    """Notes you may read, pinned ones first, then the newest. `q` searches title and content. Sort by `created_at`,
    `updated_at`, `title` or `is_pinned`. Private notes are listed for their author only."""
    found = await service.list_notes(
        unit, actor, listing, is_pinned=is_pinned, is_private=is_private, color=color, tags=tags, **filters
    )
    return reply.page(found)


@router.post("", status_code=201, summary="Create a note")
async def create_note(unit: Write, actor: NotesCreator, payload: NoteCreate, reply: Replying, settings: Obeyed) -> Note:
    """`content` is Markdown and is kept as it is. A private note is seen by nobody but you, and not even the audit log
    tells what it says."""
    return reply.created(await service.create_note(unit, actor, payload, settings))


@router.get("/{note_id}", summary="Get a note")
async def get_note(unit: Read, actor: NotesReader, note_id: UUID, reply: Replying) -> Note:
    """Answers 304 if `If-None-Match` has the current version."""
    return reply.tag(await service.get_note(unit, actor, note_id))


@router.put("/{note_id}", summary="Replace a note's fields")
async def replace_note(unit: Write, actor: NotesEditor, note_id: UUID, payload: NoteReplace, reply: Replying) -> Note:
    """Sets every editable field; what is left out gets its default."""
    return reply.tag(await service.change_note(unit, actor, note_id, payload, reply.expected_version))


@router.patch("/{note_id}", summary="Change some of a note's fields")
async def update_note(unit: Write, actor: NotesEditor, note_id: UUID, payload: NotePatch, reply: Replying) -> Note:
    """Sets the fields given and leaves the others. Only its author can make a note private."""
    return reply.tag(await service.change_note(unit, actor, note_id, payload, reply.expected_version))


@router.delete("/{note_id}", status_code=204, summary="Delete a note")
async def delete_note(unit: Write, actor: NotesDeleter, note_id: UUID, reply: Replying) -> None:
    """It can be restored: `?deleted=true` lists what was deleted."""
    await service.delete_note(unit, actor, note_id, reply.expected_version)


@router.post("/{note_id}/restore", summary="Restore a deleted note")
async def restore_note(unit: Write, actor: NotesDeleter, note_id: UUID, reply: Replying) -> Note:
    """For whoever may delete it. 404 unless it is deleted."""
    return reply.tag(await service.restore_note(unit, actor, note_id))
