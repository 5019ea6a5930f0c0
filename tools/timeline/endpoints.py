"""``/tools/timeline``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from dependencies import AnyUser, Listing, ReplicaRead, Replying, Route
from shared_models import Page
from tools.records.endpoints import KindFilter
from tools.records.schemas import RelatedId, RelatedType
from tools.timeline import service
from tools.timeline.schemas import TimelineItem

router = APIRouter(prefix="/tools/timeline", tags=["timeline"], route_class=Route)


@router.get("", summary="List everything about an object")
async def list_timeline(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: ReplicaRead,
    actor: AnyUser,
    listing: Listing,
    reply: Replying,
    related_type: Annotated[RelatedType, Query(min_length=1, examples=["booking"])],
    related_id: Annotated[RelatedId, Query(min_length=1, examples=["BK-1"])],
    kind: KindFilter = (),
) -> Page[TimelineItem]:
    """Notes, tasks, calls, events, attachments and reviews that are linked with one object of another service, newest
    first, as far as you may read them. `q` searches titles and texts. Sort by `created_at`."""
    found = await service.list_timeline(
        unit, actor, listing, related_type=related_type, related_id=related_id, kinds=kind
    )
    return reply.page(found)
