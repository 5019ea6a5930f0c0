"""The one bounded path for all lists: keyset pages, an allow-listed order with the id as tiebreaker, signed cursors.

A cursor holds the sort values of the last row seen. Its signature covers the tenant, the route, the filters and the
order, so a cursor cannot be used anywhere but where it came from.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Executable,
    Row,
    Select,
    and_,
    false,
    func,
    literal,
    or_,
    select,
    true,
)

from common.errors import CursorInvalid, SortInvalid
from common.keys import from_base64url, to_base64url
from common.postgresql.execution import Answer, Written

MAX_LIMIT: Final = 200
DEFAULT_LIMIT: Final = 50
_TAG_BYTES: Final = 16


AnySelect = Select[*tuple[Any, ...]]
"""A SELECT of whatever columns."""


class Executes(Protocol):
    """A unit of work, as far as lists need one."""

    async def execute(self, statement: Executable | Written, parameters: Mapping[str, Any] | None = None) -> Answer: ...


class CursorCodec:
    """Writes and reads cursors."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def write(self, values: Sequence[Any], binding: str) -> str:
        """A cursor that continues after the row with these sort values."""
        body = json.dumps([_to_json(value) for value in values], separators=(",", ":"), ensure_ascii=False).encode()
        return to_base64url(self._tag(body, binding) + body)

    def read(self, text: str, binding: str) -> list[Any]:
        """The sort values in a cursor made for the same list. Raises CursorInvalid."""
        data = from_base64url(text)
        if data is None:
            raise CursorInvalid
        tag, body = data[:_TAG_BYTES], data[_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(body, binding)):
            raise CursorInvalid
        return [_from_json(value) for value in json.loads(body)]

    def _tag(self, body: bytes, binding: str) -> bytes:
        bound = hashlib.sha256(binding.encode()).digest()
        return hmac.new(self._key, bound + body, hashlib.sha256).digest()[:_TAG_BYTES]


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What the caller asked a list for. ``binding`` names tenant, route, filters and order."""

    limit: int
    cursor: str | None
    sort: str | None
    include_total: bool
    q: str | None
    created_after: datetime | None
    created_before: datetime | None
    binding: str
    cursors: CursorCodec


class Search(Protocol):
    """What is looked for, in a list or in anything else that can be searched."""

    @property
    def q(self) -> str | None: ...

    @property
    def created_after(self) -> datetime | None: ...

    @property
    def created_before(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Order:
    """How a list may be sorted: its fields by name, each NOT NULL, the id that breaks ties, and the default."""

    fields: Mapping[str, ColumnElement[Any]]
    identity: ColumnElement[Any]
    default: str = "-created_at"

    def parse(self, text: str | None) -> list[tuple[ColumnElement[Any], bool]]:
        """The columns to sort by, each with whether it descends. Raises SortInvalid."""
        chosen: list[tuple[ColumnElement[Any], bool]] = []
        for part in (text or self.default).split(","):
            name = part.removeprefix("-")
            if name not in self.fields:
                raise SortInvalid(f"The list can be sorted by {', '.join(sorted(self.fields))}; a leading - reverses.")
            chosen.append((self.fields[name], part.startswith("-")))
        if len(chosen) > len(self.fields):
            raise SortInvalid("A field appears twice in the order.")
        if chosen[-1][0] is self.identity:
            return chosen
        return [*chosen, (self.identity, chosen[-1][1])]


@dataclass(frozen=True, slots=True)
class Slice:
    """A page's rows, with how to go on and, if asked for, how many there are in all."""

    rows: list[Row[Any]]
    next_cursor: str | None
    total: int | None


async def fetch_slice(
    unit: Executes, statement: AnySelect, order: Order, query: ListQuery, *, counted: AnySelect | None = None
) -> Slice:
    """Run ``statement``, which has its filters already, for one page. One statement, two with ``include_total``, which
    counts the rows of ``counted`` where ``statement`` has not all of them."""
    columns = order.parse(query.sort)
    page = statement.add_columns(*(column.label(f"cursor_{n}") for n, (column, _) in enumerate(columns)))
    rows = list((await unit.execute(bounded(page, order, query))).all())
    next_cursor = None
    if len(rows) > query.limit:  # one more than asked for: there is a next page
        rows = rows[: query.limit]
        next_cursor = query.cursors.write(list(rows[-1])[-len(columns) :], query.binding)
    total = await _count(unit, statement if counted is None else counted) if query.include_total else None
    return Slice(rows, next_cursor, total)


def bounded(statement: AnySelect, order: Order, query: ListQuery) -> AnySelect:
    """The rows of a statement that can be on the page, in order, and one more: also of one of several statements that
    make a list together, so that none is read to its end."""
    columns = order.parse(query.sort)
    if query.cursor is not None:
        statement = statement.where(_after(columns, query.cursors.read(query.cursor, query.binding)))
    ordered = statement.order_by(*(column.desc() if descends else column.asc() for column, descends in columns))
    return ordered.limit(query.limit + 1)


def created_within(column: ColumnElement[datetime], query: Search) -> ColumnElement[bool]:
    """The condition behind ``created_after`` and ``created_before``, both exclusive."""
    after = column > query.created_after if query.created_after else true()
    before = column < query.created_before if query.created_before else true()
    return and_(after, before)


def contains(text: str, *columns: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether any of the columns contains the text, whatever its case; ``%`` and ``_`` mean themselves."""
    return or_(*(column.icontains(text, autoescape=True) for column in columns))


def _after(columns: Sequence[tuple[ColumnElement[Any], bool]], values: Sequence[Any]) -> ColumnElement[bool]:
    """Rows behind the given one: for a, b, id that is a > x OR a = x AND (b > y OR b = y AND id > z)."""
    if len(values) != len(columns):
        raise CursorInvalid
    # Bound, not written into the text: SQLAlchemy would turn a boolean into a keyword, which has no order.
    bounds = [literal(value, column.type) for (column, _), value in zip(columns, values, strict=True)]
    condition: ColumnElement[bool] = false()
    for (column, descends), bound in zip(reversed(columns), reversed(bounds), strict=True):
        beyond = column < bound if descends else column > bound
        condition = or_(beyond, and_(column == bound, condition))
    (first, descends), bound = columns[0], bounds[0]
    # Follows from the condition, and is what an index can begin at: page 20,000 costs what the first one does.
    return and_(first <= bound if descends else first >= bound, condition)


async def _count(unit: Executes, statement: AnySelect) -> int:
    rows = statement.order_by(None).subquery()
    return int((await unit.execute(select(func.count()).select_from(rows))).scalar_one())


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    if isinstance(value, UUID):
        return {"id": value.hex}
    return value


def _from_json(value: Any) -> Any:
    if isinstance(value, dict):
        return datetime.fromisoformat(value["time"]) if "time" in value else UUID(value["id"])
    return value
