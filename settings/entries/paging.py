"""Pages of what is in memory already, as ``common.paging`` makes them of what is in tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from common.errors import CursorInvalid
from common.paging import ListQuery, Order
from settings.models import Setting
from shared_models import Page

_settings: Any = Setting.__table__
ORDER: Final = Order(fields={"key": _settings.c.key}, identity=_settings.c.key, default="key")

Item = TypeVar("Item")


def page_by_key(items: Sequence[Item], key_of: Callable[[Item], str], query: ListQuery) -> Page[Any]:
    """A page of items that come in the order of their keys, which are unique."""
    descends = ORDER.parse(query.sort)[0][1]
    wanted = list(reversed(items)) if descends else list(items)
    if query.cursor is not None:
        last = _read_key(query)
        wanted = [item for item in wanted if (key_of(item) < last if descends else key_of(item) > last)]
    shown = wanted[: query.limit]
    more = len(wanted) > query.limit
    return Page(
        items=shown,
        next_cursor=query.cursors.write([key_of(shown[-1])], query.binding) if more else None,
        total=len(items) if query.include_total else None,
    )


def _read_key(query: ListQuery) -> str:
    values = query.cursors.read(query.cursor or "", query.binding)
    if len(values) != 1 or not isinstance(values[0], str):
        raise CursorInvalid
    return values[0]


def finds(query: ListQuery, *texts: str) -> bool:
    """Whether any of the texts contains what is searched for, whatever its case."""
    return query.q is None or any(query.q.casefold() in text.casefold() for text in texts)
