"""Rate limits that a restart of anything but PostgreSQL's disk cannot reset.

The generic cell rate algorithm (ITU-T I.371): one timestamp a key says when its bucket will be full again. A try costs
``window / limit``; a key that is ahead of the clock by more than the window has no try left. Keys are keyed digests, so
that the table says nothing about who tried what.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    Case,
    DateTime,
    Executable,
    Interval,
    LargeBinary,
    Row,
    bindparam,
    case,
    column,
    delete,
    func,
    select,
    table,
    union_all,
)
from sqlalchemy.dialects.postgresql import Insert, insert

from common.paging import Executes

TIME: Final = DateTime(timezone=True)
# The database's clock, which all processes share: one that is an hour ahead would lock everybody out for an hour.
MOMENT: Final = func.statement_timestamp(type_=TIME)
_limits = table("rate_limits", column("key", LargeBinary), column("full_at", TIME))
KEPT_AFTER_FULL: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``tries`` in any ``seconds`` for whoever shares a key, all at once or spread out."""

    name: str
    tries: int
    seconds: int

    @property
    def policy(self) -> str:
        """As the header ``RateLimit-Policy`` tells it (draft-ietf-httpapi-ratelimit-headers)."""
        return f'"{self.name}";q={self.tries};w={self.seconds}'


@dataclass(frozen=True, slots=True)
class Spent:
    """What is left after a try; ``retry_after`` is 0 while something is."""

    limit: Limit
    remaining: int
    retry_after: int  # seconds

    @property
    def allowed(self) -> bool:
        """Whether this try was within the limit."""
        return self.retry_after == 0


@dataclass(frozen=True, slots=True)
class Try:
    """One try at a limit, by whoever the key stands for."""

    limit: Limit
    key: bytes

    @property
    def cost(self) -> timedelta:
        """How far a try pushes the bucket ahead."""
        return timedelta(seconds=self.limit.seconds / self.limit.tries)

    @property
    def window(self) -> timedelta:
        """How far ahead it may be."""
        return timedelta(seconds=self.limit.seconds)


class Limiter:
    """Counts tries by keys that only this service can make."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def attempt(self, limit: Limit, *parts: str) -> Try:
        """A try by whoever the parts name together. They are length-prefixed, so that none runs into the next."""
        message = "".join(f"{len(part)}:{part}" for part in (limit.name, *parts))
        digest = hmac.new(self._key, message.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
        return Try(limit, digest)

    async def spend(self, unit: Executes, tries: Sequence[Try]) -> list[Spent]:
        """Count all tries in one statement. A key that has none left is not pushed further ahead: waiting helps.

        The keys' rows are locked in the order given: the most shared one last, for the shortest time.
        """
        values: dict[str, Any] = {}
        for number, item in enumerate(tries):
            values |= {f"key{number}": item.key, f"cost{number}": item.cost, f"window{number}": item.window}
        counted = {row.key: row for row in await unit.execute(_spending(len(tries)), values)}
        blocked = [item.key for item in tries if item.key not in counted]
        found = await self._read(unit, blocked) if blocked else {}
        return [_spent(item, counted.get(item.key), found.get(item.key)) for item in tries]

    async def refund(self, unit: Executes, tries: Sequence[Try]) -> None:
        """Take one try of each key back.

        The rows are locked in the order of ``spend``: a plain UPDATE locks them as it finds them, and the two deadlock.
        """
        values: dict[str, Any] = {}
        for number, item in enumerate(tries):
            values |= {f"key{number}": item.key, f"cost{number}": item.cost}
        await unit.execute(_refunding(len(tries)), values)

    async def forget(self, unit: Executes, tries: Sequence[Try]) -> None:
        """Give whoever shares these keys all tries back."""
        await unit.execute(delete(_limits).where(_limits.c.key.in_([item.key for item in tries])))

    async def clean(self, unit: Executes) -> None:
        """Remove what has long been full."""
        await unit.execute(delete(_limits).where(_limits.c.full_at < MOMENT - KEPT_AFTER_FULL))

    async def _read(self, unit: Executes, keys: Sequence[bytes]) -> dict[bytes, Row[Any]]:
        columns = _limits.c.key, _limits.c.full_at, MOMENT.label("moment")
        return {row.key: row for row in await unit.execute(select(*columns).where(_limits.c.key.in_(keys)))}


# The statements for so many tries, each written once: putting one together takes longer than running it.


@cache
def _spending(tries: int) -> Executable:
    new = _insert(tries, costs=True)
    counted = func.greatest(_limits.c.full_at, MOMENT) + (new.excluded.full_at - MOMENT)
    return new.on_conflict_do_update(
        index_elements=["key"], set_={"full_at": counted}, where=counted <= MOMENT + _by_key(tries, "window")
    ).returning(_limits.c.key, _limits.c.full_at, MOMENT.label("moment"))


@cache
def _refunding(tries: int) -> Executable:
    reduced = _limits.c.full_at - _by_key(tries, "cost")
    return _insert(tries, costs=False).on_conflict_do_update(index_elements=["key"], set_={"full_at": reduced})


def _by_key(tries: int, name: str) -> Case[Any]:
    return case(*((_limits.c.key == _key(each), _interval(f"{name}{each}")) for each in range(tries)))


def _insert(tries: int, *, costs: bool) -> Insert:
    """An INSERT of so many rows, in their order. Not a list of VALUES, which SQLAlchemy compiles anew every time."""
    rows = [select(_key(each), MOMENT + _interval(f"cost{each}") if costs else MOMENT) for each in range(tries)]
    return insert(_limits).from_select(["key", "full_at"], union_all(*rows))


def _key(number: int) -> BindParameter[bytes]:
    return bindparam(f"key{number}", type_=LargeBinary())


def _interval(name: str) -> BindParameter[timedelta]:
    return bindparam(name, type_=Interval())


def _spent(item: Try, counted: Row[Any] | None, blocked: Row[Any] | None) -> Spent:
    if counted is not None:
        return Spent(item.limit, math.floor((counted.moment + item.window - counted.full_at) / item.cost + 1e-6), 0)
    ahead = blocked.full_at - blocked.moment if blocked is not None else timedelta()
    return Spent(item.limit, 0, max(1, math.ceil((ahead + item.cost - item.window).total_seconds())))
