"""From one task of a series to the next: its times, by the clock of a time zone.

A rule is about what the clock on the wall shows: "every day at nine" stays at nine when summer time begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from tools.recurrence.dates import next_date
from tools.recurrence.rules import Rule
from tools.tasks.recurrence.rules import is_over


@dataclass(frozen=True, slots=True)
class Times:
    """When a task begins and is due; a time that it does not have is None."""

    start_at: datetime | None
    due_at: datetime | None

    @property
    def anchor(self) -> datetime | None:
        """The time that the rule is about."""
        return self.due_at or self.start_at


def next_times(
    rule: Rule, times: Times, zone: ZoneInfo, *, completed_at: datetime, earlier: Times | None = None
) -> Times | None:
    """When the next task of a series begins and is due; None when the series is over.

    A task without a time of its own counts from its completion, and the next is due. ``earlier`` are the times of the
    task before: its clock is kept where this one had to give way to a change of the clocks.
    """
    if rule.count is not None and rule.count <= 1:
        return None
    anchor = times.anchor or completed_at
    local = _on_the_wall(anchor, zone, earlier.anchor if earlier else None)
    day = next_date(rule, local.date())
    if day is None:
        return None
    following = datetime.combine(day, local.time())
    moment = _in_utc(following, zone)
    if is_over(rule, following, moment):
        return None
    if times.due_at is None and times.start_at is not None:
        return Times(moment, None)
    if times.start_at is None:
        return Times(None, moment)
    start_at = _in_utc(_on_the_wall(times.start_at, zone, None) + (following - local), zone)
    return Times(min(start_at, moment), moment)  # in the hour that summer time skips, what came before can come behind


def _on_the_wall(moment: datetime, zone: ZoneInfo, earlier: datetime | None) -> datetime:
    """What the clock shows at a moment, or should have shown: where "03:30" did not exist, it was put off to 04:30, and
    the day after it is half past three again."""
    local = moment.astimezone(zone).replace(tzinfo=None)
    if earlier is not None:
        meant = datetime.combine(local.date(), earlier.astimezone(zone).time())
        if _in_utc(meant, zone) == moment:
            return meant
    return local


def _in_utc(local: datetime, zone: ZoneInfo) -> datetime:
    """The moment at which the clock shows this; the first of two. A time that does not exist is read by the offset
    before the gap, as RFC 5545 section 3.3.5 says."""
    return local.replace(tzinfo=zone).astimezone(UTC)
