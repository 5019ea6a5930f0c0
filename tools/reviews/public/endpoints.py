"""``/tools/reviews/public``: without a credential, for the tenant's website."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query

from dependencies import Paging, ReplicaRead, Replying, Route, TenantVisit
from shared_models import Page
from tools.reviews.public import service
from tools.reviews.public.schemas import PublicReviews
from tools.reviews.schemas import ReviewSummary, SubjectId, SubjectType
from tools.reviews.summaries import get_summary, list_summaries

router = APIRouter(prefix="/tools/reviews", tags=["reviews"], route_class=Route)

# Anybody's cache may keep it, for as long as a rejected review may still be seen.
KEPT_BY_ALL: Final = "public, max-age=60"
NOT_MODIFIED: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "Not Modified"}}
MAX_SUBJECTS: Final = 100


@router.get("/public", summary="Published reviews of a subject", responses={304: {"description": "Not Modified"}})
async def list_public_reviews(
    unit: ReplicaRead,
    _visit: TenantVisit,
    subject_type: Annotated[SubjectType, Query()],
    subject_id: Annotated[SubjectId, Query()],
    paging: Paging,
    reply: Replying,
) -> PublicReviews:
    """Approved reviews, newest first, and their summary, for anybody. Addresses, and who of the staff did what, are not
    in it. May be cached for a minute; after that, whoever sends the `ETag` as `If-None-Match` gets 304 until something
    published about the subject has changed, which costs the look at one row."""
    summary, version = await get_summary(unit, subject_type, subject_id)
    etag = service.etag_of(paging.binding, paging.limit, paging.cursor, version)
    reply.validate(etag, cache_control=KEPT_BY_ALL)
    return reply.page(await service.list_published(unit, paging, summary))


@router.get("/public/summaries", summary="Summaries of several subjects", responses=NOT_MODIFIED)
async def list_public_summaries(
    unit: ReplicaRead,
    visit: TenantVisit,
    subject_type: Annotated[SubjectType, Query()],
    subject_id: Annotated[
        tuple[SubjectId, ...], Query(min_length=1, max_length=MAX_SUBJECTS, description="Repeated: each of these.")
    ],
    reply: Replying,
) -> Page[ReviewSummary]:
    """For a page that lists many of a kind with their stars: one summary for each `subject_id`, in their order, zeros
    for one without reviews. Cached like the reviews themselves."""
    found = await list_summaries(unit, subject_type, subject_id)
    asked = (visit.name, subject_type, subject_id)
    reply.validate(service.etag_of(asked, [version for _, version in found]), cache_control=KEPT_BY_ALL)
    return Page(items=[summary for summary, _ in found], total=len(found))
