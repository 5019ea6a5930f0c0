"""``/tools/events/occurrences``, ``/tools/events/free-busy`` and the occurrences of one event."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query

from common.enums import EventStatus
from common.errors import Unprocessable
from dependencies import ReplicaRead, Replying, Requires, Route, Write
from shared_auth import Principal
from shared_models import PlainText
from tools.events.occurrences import service
from tools.events.occurrences.schemas import FreeBusyList, OccurrenceReplace, Occurrences, Window
from tools.events.schemas import Event, EventTime
from tools.records.schemas import RelatedId, RelatedType

MAX_WINDOW: Final = timedelta(days=366)
MAX_BUSY_WINDOW: Final = timedelta(days=62)
MAX_PEOPLE: Final = 50

router = APIRouter(prefix="/tools/events", tags=["events"], route_class=Route)

EventsReader = Annotated[Principal, Depends(Requires("events:read"))]
EventsEditor = Annotated[Principal, Depends(Requires("events:update"))]
From = Annotated[EventTime, Query(alias="from", description="What ends after this.")]
To = Annotated[EventTime, Query(description="What starts before this.")]
Original = Annotated[EventTime, Path(description="When the occurrence starts by the event's rule.")]


async def window_of(from_: From, to: To) -> Window:
    """A year at most."""
    return _window(from_, to, MAX_WINDOW)


async def busy_window_of(from_: From, to: To) -> Window:
    """Two months at most."""
    return _window(from_, to, MAX_BUSY_WINDOW)


def _window(low: EventTime, high: EventTime, longest: timedelta) -> Window:
    if not timedelta(0) < high - low <= longest:
        raise Unprocessable(f"`to` must be after `from`, by {longest.days} days at most.", pointer="/query/to")
    return Window(low=low, high=high)


@router.get("/occurrences", summary="List what happens in a window")
async def list_occurrences(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: ReplicaRead,
    actor: EventsReader,
    window: Annotated[Window, Depends(window_of)],
    attendee_id: Annotated[UUID | None, Query(description="This user is invited.")] = None,
    created_by: Annotated[UUID | None, Query(description="Made by this user.")] = None,
    related_type: Annotated[RelatedType | None, Query(description="Linked with an object of this type.")] = None,
    related_id: Annotated[RelatedId | None, Query(description="Linked with the object of this id.")] = None,
    status: EventStatus | None = None,
    q: Annotated[PlainText | None, Query(max_length=200, description="Text in title, description, location.")] = None,
) -> Occurrences:
    """Single events and every occurrence of recurring ones, by start. A recurring event keeps its hour in its own time
    zone when clocks change there; an hour that clocks skip or repeat is read as RFC 5545 says. A year at most, and
    5,000 occurrences: 422 `too_many_occurrences` beyond."""
    filters = {"created_by": created_by, "related_type": related_type, "related_id": related_id, "q": q}
    return await service.list_occurrences(unit, actor, window, attendee_id=attendee_id, status=status, **filters)


@router.get("/free-busy", summary="Tell when people are busy")
async def get_free_busy(
    unit: ReplicaRead,
    actor: EventsReader,
    window: Annotated[Window, Depends(busy_window_of)],
    user_id: Annotated[list[UUID], Query(min_length=1, max_length=MAX_PEOPLE, description="Repeated: several.")],
) -> FreeBusyList:
    """When each of these users has something, without saying what: for whoever may read events at any level. Busy is
    who made an event or is invited to it, unless he declined or it is cancelled. Two months at most."""
    return await service.list_free_busy(unit, user_id, window)


@router.put("/{event_id}/occurrences/{starts_at}", summary="Change one occurrence")
async def change_occurrence(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: Write,
    actor: EventsEditor,
    event_id: UUID,
    starts_at: Original,
    payload: OccurrenceReplace,
    reply: Replying,
) -> Event:
    """Another title, place, time or status for one occurrence of a recurring event, which `starts_at` names by its
    original start; an empty body makes it like the others again. The version is the event's."""
    return reply.tag(await service.change_occurrence(unit, actor, event_id, starts_at, payload, reply.expected_version))


@router.delete("/{event_id}/occurrences/{starts_at}", status_code=204, summary="Leave out one occurrence")
async def leave_out_occurrence(
    unit: Write, actor: EventsEditor, event_id: UUID, starts_at: Original, reply: Replying
) -> None:
    """It goes to the event's `exdates`; taken out there, it takes place again."""
    await service.leave_out_occurrence(unit, actor, event_id, starts_at, reply.expected_version)
