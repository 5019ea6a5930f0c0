"""What happens in a window; changing and leaving out single occurrences; who is busy when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from common.errors import NotFound, ScheduleInvalid, TooManyOccurrences, UnknownReference
from database import ReadUnit, WriteUnit
from shared_auth import Principal
from shared_models import rfc3339
from tools.events import queries as events
from tools.events.attendees import engaged
from tools.events.kind import EVENT
from tools.events.occurrences import queries
from tools.events.occurrences.expansion import MAX_OCCURRENCES, Happening, expand
from tools.events.occurrences.schemas import (
    Busy,
    FreeBusy,
    FreeBusyList,
    Occurrence,
    OccurrenceReplace,
    Occurrences,
    Window,
)
from tools.events.schedule import Schedule, check_times
from tools.events.schemas import Event
from tools.events.service import finish_event, note_change
from tools.models import MAX_EXDATES
from tools.records import service
from tools.records.queries import common_conditions

MAX_CHANGED: Final = MAX_EXDATES


async def list_occurrences(
    unit: ReadUnit,
    actor: Principal,
    window: Window,
    *,
    attendee_id: UUID | None,
    status: str | None,
    **filters: Any,
) -> Occurrences:
    """What happens in a window of what the actor may read. Raises TooManyOccurrences."""
    conditions = [
        *common_conditions(EVENT, **filters),
        *events.event_conditions(status=None, attendee_id=attendee_id),
    ]
    rows = _all(await queries.list_candidates(unit, actor, window, conditions, MAX_OCCURRENCES + 1))
    items = [_shown(one) for one in await expand(rows, window) if status in {None, one.value("status")}]
    return Occurrences(items=items, total=len(items))


async def change_occurrence(  # noqa: PLR0917 - who, which one, how, on which condition
    unit: WriteUnit,
    actor: Principal,
    event_id: UUID,
    original: datetime,
    payload: OccurrenceReplace,
    expected_version: int | None,
) -> Event:
    """Have one occurrence differ from its event. Raises NotFound."""
    before = await _lock(unit, actor, event_id, original, expected_version)
    if payload.starts_at is not None and payload.ends_at is not None:
        check_times(Schedule.of(before), payload.starts_at, payload.ends_at)
    given = payload.model_dump()
    new = None if all(value is None for value in given.values()) else given
    old = next((one for one in before.changed_occurrences if _original(one) == original), None)
    if old is None and len(before.changed_occurrences) >= MAX_CHANGED:
        raise ScheduleInvalid(f"At most {MAX_CHANGED} occurrences of an event can differ.")
    if _comparable(old) != _comparable(new):
        await events.put_override(unit, event_id, original, new)
        await note_change(unit, before, f"occurrences.{rfc3339(original)}", _comparable(old), _comparable(new))
    return await finish_event(unit, actor, before, event_id)


async def leave_out_occurrence(
    unit: WriteUnit, actor: Principal, event_id: UUID, original: datetime, expected_version: int | None
) -> None:
    """Have one occurrence not take place, and not be shown. Raises NotFound."""
    before = await _lock(unit, actor, event_id, original, expected_version)
    if len(before.exdates) >= MAX_EXDATES:
        raise ScheduleInvalid(f"At most {MAX_EXDATES} occurrences of an event can be left out.")
    await events.put_override(unit, event_id, original, None)
    await service.finish_change(unit, EVENT, before, {"exdates": sorted({*before.exdates, original})})
    await finish_event(unit, actor, before, event_id)


async def list_free_busy(unit: ReadUnit, user_ids: Sequence[UUID], window: Window) -> FreeBusyList:
    """When people are busy. Raises UnknownReference for somebody who is no user of this tenant."""
    wanted = list(dict.fromkeys(user_ids))
    if await events.find_living_users(unit, wanted) != set(wanted):
        raise UnknownReference("There is no such user.", pointer="/query/user_id")
    rows = _all(await queries.list_engagements(unit, wanted, window, MAX_OCCURRENCES + 1))
    found = [one for one in await expand(rows, window) if not one.is_cancelled]
    people: dict[UUID, list[Happening]] = {user_id: [] for user_id in wanted}
    for one in found:
        for user_id in engaged(one.row):
            if user_id in people:
                people[user_id].append(one)
    return FreeBusyList(items=[FreeBusy(user_id=user_id, busy=_merged(ones)) for user_id, ones in people.items()])


def _all(rows: list[Any]) -> list[Any]:
    if len(rows) > MAX_OCCURRENCES:
        raise TooManyOccurrences
    return rows


def _shown(one: Happening) -> Occurrence:
    return Occurrence(
        event_id=one.row.id,
        original_starts_at=one.original if one.row.rrule is not None else None,
        title=one.value("title"),
        location=one.value("location"),
        starts_at=one.starts_at,
        ends_at=one.ends_at,
        all_day=one.row.all_day,
        timezone=one.row.timezone,
        status=one.value("status"),
        join_url=one.row.join_url,
        created_by=one.row.created_by,
        is_changed=one.change is not None,
    )


async def _lock(
    unit: WriteUnit, actor: Principal, event_id: UUID, original: datetime, expected_version: int | None
) -> Any:
    """A recurring event that has this occurrence, locked."""
    before = await service.begin_change(unit, EVENT, actor, event_id, expected_version=expected_version)
    schedule = Schedule.of(before)
    if before.rrule is None or original in schedule.exdates or not schedule.happens_at(original):
        raise NotFound("The event has no occurrence that starts then.")
    return before


def _original(change: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(change["original_starts_at"])


def _comparable(change: dict[str, Any] | None) -> dict[str, Any]:
    """How an occurrence differs, stored or given, in one spelling and without what is as in the event."""
    told = {name: value for name, value in (change or {}).items() if value is not None and name != "original_starts_at"}
    for name in ("starts_at", "ends_at"):
        if name in told:
            moment = told[name]
            told[name] = rfc3339(datetime.fromisoformat(moment) if isinstance(moment, str) else moment)
    return {name: str(value) for name, value in told.items()}


def _merged(happenings: Iterable[Happening]) -> list[Busy]:
    """One interval for all that overlap or touch; they come by their start. What takes no time keeps nobody busy."""
    spans: list[tuple[datetime, datetime]] = []
    for one in happenings:
        if one.starts_at == one.ends_at:
            continue
        if spans and one.starts_at <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], one.ends_at))
        else:
            spans.append((one.starts_at, one.ends_at))
    return [Busy(starts_at=start, ends_at=end) for start, end in spans]
