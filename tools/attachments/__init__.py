"""Files: streamed in and out, stored once, as visible as the record they belong to."""

from __future__ import annotations

from tools.attachments.endpoints import router
from tools.attachments.kind import ATTACHMENT
from tools.attachments.sweeping import sweep
from tools.records.resource import Resource

RESOURCE = Resource(router, ATTACHMENT, housekeeper=sweep)

__all__ = ["RESOURCE"]
