"""``/tools/events/import``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Query

from dependencies import Obeyed, Requires, Route, Write
from shared_auth import Principal
from tools.events.importing import service
from tools.events.importing.schemas import EventsImportReport

router = APIRouter(prefix="/tools/events", tags=["events"], route_class=Route)

EventsCreator = Annotated[Principal, Depends(Requires("events:create"))]
CalendarData = Annotated[
    bytes,
    Body(
        media_type="text/calendar",
        description="UTF-8, at most 4 MiB and 1,000 events.",
        examples=[
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Tour\r\n"
            "DTSTART:20261201T090000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        ],
    ),
]


@router.post("/import", summary="Create events from a calendar file")
async def import_events(
    unit: Write,
    actor: EventsCreator,
    payload: CalendarData,
    settings: Obeyed,
    dry_run: Annotated[bool, Query(description="Only check the file.")] = False,
) -> EventsImportReport:
    """One result for each VEVENT; the good ones become your events, whatever the others are like. What you imported
    before is known by its UID and skipped. Rules, left out and changed occurrences come along; attendees and alarms do
    not, and nobody gets a mail. Times without a zone are in the file's or the tenant's."""
    return await service.import_events(unit, actor, payload, settings, dry_run=dry_run)
