"""What customers say about subjects of other services: moderated, answered, summed up, shown to the public."""

from __future__ import annotations

from tools.records.resource import Resource
from tools.reviews.endpoints import router
from tools.reviews.kind import REVIEW

RESOURCE = Resource(router, REVIEW)

__all__ = ["RESOURCE"]
