"""The rules of timelines."""

from __future__ import annotations

from collections.abc import Sequence

from common.paging import ListQuery
from database import ReadUnit
from shared_auth import Principal
from shared_models import Page, page_of
from tools.records.service import readable_kinds
from tools.timeline import queries
from tools.timeline.schemas import TimelineItem


async def list_timeline(
    unit: ReadUnit,
    actor: Principal,
    query: ListQuery,
    *,
    related_type: str,
    related_id: str,
    kinds: Sequence[str],
) -> Page[TimelineItem]:
    """A page of an object's timeline. Raises PermissionDenied for who may read none of the kinds."""
    found = await queries.list_items(
        unit, actor, query, readable_kinds(actor, kinds), related_type=related_type, related_id=related_id
    )
    return page_of(TimelineItem, found)
