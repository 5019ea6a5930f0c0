"""Notes in Markdown, pinned or private."""

from __future__ import annotations

from serving.loading import Loader, one_by_one
from tools.notes.endpoints import router
from tools.notes.kind import NOTE
from tools.notes.schemas import NoteCreate
from tools.notes.service import load_note
from tools.records.resource import Resource

LOADER = Loader("notes", NOTE.table, NoteCreate, one_by_one(load_note))
RESOURCE = Resource(router, NOTE, loader=LOADER)

__all__ = ["RESOURCE"]
