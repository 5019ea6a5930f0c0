"""Tasks: what is to be done, by whom and until when."""

from __future__ import annotations

from tools.records.resource import Resource
from tools.tasks.endpoints import router
from tools.tasks.kind import TASK

RESOURCE = Resource(router, TASK)

__all__ = ["RESOURCE"]
