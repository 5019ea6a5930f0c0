"""From the entries of a file to events, and to occurrences that differ from theirs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from common.enums import EventStatus
from common.errors import ScheduleInvalid
from tools.events.importing.reader import CalendarFile, Entry, EntryError, Property, read_properties
from tools.events.importing.times import find_zone, is_date, read_end, read_times, zone_of
from tools.events.occurrences.schemas import OccurrenceReplace
from tools.events.schedule import Schedule, check_schedule, check_times
from tools.events.schemas import EventCreate, possible
from tools.models import MAX_EXDATES
from tools.recurrence.dates import Effort

UNNAMED: Final = "(…)"
MAX_EFFORT: Final = 200_000  # days tried for all rules of a file: half a second
UNSERVED: Final = ("RDATE", "EXRULE")
_ADDRESS: Final = re.compile(r"https?://[^\s\x00-\x1f\x7f]{1,2000}")


@dataclass(slots=True)
class Draft:
    """An entry on its way to become an event, or the reason why it does not."""

    entry: Entry
    uid: str
    title: str | None = None
    values: dict[str, Any] = field(default_factory=dict)
    changes: list[tuple[datetime, dict[str, Any]]] = field(default_factory=list)
    error: EntryError | None = None


def draft_events(file: CalendarFile, default_zone: str) -> list[Draft]:
    """The file's events, in its order; an entry that differs from another's occurrence is put with that."""
    default = (find_zone(file.zone) if file.zone else None) or default_zone
    effort = Effort(MAX_EFFORT)
    drafts = [Draft(entry, entry.uid) for entry in file.entries]
    for draft in drafts:
        try:
            read_properties(draft.entry)
            draft.uid = draft.entry.uid
            if not draft.entry.all("RECURRENCE-ID"):
                _read_event(draft, default, effort)
        except EntryError as error:
            draft.error = error
    masters = {draft.uid: draft for draft in reversed(drafts) if draft.values}
    for draft in drafts:
        if draft.error is None and draft.entry.all("RECURRENCE-ID"):
            try:
                _read_change(draft, masters.get(draft.uid), default)
            except EntryError as error:
                draft.error = error
    return [draft for draft in drafts if draft.error is not None or draft.values]


def _read_event(draft: Draft, default: str, effort: Effort) -> None:
    entry = draft.entry
    draft.title = _title(entry)
    for name in UNSERVED:
        if entry.all(name):
            raise EntryError("property_unsupported", f"{name} is not supported.")
    start = entry.one("DTSTART")
    if start is None:
        raise EntryError("time_missing", "DTSTART is missing.")
    all_day = is_date(start)
    zone = default if all_day else zone_of(start, default)
    starts_at = read_times(start, default, zone)[0]
    rule = entry.one("RRULE")
    exdates = {moment for found in entry.all("EXDATE") for moment in read_times(found, default, zone)}
    fields = {
        **_told(entry),
        "title": draft.title or UNNAMED,
        "starts_at": starts_at,
        "ends_at": read_end(entry, starts_at, default, zone, all_day=all_day),
        "all_day": all_day,
        "timezone": zone,
        "rrule": rule.value.strip() if rule is not None else None,
        "exdates": sorted(exdates) if rule is not None else [],
    }
    values = _validated(EventCreate, fields).model_dump()
    try:
        draft.values = {**values, **check_schedule(values, effort), "uid": draft.uid}
    except ScheduleInvalid as error:
        raise EntryError(error.code, error.detail) from None


def _read_change(draft: Draft, master: Draft | None, default: str) -> None:
    """How one occurrence differs from the event of the same UID."""
    entry = draft.entry
    draft.title = _title(entry)
    original, start = entry.one("RECURRENCE-ID"), entry.one("DTSTART")
    if master is None or original is None or "RANGE" in original.parameters:
        raise EntryError("occurrence_unknown", "RECURRENCE-ID names no single occurrence of an event in this file.")
    schedule = Schedule(**{name: master.values[name] for name in Schedule.__slots__})
    zone = schedule.timezone
    moment = _read_original(original, default, zone)
    if moment in schedule.exdates:
        return  # it does not take place, whatever it would be like
    if not schedule.happens_at(moment):
        raise EntryError("occurrence_unknown", "RECURRENCE-ID names no occurrence of the event's rule.")
    told = _told(entry)
    fields = {
        "title": draft.title if draft.title != master.title else None,
        "location": told["location"] if told["location"] != master.values["location"] else None,
        "status": told["status"] if told["status"] != master.values["status"] else None,
    }
    if start is not None:
        starts_at = read_times(start, default, zone)[0]
        ends_at = read_end(entry, starts_at, default, zone, all_day=schedule.all_day)
        if (starts_at, ends_at) != (moment, schedule.end_of(moment)):
            fields |= {"starts_at": starts_at, "ends_at": ends_at}
    _add_change(master, schedule, moment, _validated(OccurrenceReplace, fields))


def _read_original(found: Property, default: str, zone: str) -> datetime:
    try:
        return possible(read_times(found, default, zone)[0])
    except ValueError as error:
        raise EntryError("time_invalid", f"RECURRENCE-ID {error}.") from None


def _add_change(master: Draft, schedule: Schedule, moment: datetime, change: OccurrenceReplace) -> None:
    try:
        if change.starts_at is not None and change.ends_at is not None:
            check_times(schedule, change.starts_at, change.ends_at)
    except ScheduleInvalid as error:
        raise EntryError(error.code, error.detail) from None
    known = {original for original, _ in master.changes}
    if moment in known or len(known) >= MAX_EXDATES:
        raise EntryError("occurrence_repeated", "The same occurrence was changed before, or too many were.")
    if change != OccurrenceReplace():
        master.changes.append((moment, change.model_dump()))


def _told(entry: Entry) -> dict[str, Any]:
    """What an entry says beside its times. An address that is none of the web is left out."""
    description, location, status, url = (entry.one(name) for name in ("DESCRIPTION", "LOCATION", "STATUS", "URL"))
    states = {state.upper(): state for state in EventStatus}
    address = url.value.strip() if url is not None else ""
    return {
        "description": description.text if description is not None else "",
        "location": location.text.strip() or None if location is not None else None,
        "status": states.get(status.value.strip().upper(), EventStatus.CONFIRMED) if status else EventStatus.CONFIRMED,
        "join_url": address if _ADDRESS.fullmatch(address) else None,
    }


def _title(entry: Entry) -> str | None:
    found = entry.one("SUMMARY")
    return found.text.strip() or None if found is not None else None


def _validated(schema: Any, fields: Mapping[str, Any]) -> Any:
    try:
        return schema.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise EntryError(str(first["type"]), f"{place}: {first['msg']}"[:300]) from None
