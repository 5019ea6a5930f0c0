"""Files: streamed in and out, stored once, as visible as the record they belong to."""

from __future__ import annotations

from serving.loading import Loader, one_by_one
from tools.attachments.endpoints import router
from tools.attachments.kind import ATTACHMENT
from tools.attachments.loading import LoadedAttachment, load_attachment
from tools.attachments.sweeping import sweep
from tools.records.resource import Resource

LOADER = Loader(
    "attachments",
    ATTACHMENT.table,
    LoadedAttachment,
    one_by_one(load_attachment),
    references={"parent_id": "parent_type"},
)
RESOURCE = Resource(router, ATTACHMENT, housekeeper=sweep, loader=LOADER)

__all__ = ["RESOURCE"]
