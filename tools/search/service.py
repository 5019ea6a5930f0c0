"""The rules of the search."""

from __future__ import annotations

from collections.abc import Sequence

from common.errors import SearchInvalid
from common.paging import ListQuery
from common.registry import Effective
from database import ReadUnit
from shared_auth import Principal
from shared_models import Page, page_of
from tools.records.service import language_of, readable_kinds
from tools.search import queries
from tools.search.schemas import SearchHit
from tools.search.words import split_words


async def search_records(
    unit: ReadUnit,
    actor: Principal,
    query: ListQuery,
    settings: Effective,
    *,
    kinds: Sequence[str],
    related: tuple[str | None, str | None],
) -> Page[SearchHit]:
    """A page of hits. Raises SearchInvalid without a word, or PermissionDenied for who may read none of the kinds."""
    readable = readable_kinds(actor, kinds)
    words = split_words(query.q or "")
    if not words:
        raise SearchInvalid
    wanted = queries.write_query(words, language_of(settings))
    found = await queries.list_hits(unit, actor, query, readable, wanted, related=related)
    return page_of(SearchHit, found)
