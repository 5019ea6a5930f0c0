"""``/tools/search``."""

from __future__ import annotations

from fastapi import APIRouter

from dependencies import AnyUser, Listing, Obeyed, ReplicaRead, Replying, Route
from shared_models import Page
from tools.records.endpoints import KindFilter
from tools.records.schemas import RelatedId, RelatedType
from tools.search import service
from tools.search.schemas import SearchHit

router = APIRouter(prefix="/tools/search", tags=["search"], route_class=Route)


@router.get("", summary="Search all tools")
async def search_records(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: ReplicaRead,
    actor: AnyUser,
    listing: Listing,
    settings: Obeyed,
    reply: Replying,
    kind: KindFilter = (),
    related_type: RelatedType | None = None,
    related_id: RelatedId | None = None,
) -> Page[SearchHit]:
    """What you may read that has all the words of `q`, or other forms of them in the tenant's language; the last may be
    the beginning of one. Words in titles count more. The best come first, of the 50 newest matches of each kind. Sort
    by `rank` or `created_at`."""
    related = (related_type, related_id)
    return reply.page(await service.search_records(unit, actor, listing, settings, kinds=kind, related=related))
