"""``/tools/events``."""

from __future__ import annotations

from typing import Annotated, TypedDict
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from common.enums import EventStatus
from common.http.answers import named_file
from common.http.mounting import join
from common.http.openapi import NOT_MODIFIED
from dependencies import Listing, Obeyed, Read, ReplicaRead, Replying, Requires, Route, Write
from shared_auth import Principal
from shared_models import Page
from tools.events import service
from tools.events.feeds.endpoints import CALENDAR, FILE
from tools.events.feeds.endpoints import router as feeds
from tools.events.importing.endpoints import router as importing
from tools.events.invitations.endpoints import router as invitations
from tools.events.occurrences.endpoints import router as occurrences
from tools.events.schemas import Answer, Event, EventCreate, EventPatch, EventReplace, EventTime
from tools.records.endpoints import Filters

events = APIRouter(prefix="/tools/events", tags=["events"], route_class=Route)

EventsReader = Annotated[Principal, Depends(Requires("events:read"))]
EventsCreator = Annotated[Principal, Depends(Requires("events:create"))]
EventsEditor = Annotated[Principal, Depends(Requires("events:update"))]
EventsDeleter = Annotated[Principal, Depends(Requires("events:delete"))]


class EventFilters(TypedDict):
    """What a list of events can be narrowed by beside what all lists can."""

    status: str | None
    attendee_id: UUID | None
    starts_after: EventTime | None
    starts_before: EventTime | None
    is_recurring: bool | None


async def event_filters(
    status: EventStatus | None = None,
    attendee_id: Annotated[UUID | None, Query(description="This user is invited.")] = None,
    starts_after: Annotated[EventTime | None, Query(description="The first start is then or later.")] = None,
    starts_before: Annotated[EventTime | None, Query(description="The first start is before that.")] = None,
    is_recurring: bool | None = None,
) -> EventFilters:
    """The filters, read from the query."""
    return {
        "status": status,
        "attendee_id": attendee_id,
        "starts_after": starts_after,
        "starts_before": starts_before,
        "is_recurring": is_recurring,
    }


@events.get("", summary="List events")
async def list_events(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: ReplicaRead,
    actor: EventsReader,
    listing: Listing,
    reply: Replying,
    filters: Filters,
    own_filters: Annotated[EventFilters, Depends(event_filters)],
) -> Page[Event]:
    """Events you may read, also those you are invited to, by their first start; a recurring one is listed once. What
    happens in a week or month, `/tools/events/occurrences` tells. `q` searches title, description and location. Sort by
    `starts_at`, `ends_at`, `title`, `created_at` or `updated_at`."""
    return reply.page(await service.list_events(unit, actor, listing, own_filters=own_filters, **filters))


@events.post("", status_code=201, summary="Create an event")
async def create_event(
    unit: Write, actor: EventsCreator, payload: EventCreate, reply: Replying, settings: Obeyed
) -> Event:
    """A recurring event has the times of its first occurrence, which must be one of its rule's. Who is invited gets a
    mail with an `.ics` file, unless all is over already."""
    return reply.created(await service.create_event(unit, actor, payload, settings))


@events.get(
    "/{event_id}.ics",
    summary="Get an event as a file",
    response_class=Response,
    responses={200: {"content": FILE, "headers": named_file()}, **NOT_MODIFIED},
)
async def get_event_file(unit: Read, actor: EventsReader, event_id: UUID, reply: Replying) -> Response:
    """One event with its rule and the occurrences that differ, for calendar programs."""
    file = reply.tag(await service.get_event_file(unit, actor, event_id))
    headers = {"ETag": f'"v{file.version}"', "Content-Disposition": f'attachment; filename="{event_id}.ics"'}
    return Response(file.content, media_type=f"{CALENDAR}; charset=utf-8", headers=headers)


@events.get("/{event_id}", summary="Get an event")
async def get_event(unit: Read, actor: EventsReader, event_id: UUID, reply: Replying) -> Event:
    """Also one you are invited to. Answers 304 if `If-None-Match` has the current version."""
    return reply.tag(await service.get_event(unit, actor, event_id))


@events.put("/{event_id}", summary="Replace an event's fields")
async def replace_event(  # noqa: PLR0917 - FastAPI calls it by keyword
    unit: Write, actor: EventsEditor, event_id: UUID, payload: EventReplace, reply: Replying, settings: Obeyed
) -> Event:
    """Sets every editable field; what is left out gets its default. Answers of those who stay invited are kept."""
    return reply.tag(await service.replace_event(unit, actor, event_id, payload, reply.expected_version, settings))


@events.patch("/{event_id}", summary="Change some of an event's fields")
async def update_event(unit: Write, actor: EventsEditor, event_id: UUID, payload: EventPatch, reply: Replying) -> Event:
    """Sets the fields given and leaves the others. Who is invited is told by mail of another time, place, title or
    status. Changed occurrences are kept as long as the rule still has them."""
    return reply.tag(await service.update_event(unit, actor, event_id, payload, reply.expected_version))


@events.delete("/{event_id}", status_code=204, summary="Delete an event")
async def delete_event(unit: Write, actor: EventsDeleter, event_id: UUID, reply: Replying) -> None:
    """It can be restored: `?deleted=true` lists what was deleted. Who is invited is told by mail."""
    await service.delete_event(unit, actor, event_id, reply.expected_version)


@events.post("/{event_id}/restore", summary="Restore a deleted event")
async def restore_event(unit: Write, actor: EventsDeleter, event_id: UUID, reply: Replying) -> Event:
    """For whoever may delete it. 404 unless it is deleted."""
    return reply.tag(await service.restore_event(unit, actor, event_id))


@events.post("/{event_id}/respond", summary="Answer an invitation")
async def answer_event(unit: Write, actor: EventsReader, event_id: UUID, payload: Answer, reply: Replying) -> Event:
    """Whether you will come. It can be changed later."""
    return reply.tag(await service.answer_event(unit, actor, event_id, payload))


router = join((feeds, importing, invitations, occurrences, events))  # a word before an id of the same place
