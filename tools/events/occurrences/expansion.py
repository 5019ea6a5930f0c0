"""From events to their occurrences."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from common.enums import EventStatus
from common.errors import TooManyOccurrences
from tools.events.occurrences.schemas import Window
from tools.events.schedule import Schedule, overlaps

MAX_OCCURRENCES: Final = 5_000
AHEAD: Final = (32, 366, 9 * 366)  # days, in steps: most recur soon, and a 29th of February after eight years at last
FEW: Final = 500  # events that are worked out at once, more have a thread
RECURRING: Final = 100  # what a recurring one counts as: five daily ones of a year take 15 ms


@dataclass(frozen=True, slots=True)
class Happening:
    """An occurrence of the event in a row. ``change`` is how it differs."""

    row: Any
    original: datetime
    starts_at: datetime
    ends_at: datetime
    change: Mapping[str, Any] | None

    def value(self, name: str) -> Any:
        """A field of the occurrence: its own, or the event's."""
        own = self.change.get(name) if self.change else None
        return getattr(self.row, name) if own is None else own

    @property
    def is_cancelled(self) -> bool:
        """Whether it does not take place."""
        return bool(self.value("status") == EventStatus.CANCELLED)


async def expand(rows: Sequence[Any], window: Window) -> list[Happening]:
    """Everything that happens in a window, the earliest first. Raises TooManyOccurrences."""
    if sum(RECURRING if row.rrule is not None else 1 for row in rows) <= FEW:
        return _expand(rows, window)
    return await asyncio.to_thread(_expand, rows, window)


def _expand(rows: Iterable[Any], window: Window) -> list[Happening]:
    found: list[Happening] = []
    for row in rows:
        for happening in happenings_of(row, window):
            found.append(happening)
            if len(found) > MAX_OCCURRENCES:
                raise TooManyOccurrences
    return sorted(found, key=lambda one: (one.starts_at, one.row.id))


def happenings_of(row: Any, window: Window) -> Iterator[Happening]:
    """The occurrences of one event in a window; those that differ come last."""
    schedule = Schedule.of(row)
    changes = {datetime.fromisoformat(one["original_starts_at"]): one for one in row.changed_occurrences}
    for start in schedule.starts_within(window.low, window.high):
        if start not in schedule.exdates and start not in changes:
            yield Happening(row, start, start, schedule.end_of(start), None)
    for original, change in changes.items():
        start, end = _times(schedule, original, change)
        if original not in schedule.exdates and overlaps(start, end, window.low, window.high):
            yield Happening(row, original, start, end, change)


def next_start(row: Any, after: datetime) -> datetime | None:
    """When an event takes place for the first time after a moment; None if it does not within the years that are looked
    ahead."""
    low = after
    for days in AHEAD:
        window = Window(low=low, high=low + timedelta(days=days))
        found = [one.starts_at for one in happenings_of(row, window) if one.starts_at > after and not one.is_cancelled]
        if found:
            return min(found)
        low = window.high
    return None


def _times(schedule: Schedule, original: datetime, change: Mapping[str, Any]) -> tuple[datetime, datetime]:
    if change["starts_at"] is None:
        return original, schedule.end_of(original)
    return datetime.fromisoformat(change["starts_at"]), datetime.fromisoformat(change["ends_at"])
