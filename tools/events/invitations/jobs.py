"""What the outbox worker does for events: mails to who is invited, and to who invited.

The secret of a mailed link is made when the mail is sent, and only its digest is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Row

from common.mail.render import CalendarPart
from common.outbox.queries import Job
from common.registry import Effective
from database import ReadUnit, WriteUnit
from serving.jobs import find_served_tenant, frontend_link, send_mail, write_unit_of
from serving.services import Services
from tools.events.attendees import Person, who
from tools.events.ics.components import attendee, organizer, write_event, zone_of
from tools.events.ics.lines import write_calendar
from tools.events.invitations import queries
from tools.events.invitations.orders import ANSWER_MAIL, CANCELLATION, MAIL
from tools.events.kind import EVENT
from tools.events.schedule import local_date, takes_place
from tools.events.secrets import digest_of, new_secret
from tools.records.resource import JobHandler
from tools.records.single import find_any_record
from users import DEFAULT_LOCALE, TIME_ZONE


@dataclass(frozen=True, slots=True)
class Addressee:
    """Where a mail goes, and how its reader likes it."""

    email: str
    name: str
    locale: str
    zone: str


async def send_event_mail(services: Services, job: Job) -> None:
    """An invitation, a change or a cancellation, with a calendar file; nothing to who is told otherwise by a later
    mail: he was invited again, or is not any more."""
    tenant = await find_served_tenant(services, job)
    if tenant is None:
        return
    settings = await services.find_settings(tenant)
    template, secret = job.payload["template"], new_secret(tenant.name)
    async with write_unit_of(services, tenant, job) as unit:
        event = await find_any_record(unit, EVENT, UUID(job.payload["event_id"]))
        reader = await _addressee(unit, job.payload, settings)
        if event is None or reader is None or not await _is_due(unit, template, event, job.payload, secret):
            return
        inviter = await _inviter(unit, services, event)
        unit.audit("tools.event.mailed", target=EVENT.target(event.id, event.title))
    await send_mail(
        services,
        template,
        to=reader.email,
        locale=reader.locale,
        calendar=_calendar(event, inviter, reader, job.payload, template),
        link=frontend_link(services, "event-response", tenant, secret),
        inviter=inviter.name,
        **_told(event, reader),
    )


async def send_answer_mail(services: Services, job: Job) -> None:
    """What somebody answered, to who made the event."""
    tenant = await find_served_tenant(services, job)
    if tenant is None:
        return
    settings = await services.find_settings(tenant)
    async with services.database.read(tenant) as unit:
        event = await find_any_record(unit, EVENT, UUID(job.payload["event_id"]))
        person = _invited(event, job.payload) if event is not None else None
        if event is None or person is None or not takes_place(event):
            return
        reader = await _addressee(unit, {"user_id": event.created_by}, settings) if event.created_by else None
        guest = await _addressee(unit, job.payload, settings)
    if reader is not None and guest is not None:
        answer = {"guest": guest.name, "response": person["response"], "comment": person["comment"]}
        await send_mail(
            services, "event_answered", to=reader.email, locale=reader.locale, **answer, **_told(event, reader)
        )


JOB_HANDLERS: Final[Mapping[str, JobHandler]] = {MAIL: send_event_mail, ANSWER_MAIL: send_answer_mail}


async def _is_due(unit: WriteUnit, template: str, event: Row[Any], person: Mapping[str, Any], secret: str) -> bool:
    """Whether the mail still says the truth; its link is good from then on."""
    invited = _invited(event, person) is not None and takes_place(event)
    if template == CANCELLATION:
        return not invited
    return invited and await queries.renew_digest(unit, event.id, person, digest_of(secret))


def _invited(event: Row[Any], person: Mapping[str, Any]) -> Person | None:
    return next((one for one in event.attendees if who(one) == who(person)), None)


async def _addressee(unit: ReadUnit, person: Mapping[str, Any], settings: Effective) -> Addressee | None:
    """An active user, or an outsider, who is written to as the tenant speaks."""
    if person["user_id"] is None:
        email = person["email"]
        return Addressee(email, email, settings[DEFAULT_LOCALE], settings[TIME_ZONE])
    user = await queries.find_user(unit, UUID(str(person["user_id"])))
    if user is None:
        return None
    return Addressee(user.email, user.full_name or user.username, user.locale, user.timezone)


async def _inviter(unit: ReadUnit, services: Services, event: Row[Any]) -> Addressee:
    """Who made the event or, once that account is gone, the service itself."""
    user = await queries.find_user(unit, event.created_by) if event.created_by is not None else None
    if user is None:
        name, email = parseaddr(services.config.mail_from)
        return Addressee(email, name or email, "", "")
    return Addressee(user.email, user.full_name or user.username, user.locale, user.timezone)


def _calendar(
    event: Row[Any], inviter: Addressee, reader: Addressee, person: Mapping[str, Any], template: str
) -> CalendarPart:
    """The event as the reader's calendar takes it. Of the others who are invited it tells nothing."""
    method = "CANCEL" if template == CANCELLATION else "REQUEST"
    invited = _invited(event, person)
    response = invited["response"] if invited is not None else "needs_action"
    people = (organizer(inviter.name, inviter.email), attendee(reader.email, response))
    written = write_event(event, people=people, cancelled=method == "CANCEL")
    return CalendarPart(method, write_calendar([written], zones=zone_of(event), method=method))


def _told(event: Row[Any], reader: Addressee) -> dict[str, Any]:
    """What a mail says about the event."""
    return {
        "name": reader.name,
        "title": " ".join(event.title.split()),  # it becomes the subject, which is one line
        "when": _when(event, reader.zone),
        "repeats": event.rrule is not None,
        "where": event.location,
        "join_url": event.join_url,
    }


def _when(event: Row[Any], zone_name: str) -> str:
    """The times as the reader's clock shows them; whole days as they are."""
    if event.all_day:
        zone = ZoneInfo(event.timezone)
        first, after = local_date(event.starts_at, zone), local_date(event.ends_at, zone)
        last = after.fromordinal(after.toordinal() - 1)
        return f"{first}" if first == last else f"{first} – {last}"
    zone = ZoneInfo(zone_name)
    start, end = (moment.astimezone(zone) for moment in (event.starts_at, event.ends_at))
    ending = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%Y-%m-%d %H:%M}"
    return f"{start:%Y-%m-%d %H:%M} – {ending} ({zone_name})"
