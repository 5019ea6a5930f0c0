"""Events and things to do as components of a calendar file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Final

from tools.events.ics.lines import escape, fold, quote, utc
from tools.events.schedule import Schedule, local_date, moment_of
from tools.records.todos import Todo

PARTSTAT: Final = {
    "needs_action": "NEEDS-ACTION",
    "accepted": "ACCEPTED",
    "declined": "DECLINED",
    "tentative": "TENTATIVE",
}


def write_event(event: Any, *, people: Sequence[str] = (), alarms: Sequence[int] = (), cancelled: bool = False) -> str:
    """An event, and each occurrence that differs. ``people`` are lines about organizer and attendees; ``alarms``
    are minutes before the start."""
    schedule = Schedule.of(event)
    lines = [*_head(event), *_times(schedule, event.starts_at, event.ends_at)]
    if event.rrule is not None:
        lines.append(f"RRULE:{_rule_for(schedule)}")
        lines += [_original("EXDATE", schedule, moment) for moment in event.exdates]
    lines += _told(event, event.title, event.location, "cancelled" if cancelled else event.status)
    written = [(lines, event.title)]
    written += [(_changed(event, schedule, one), one["title"] or event.title) for one in event.changed_occurrences]
    return "\r\n".join(_component("VEVENT", [*told, *people], alarms, title) for told, title in written)


def zone_of(event: Any) -> set[str]:
    """The time zone that an event's component refers to, if it does."""
    return set() if event.all_day or event.timezone == "UTC" else {event.timezone}


def write_todo(record: Any, todo: Todo) -> str:
    """Something to do."""
    lines = [*_head(record), f"SUMMARY:{escape(todo.title)}", f"STATUS:{todo.status}"]
    if todo.description:
        lines.append(f"DESCRIPTION:{escape(todo.description)}")
    start = todo.starts_at if todo.starts_at != todo.due_at else None  # DUE must be later (section 3.8.2.3)
    moments = {"DTSTART": start, "DUE": todo.due_at, "COMPLETED": todo.completed_at}
    lines += [f"{name}:{utc(moment)}" for name, moment in moments.items() if moment is not None]
    if todo.status == "COMPLETED":
        lines.append("PERCENT-COMPLETE:100")
    if todo.priority:
        lines.append(f"PRIORITY:{todo.priority}")
    alarms = todo.alarms if todo.due_at is not None else ()
    return _component("VTODO", lines, alarms, todo.title, related=";RELATED=END")


def organizer(name: str, email: str) -> str:
    """Who invites."""
    return f"ORGANIZER;CN={quote(name)}:mailto:{_address(email)}"


def attendee(email: str, response: str) -> str:
    """Who is invited."""
    return f"ATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT={PARTSTAT[response]};RSVP=TRUE:mailto:{_address(email)}"


def _component(name: str, lines: Iterable[str], alarms: Sequence[int], title: str, *, related: str = "") -> str:
    whole = [f"BEGIN:{name}", *lines]
    for minutes in alarms:
        trigger = f"TRIGGER{related}:-PT{minutes}M"
        whole += ["BEGIN:VALARM", "ACTION:DISPLAY", f"DESCRIPTION:{escape(title)}", trigger, "END:VALARM"]
    return "\r\n".join(map(fold, [*whole, f"END:{name}"]))


def _head(record: Any) -> list[str]:
    """What identifies a revision. A version counts every change, so it serves as SEQUENCE, which must only grow."""
    return [
        f"UID:{escape(getattr(record, 'uid', None) or str(record.id))}",
        f"DTSTAMP:{utc(record.updated_at)}",
        f"CREATED:{utc(record.created_at)}",
        f"LAST-MODIFIED:{utc(record.updated_at)}",
        f"SEQUENCE:{record.version - 1}",
    ]


def _told(event: Any, title: str, location: str | None, status: str) -> Iterator[str]:
    yield f"SUMMARY:{escape(title)}"
    if event.description:
        yield f"DESCRIPTION:{escape(event.description)}"
    if location:
        yield f"LOCATION:{escape(location)}"
    if event.join_url:
        yield f"URL:{event.join_url}"
    yield f"STATUS:{status.upper()}"


def _changed(event: Any, schedule: Schedule, change: Mapping[str, Any]) -> list[str]:
    original = datetime.fromisoformat(change["original_starts_at"])
    start, end = original, schedule.end_of(original)
    if change["starts_at"] is not None:
        start, end = (datetime.fromisoformat(change[name]) for name in ("starts_at", "ends_at"))
    return [
        *_head(event),
        _original("RECURRENCE-ID", schedule, original),
        *_times(schedule, start, end),
        *_told(
            event,
            change["title"] or event.title,
            change["location"] or event.location,
            change["status"] or event.status,
        ),
    ]


def _times(schedule: Schedule, start: datetime, end: datetime) -> list[str]:
    return [_stamp("DTSTART", schedule, start), _stamp("DTEND", schedule, end)]


def _stamp(name: str, schedule: Schedule, moment: datetime) -> str:
    """A time in the event's zone; in UTC, if the clock shows it for the second time, which a local time cannot say."""
    zone = schedule.zone
    if schedule.all_day:
        return f"{name};VALUE=DATE:{local_date(moment, zone):%Y%m%d}"
    local = moment.astimezone(zone)
    if local.fold or schedule.timezone == "UTC":
        return f"{name}:{utc(moment)}"
    return f"{name};TZID={schedule.timezone}:{local:%Y%m%dT%H%M%S}"


def _original(name: str, schedule: Schedule, moment: datetime) -> str:
    """The start of an occurrence by its rule: the hour of the first, also on a day whose clock skips that hour."""
    zone = schedule.zone
    if schedule.all_day or schedule.timezone == "UTC":
        return _stamp(name, schedule, moment)
    clock = schedule.starts_at.astimezone(zone)
    day = local_date(moment, zone)
    if moment_of(day, clock.time(), zone) != moment:
        return _stamp(name, schedule, moment)  # left out is a time that the rule does not have
    return f"{name};TZID={schedule.timezone}:{day:%Y%m%d}T{clock:%H%M%S}"


def _rule_for(schedule: Schedule) -> str:
    """The rule with an UNTIL of the kind that DTSTART is: a date, or a time in UTC (RFC 5545 section 3.3.10)."""
    assert schedule.rrule is not None
    parts = dict(part.split("=", 1) for part in schedule.rrule.split(";"))
    until = parts.get("UNTIL")
    if until is not None and schedule.all_day and "T" in until:
        moment = datetime.strptime(until, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        parts["UNTIL"] = f"{local_date(moment, schedule.zone):%Y%m%d}"
    elif until is not None and not schedule.all_day and "T" not in until:
        day = date(int(until[:4]), int(until[4:6]), int(until[6:]))
        parts["UNTIL"] = utc(moment_of(day, time(23, 59, 59), schedule.zone))
    return ";".join(f"{name}={value}" for name, value in parts.items())


def _address(email: str) -> str:
    """An address in a ``mailto:``, where control characters and separators of lines have no place."""
    return "".join(character for character in email if character.isprintable() and character not in ' ",;:<>')
