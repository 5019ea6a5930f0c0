"""The rules of events: possible times, invitations, answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row

from common.audit import differences
from common.clock import now
from common.errors import NotInvited
from common.paging import ListQuery
from common.registry import Effective
from database import ReadUnit, WriteUnit
from serving.loading import Line, Loading
from shared_auth import Principal
from shared_models import Page, page_of
from tools.events import attendees
from tools.events import queries as events
from tools.events.ics.components import write_event, zone_of
from tools.events.ics.lines import write_calendar
from tools.events.invitations.orders import order_answer_mail, order_mails
from tools.events.kind import EVENT
from tools.events.occurrences.expansion import next_start
from tools.events.schedule import Schedule, check_schedule, takes_place
from tools.events.schemas import Answer, Event, EventCreate, EventPatch, EventReplace
from tools.records import queries, service, single
from tools.reminders import service as reminders
from users import TIME_ZONE

ORDER = queries.order_of(EVENT, "title", "starts_at", "ends_at", default="starts_at")
TIMES: Final = ("starts_at", "ends_at", "all_day", "timezone", "rrule", "exdates")


@dataclass(frozen=True, slots=True)
class EventFile:
    """A revision of an event, written."""

    version: int
    content: str


async def list_events(
    unit: ReadUnit,
    actor: Principal,
    query: ListQuery,
    *,
    deleted: bool,
    own_filters: Mapping[str, Any],
    **filters: Any,
) -> Page[Event]:
    """A page of events, the earliest first; a recurring one once, where its first occurrence is."""
    conditions = [*queries.record_conditions(EVENT, query, **filters), *events.event_conditions(**own_filters)]
    found = await queries.list_records(unit, EVENT, actor, query, order=ORDER, conditions=conditions, deleted=deleted)
    return page_of(Event, found)


async def get_event(unit: ReadUnit, actor: Principal, event_id: UUID) -> Event:
    """One event. Raises NotFound."""
    return Event.model_validate(await service.get_record(unit, EVENT, actor, event_id))


async def get_event_file(unit: ReadUnit, actor: Principal, event_id: UUID) -> EventFile:
    """One event as a calendar file. Raises NotFound."""
    row = await service.get_record(unit, EVENT, actor, event_id)
    written = write_event(row, alarms=reminders.offsets_of(row.reminders))
    content = write_calendar([written], zones=zone_of(row), method="PUBLISH")
    return EventFile(row.version, content)


async def create_event(unit: WriteUnit, actor: Principal, payload: EventCreate, settings: Effective) -> Event:
    """A new event; who is invited gets a mail."""
    values = _complete(payload, settings)
    values |= check_schedule(values)
    people = values["attendees"] = attendees.merge([], values["attendees"])
    await attendees.check_users(unit, [], people)
    event_id = await service.create_record(unit, EVENT, values, settings, created_by=actor.user_id)
    await attendees.write(unit, event_id, [], people)
    return await finish_event(unit, actor, None, event_id)


async def load_event(unit: WriteUnit, loading: Loading, line: Line) -> None:
    """An event of another system, which has invited whoever is to come."""
    settings, past = loading.visit.settings, line.past
    values = _complete(line.payload, settings)
    values |= check_schedule(values)
    people = values["attendees"] = attendees.merge([], values["attendees"])
    await attendees.check_users(unit, [], people)
    await service.create_record(unit, EVENT, values, settings, created_by=past.created_by, past=past)
    await attendees.write(unit, past.id, [], people)
    after = await service.get_written(unit, EVENT, past.id)
    if after.reminders:
        await plan_reminders(unit, after)


async def replace_event(  # noqa: PLR0917 - who, what, on which condition, with which defaults
    unit: WriteUnit,
    actor: Principal,
    event_id: UUID,
    payload: EventReplace,
    expected_version: int | None,
    settings: Effective,
) -> Event:
    """Set all editable fields."""
    return await _change_event(unit, actor, event_id, _complete(payload, settings), expected_version)


async def update_event(
    unit: WriteUnit, actor: Principal, event_id: UUID, payload: EventPatch, expected_version: int | None
) -> Event:
    """Set the given fields."""
    return await _change_event(unit, actor, event_id, payload.model_dump(exclude_unset=True), expected_version)


async def delete_event(unit: WriteUnit, actor: Principal, event_id: UUID, expected_version: int | None) -> None:
    """Delete an event, which can be restored."""
    before = await service.delete_record(unit, EVENT, actor, event_id, expected_version)
    await finish_event(unit, actor, before, event_id)


async def restore_event(unit: WriteUnit, actor: Principal, event_id: UUID) -> Event:
    """Bring a deleted event back."""
    before = await service.restore_record(unit, EVENT, actor, event_id)
    return await finish_event(unit, actor, before, event_id)


async def answer_event(unit: WriteUnit, actor: Principal, event_id: UUID, payload: Answer) -> Event:
    """Note whether the actor will come. Raises NotFound, or NotInvited for an event he may only read."""
    before = await service.begin_change(unit, EVENT, actor, event_id, action="read")
    own = [person for person in before.attendees if person["user_id"] == str(actor.user_id)]
    if not own:
        raise NotInvited
    await note_answer(unit, before, own[0], payload)
    return Event.model_validate(await service.get_written(unit, EVENT, event_id))


async def note_answer(unit: WriteUnit, before: Row[Any], person: attendees.Person, payload: Answer) -> None:
    """Store the answer of somebody invited to an event that is locked."""
    if (person["response"], person["comment"]) == (payload.response, payload.comment):
        return
    new = attendees.answered(person, payload.response, payload.comment)
    await attendees.write(unit, before.id, [person], [new])
    await note_change(unit, before, f"attendees.{attendees.who(person)}", person, new)
    order_answer_mail(unit, before, person)
    if before.reminders:
        await plan_reminders(unit, await service.get_written(unit, EVENT, before.id))


async def note_change(unit: WriteUnit, before: Row[Any], path: str, old: Any, new: Any) -> None:
    """Count and audit a change of what an event has elsewhere, by itself: the whole list would fill the log."""
    await single.update_record(unit, EVENT, before.id, {}, now())
    changes = differences({path: old}, {path: new})
    service.audit_record(unit, EVENT, "updated", before.id, title=before.title, changes=changes)


async def finish_event(unit: WriteUnit, actor: Principal, before: Row[Any] | None, event_id: UUID) -> Event:
    """An event after a change, with all that follows from it ordered: mails and reminders; nothing if nothing was."""
    after = await service.get_written(unit, EVENT, event_id)
    if before is not None and before.version == after.version:
        return Event.model_validate(after)
    order_mails(unit, actor.user_id, before, after)
    if after.reminders or (before is not None and before.reminders):
        await plan_reminders(unit, after)
    return Event.model_validate(after)


async def plan_reminders(unit: WriteUnit, event: Row[Any]) -> None:
    """Have who will come reminded of the first occurrence there is, and then of one after the other."""
    first = next_start(event, event.starts_at - timedelta(microseconds=1)) if takes_place(event) else None
    offsets = reminders.offsets_of(event.reminders)
    await reminders.plan(unit, EVENT, event.id, anchor=first, offsets=offsets, recipients=attendees.engaged(event))


async def _change_event(
    unit: WriteUnit, actor: Principal, event_id: UUID, values: dict[str, Any], expected_version: int | None
) -> Event:
    before = await service.begin_change(unit, EVENT, actor, event_id, expected_version=expected_version)
    if values.keys() & set(TIMES):
        values |= _checked_times(before, values)
    if "attendees" in values:
        people = values["attendees"] = attendees.merge(before.attendees, values["attendees"])
        await attendees.check_users(unit, before.attendees, people)
        await attendees.write(unit, event_id, before.attendees, people)
    if await service.finish_change(unit, EVENT, before, values):
        await _drop_lost_occurrences(unit, before, values)
    return await finish_event(unit, actor, before, event_id)


def _complete(payload: EventReplace, settings: Effective) -> dict[str, Any]:
    """The fields of an event, in the tenant's time zone where none is given."""
    values = payload.model_dump()
    return {**values, "timezone": values["timezone"] or settings[TIME_ZONE]}


def _checked_times(before: Row[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The times as they will be; without a rule there is nothing to leave out any more."""
    times = {name: values.get(name, getattr(before, name)) for name in TIMES}
    if times["rrule"] is None and "exdates" not in values:
        times["exdates"] = []
    return check_schedule(times)


async def _drop_lost_occurrences(unit: WriteUnit, before: Row[Any], values: Mapping[str, Any]) -> None:
    """Forget changes of occurrences that there are no more, because the event was moved or recurs otherwise."""
    if not before.changed_occurrences or not values.keys() & set(TIMES):
        return
    after = Schedule.of(await service.get_written(unit, EVENT, before.id))
    originals = [datetime.fromisoformat(one["original_starts_at"]) for one in before.changed_occurrences]
    await events.delete_overrides(unit, before.id, [one for one in originals if not after.happens_at(one)])
