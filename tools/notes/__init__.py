"""Notes in Markdown, pinned or private."""

from __future__ import annotations

from tools.notes.endpoints import router
from tools.notes.kind import NOTE
from tools.records.resource import Resource

RESOURCE = Resource(router, NOTE)

__all__ = ["RESOURCE"]
