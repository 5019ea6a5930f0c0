"""Statistics of calls: per person and day, where a day is one of a time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from common.clock import now
from common.enums import CallDirection, CallStatus
from common.errors import RangeInvalid
from database import ReadUnit
from shared_auth import Principal
from tools.calls import queries
from tools.calls.schemas import CallStatistics, DayOfCalls

USUAL_DAYS: Final = 7
MAX_DAYS: Final = 92
MAX_ITEMS: Final = 10_000  # some 4 MB


async def count_calls(
    unit: ReadUnit,
    actor: Principal,
    *,
    first_day: date | None,
    last_day: date | None,
    user_id: UUID | None,
    time_zone: str,
) -> CallStatistics:
    """Both days count; without them, the last seven. Raises RangeInvalid."""
    last = last_day or now().astimezone(ZoneInfo(time_zone)).date()
    first = first_day or last - timedelta(days=USUAL_DAYS - 1)
    if not 1 <= (last - first).days + 1 <= MAX_DAYS:
        raise RangeInvalid(f"From the first day to the last, 1 to {MAX_DAYS} can be counted.", pointer="/query/from")
    days = begin_of_days(first, last, time_zone)
    rows = await queries.count_calls(unit, actor, days, user_id=user_id, limit=MAX_ITEMS + 1)
    if len(rows) > MAX_ITEMS:
        raise RangeInvalid(f"That is more than {MAX_ITEMS} days of people: name one, or fewer days.")
    items = [_shown(row, first) for row in rows]
    return CallStatistics(first_day=first, last_day=last, time_zone=time_zone, items=items)


def begin_of_days(first: date, last: date, time_zone: str) -> list[datetime]:
    """The moments at which the days begin, and the one at which the last ends: a day may have 23 or 25 hours."""
    zone = ZoneInfo(time_zone)
    dates = (first + timedelta(days=number) for number in range((last - first).days + 2))
    return [datetime.combine(day, time.min, zone).astimezone(UTC) for day in dates]


def _shown(row: Row[Any], first: date) -> DayOfCalls:
    counts = row._mapping
    return DayOfCalls(
        day=first + timedelta(days=row.day - 1),
        user_id=row.created_by,
        total=row.total,
        by_status={status: counts[status] for status in CallStatus},
        by_direction={direction: counts[direction] for direction in CallDirection},
        total_duration_seconds=row.total_duration,
        average_duration_seconds=None if row.average_duration is None else round(float(row.average_duration), 1),
    )
