"""When an event takes place: what is a possible time, and the moments of its occurrences across changes of the clock.

A recurring event keeps its hour in its own time zone. What a clock skips or repeats is read as RFC 5545 section 3.3.5
says, which is also what Python does with ``fold=0``: the first of two, and a skipped hour by the offset before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from common.enums import EventStatus
from common.errors import ScheduleInvalid
from tools.events.rules import LAST_YEAR, read_rule
from tools.recurrence.dates import Effort, dates_within, last_date
from tools.recurrence.rules import Rule, RuleError

LAST_DAY: Final = date(LAST_YEAR, 12, 31)
MAX_DURATION: Final = timedelta(days=366)
SPARE: Final = timedelta(days=2)  # of a date in one zone from the moment in another


@dataclass(frozen=True, slots=True)
class Schedule:
    """The times of an event that was checked."""

    starts_at: datetime
    ends_at: datetime
    all_day: bool
    timezone: str
    rrule: str | None
    exdates: frozenset[datetime]
    last_ends_at: datetime | None

    @classmethod
    def of(cls, event: Any) -> Schedule:
        """That of a row, or of anything with the fields of an event."""
        return cls(
            starts_at=event.starts_at,
            ends_at=event.ends_at,
            all_day=event.all_day,
            timezone=event.timezone,
            rrule=event.rrule,
            exdates=frozenset(event.exdates),
            last_ends_at=event.last_ends_at,
        )

    @property
    def zone(self) -> ZoneInfo:
        """In which its clock runs."""
        return ZoneInfo(self.timezone)

    def end_of(self, start: datetime) -> datetime:
        """The end of the occurrence that starts then: after as many days, or after exactly as long."""
        if not self.all_day:
            return start + (self.ends_at - self.starts_at)
        zone = self.zone
        days = local_date(self.ends_at, zone) - local_date(self.starts_at, zone)
        return moment_of(local_date(start, zone) + days, time(), zone)

    def starts_within(self, low: datetime, high: datetime) -> Iterator[datetime]:
        """The starts of the rule's occurrences that happen between two moments, in order, excluded ones too."""
        if self.rrule is None:
            if overlaps(self.starts_at, self.ends_at, low, high):
                yield self.starts_at
            return
        zone = self.zone
        local = self.starts_at.astimezone(zone)
        rule = _read(self.rrule, self.timezone)
        first = max(low, self.starts_at) - (self.ends_at - self.starts_at) - SPARE
        for day in dates_within(rule, local.date(), first.date(), min((high + SPARE).date(), LAST_DAY)):
            start = moment_of(day, local.time(), zone)
            end = self.end_of(start)
            if self.last_ends_at is not None and end > self.last_ends_at:
                return
            if overlaps(start, end, low, high):
                yield start

    def happens_at(self, start: datetime) -> bool:
        """Whether one of the rule's occurrences, excluded or not, starts exactly then."""
        return any(found == start for found in self.starts_within(start, start + timedelta(microseconds=1)))


def check_schedule(values: Mapping[str, Any], effort: Effort | None = None) -> dict[str, Any]:
    """The times of an event as they are stored: the rule in its canonical form, and when all is over. Raises
    ScheduleInvalid, also when ``effort``, which several may share, does not suffice for the rule."""
    starts_at, ends_at = values["starts_at"].astimezone(UTC), values["ends_at"].astimezone(UTC)
    zone = ZoneInfo(values["timezone"])
    _check_times(starts_at, ends_at, zone, all_day=values["all_day"])
    exdates = sorted({moment.astimezone(UTC) for moment in values["exdates"]})
    if values["rrule"] is None:
        if exdates:
            raise _refusal("exdates", "Without rrule there is nothing to leave out.")
        return {"starts_at": starts_at, "ends_at": ends_at, "exdates": [], "last_ends_at": ends_at}
    try:
        rule = read_rule(values["rrule"], zone)
        plain = Schedule(starts_at, ends_at, values["all_day"], values["timezone"], rule.text, frozenset(), None)
        _check_start(rule, plain)
        last_ends_at = _last_end(rule, plain, effort or Effort())
    except RuleError as error:
        raise _refusal("rrule", str(error)) from None
    return {
        "starts_at": starts_at,
        "ends_at": ends_at,
        "rrule": rule.text,
        "exdates": exdates,
        "last_ends_at": last_ends_at,
    }


def check_times(schedule: Schedule, starts_at: datetime, ends_at: datetime) -> None:
    """Whether one occurrence of an event may be moved there. Raises ScheduleInvalid."""
    _check_times(starts_at, ends_at, schedule.zone, all_day=schedule.all_day)


def takes_place(event: Any) -> bool:
    """Whether an event was neither deleted nor cancelled."""
    return event.deleted_at is None and event.status != EventStatus.CANCELLED


def moment_of(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """When a clock in the zone shows that time."""
    return datetime.combine(day, clock.replace(fold=0), zone).astimezone(UTC)


def local_date(moment: datetime, zone: ZoneInfo) -> date:
    """The date in the zone."""
    return moment.astimezone(zone).date()


def overlaps(start: datetime, end: datetime, low: datetime, high: datetime) -> bool:
    """Whether something happens between two moments; what takes no time does at its moment."""
    return start < high and (end > low or start == end == low)


@lru_cache(maxsize=4096)
def _read(text: str, timezone: str) -> Rule:
    return read_rule(text, ZoneInfo(timezone))


def _check_times(starts_at: datetime, ends_at: datetime, zone: ZoneInfo, *, all_day: bool) -> None:
    for name, moment in (("starts_at", starts_at), ("ends_at", ends_at)):
        if all_day and moment_of(local_date(moment, zone), time(), zone) != moment:
            raise _refusal(name, "An event of whole days must start and end at midnight in its timezone.")
    if ends_at < starts_at or (all_day and ends_at == starts_at):
        raise _refusal(
            "ends_at", "An event must end after it starts; one of whole days ends on the day after its last."
        )
    if ends_at - starts_at > MAX_DURATION:
        raise _refusal("ends_at", f"An event must not take longer than {MAX_DURATION.days} days.")


def _check_start(rule: Rule, schedule: Schedule) -> None:
    """The start is the first occurrence: of a rule that says otherwise, RFC 5545 section 3.8.5.3 leaves open what it
    means, and calendars differ."""
    local = schedule.starts_at.astimezone(schedule.zone)
    if local.fold:
        raise RuleError("A recurring event must not start in the second of the hours that the clock repeats.")
    if not any(dates_within(rule, local.date(), local.date(), local.date())):
        raise RuleError("starts_at must be the first date of the rule.")


def _last_end(rule: Rule, schedule: Schedule, effort: Effort) -> datetime | None:
    """When the last occurrence of a rule is over, or at the latest."""
    zone = schedule.zone
    local = schedule.starts_at.astimezone(zone)
    if rule.count is not None:
        last = moment_of(last_date(rule, local.date(), LAST_DAY, effort), local.time(), zone)
    elif rule.until is None:
        return None
    elif isinstance(rule.until, datetime):
        last = rule.until
        if schedule.all_day:
            last = moment_of(local_date(last, zone), time(), zone)
    else:
        last = moment_of(rule.until, local.time(), zone)
    if last < schedule.starts_at:
        raise RuleError("UNTIL must not be before starts_at.")
    return schedule.end_of(last)


def _refusal(field: str, detail: str) -> ScheduleInvalid:
    return ScheduleInvalid(detail, pointer=f"/body/{field}")
