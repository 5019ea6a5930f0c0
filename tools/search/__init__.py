"""Full-text search over the records of all kinds."""

from __future__ import annotations

from tools.records.resource import Resource
from tools.search.endpoints import router

RESOURCE = Resource(router)

__all__ = ["RESOURCE"]
