"""Everything there is about one object of another service, of all kinds, newest first."""

from __future__ import annotations

from tools.records.resource import Resource
from tools.timeline.endpoints import router

RESOURCE = Resource(router)

__all__ = ["RESOURCE"]
