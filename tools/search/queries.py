"""The SQL of the search: the words' query, the best of the newest matches of each kind, and where the words are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Double,
    Text,
    bindparam,
    cast,
    func,
    literal,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.sql.elements import Grouping

from common.paging import AnySelect, ListQuery, Order, Slice, created_within, fetch_slice
from database import ReadUnit
from shared_auth import Principal
from tools.models import SEARCH_LANGUAGES
from tools.records.kinds import Kind
from tools.records.queries import is_about, is_living, reach
from tools.search.words import as_prefix, as_whole

# Of each kind only so many matches are ranked, the newest: a word that every second record has must not cost a look at
# each of a million. PostgreSQL then finds rare words by the index of words, and frequent ones by that of the time. The
# dearest are those in between: they cost about as much as the root of this number.
RANKED: Final = 50
READ_OF_TEXT: Final = 5_000  # characters in which an excerpt is looked for
EXCERPT_OPTIONS: Final = (
    'MaxWords=30, MinWords=12, StartSel="", StopSel=""'  # no marks: they would be mistaken for HTML
)
LENGTH_MATTERS: Final = 1  # of ts_rank: divided by 1 + log(length) (PostgreSQL 12.3.3)


def write_query(words: Sequence[str], language: str) -> ColumnElement[Any]:
    """All of the words, each as it stands or by its stem, and the last, which may still be being typed, also as the
    beginning of one: all words with a beginning cost far more to look up than a word. ``language`` is a code of
    ``SEARCH_LANGUAGES`` or empty; the name of a dictionary cannot be a parameter's, but is never the caller's text
    either."""
    simple: ColumnElement[Any] = literal_column("'simple'::regconfig")
    parts: list[ColumnElement[Any]] = []
    for number, word in enumerate(words):
        typed = as_prefix(word) if number == len(words) - 1 else as_whole(word)
        part: ColumnElement[Any] = func.to_tsquery(simple, bindparam(f"typed_{number}", typed, Text))
        if language:
            stemming: ColumnElement[Any] = literal_column(f"'{SEARCH_LANGUAGES[language]}'::regconfig")
            part = part.op("||")(func.plainto_tsquery(stemming, bindparam(f"word_{number}", word, Text)))
        parts.append(Grouping(part))
    return reduce(lambda left, right: left.op("&&")(right), parts)


def _select_matches(
    kind: Kind,
    actor: Principal,
    query: ListQuery,
    wanted: ColumnElement[Any],
    *,
    related: tuple[str | None, str | None],
) -> AnySelect:
    columns = kind.table.c
    statement = select(
        columns.id,
        cast(columns[kind.title], Text).label("title"),
        func.coalesce(columns[kind.text], "").label("text"),
        columns.search,
        columns.created_by,
        columns.created_at,
        columns.updated_at,
    ).where(
        columns.search.op("@@")(wanted),
        is_living(kind),
        reach(kind, actor, "read"),
        created_within(columns.created_at, query),
    )
    if any(related):
        statement = statement.where(is_about(kind, *related))
    newest = statement.order_by(columns.created_at.desc(), columns.id.desc()).limit(RANKED).subquery().c
    # Only out here: beside the LIMIT, PostgreSQL would rank all matches before it sorts them.
    rank = cast(func.ts_rank(newest.search, wanted, LENGTH_MATTERS), Double).label("rank")
    others = (column for column in newest if column.key != "search")
    return select(literal(kind.name).label("kind"), rank, *others)


async def list_hits(
    unit: ReadUnit,
    actor: Principal,
    query: ListQuery,
    kinds: Sequence[Kind],
    wanted: ColumnElement[Any],
    *,
    related: tuple[str | None, str | None],
) -> Slice:
    """A page of what somebody may read, best first."""
    unit.plan_anew()
    hits = union_all(*(_select_matches(kind, actor, query, wanted, related=related) for kind in kinds)).subquery()
    text = func.left(hits.c.text, READ_OF_TEXT)
    excerpt = func.ts_headline(literal_column("'simple'::regconfig"), text, wanted, EXCERPT_OPTIONS)
    shown = ("kind", "id", "title", "rank", "created_by", "created_at", "updated_at")
    statement = select(*(hits.c[name] for name in shown), excerpt.label("excerpt"))
    order = Order({"rank": hits.c.rank, "created_at": hits.c.created_at}, hits.c.id, default="-rank,-created_at")
    return await fetch_slice(unit, statement, order, query)
