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
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import DateTime, LargeBinary, case, column, delete, func, literal, select, table, union_all
from sqlalchemy.dialects.postgresql import Insert, insert

from common.clock import now
from common.paging import Executes

_limits = table("rate_limits", column("key", LargeBinary), column("full_at", DateTime(timezone=True)))
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
        moment = now()
        new = _insert([(item.key, moment + item.cost) for item in tries])
        counted = func.greatest(_limits.c.full_at, literal(moment)) + (new.excluded.full_at - literal(moment))
        bounds = case({item.key: literal(moment + item.window) for item in tries}, value=_limits.c.key)
        statement = new.on_conflict_do_update(
            index_elements=["key"], set_={"full_at": counted}, where=counted <= bounds
        ).returning(_limits.c.key, _limits.c.full_at)
        counted_at = {row.key: row.full_at for row in await unit.execute(statement)}
        blocked = [item.key for item in tries if item.key not in counted_at]
        blocked_at = await self._read(unit, blocked) if blocked else {}
        return [_spent(item, moment, counted_at.get(item.key), blocked_at.get(item.key)) for item in tries]

    async def refund(self, unit: Executes, tries: Sequence[Try]) -> None:
        """Take one try of each key back.

        The rows are locked in the order of ``spend``: a plain UPDATE locks them as it finds them, and the two deadlock.
        """
        moment = now()
        costs = case({item.key: literal(item.cost) for item in tries}, value=_limits.c.key)
        full = _insert([(item.key, moment) for item in tries])
        await unit.execute(
            full.on_conflict_do_update(index_elements=["key"], set_={"full_at": _limits.c.full_at - costs})
        )

    async def forget(self, unit: Executes, tries: Sequence[Try]) -> None:
        """Give whoever shares these keys all tries back."""
        await unit.execute(delete(_limits).where(_limits.c.key.in_([item.key for item in tries])))

    async def clean(self, unit: Executes) -> None:
        """Remove what has long been full."""
        await unit.execute(delete(_limits).where(_limits.c.full_at < now() - KEPT_AFTER_FULL))

    async def _read(self, unit: Executes, keys: Sequence[bytes]) -> dict[bytes, datetime]:
        found = await unit.execute(select(_limits.c.key, _limits.c.full_at).where(_limits.c.key.in_(keys)))
        return {row.key: row.full_at for row in found}


def _insert(rows: Sequence[tuple[bytes, datetime]]) -> Insert:
    """An INSERT of these rows, in this order. Not a list of VALUES, which SQLAlchemy compiles anew every time: that
    alone was a sixth of what a login costs beside its hash."""
    values = [select(literal(key, LargeBinary), literal(full_at, DateTime(timezone=True))) for key, full_at in rows]
    return insert(_limits).from_select(["key", "full_at"], union_all(*values))


def _spent(item: Try, moment: datetime, counted: datetime | None, blocked: datetime | None) -> Spent:
    if counted is not None:
        return Spent(item.limit, math.floor((moment + item.window - counted) / item.cost + 1e-6), 0)
    wait = (blocked or moment) + item.cost - item.window - moment
    return Spent(item.limit, 0, max(1, math.ceil(wait.total_seconds())))
