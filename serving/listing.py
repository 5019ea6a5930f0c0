"""What the caller wants of a list."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final

from fastapi import Depends, Query, Request

from common.http.headers import read_path
from common.paging import DEFAULT_LIMIT, MAX_LIMIT, ListQuery
from common.times import GivenTime
from serving.visit import visit_of

MAX_CURSOR_LENGTH: Final = 6000  # an address folded by NFKC, 1,000 characters of up to 4 bytes, in base64url
MAX_SEARCH_LENGTH: Final = 200
UNBOUND: Final = frozenset({"cursor", "limit", "include_total"})  # may differ from one page of a list to the next


Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Items a page.")]
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR_LENGTH, description="`next_cursor` of the page before.")]


async def page_query(request: Request, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> ListQuery:
    """Paging alone, for a list that has one order and is not searched."""
    visit = visit_of(request)
    bound = sorted(item for item in request.query_params.multi_items() if item[0] not in UNBOUND)
    schema = visit.name.schema if visit.name else ""
    return ListQuery(
        limit=limit,
        cursor=cursor,
        sort=None,
        include_total=False,
        q=None,
        created_after=None,
        created_before=None,
        binding=repr((schema, read_path(request.scope), bound)),
        cursors=visit.services.cursors,
    )


async def plain_list_query(  # noqa: PLR0917 - FastAPI calls it by keyword
    request: Request,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    sort: Annotated[
        str | None, Query(max_length=200, description="Fields, comma-separated; a leading `-` reverses.")
    ] = None,
    include_total: Annotated[bool, Query(description="Also count all items, at the cost of a second query.")] = False,
    q: Annotated[str | None, Query(max_length=MAX_SEARCH_LENGTH, description="Text to search for.")] = None,
) -> ListQuery:
    """Paging, sorting and searching, bound to the path and the filters they were asked with."""
    paged = await page_query(request, limit, cursor)
    return replace(paged, sort=sort, include_total=include_total, q=q)


async def list_query(
    plain: Annotated[ListQuery, Depends(plain_list_query)],
    created_after: Annotated[GivenTime | None, Query(description="Only what was created after this.")] = None,
    created_before: Annotated[GivenTime | None, Query(description="Only what was created before this.")] = None,
) -> ListQuery:
    """The same with the times that everything created has."""
    return replace(plain, created_after=created_after, created_before=created_before)
