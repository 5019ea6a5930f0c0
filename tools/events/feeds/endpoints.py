"""``/tools/events/feeds``."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from common.http.headers import read_path
from common.http.openapi import NOT_MODIFIED
from dependencies import PlainListing, Read, ReplicaRead, Replying, Requires, Route, Write
from serving.visit import Visit
from shared_auth import Principal
from shared_models import Page
from tools.events.feeds import service
from tools.events.feeds.schemas import Feed, FeedCreate, FeedWithAddress
from tools.events.secrets import SecretAddress

CALENDAR: Final = "text/calendar"
FILE: Final = {
    CALENDAR: {"schema": {"type": "string", "example": "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n"}}
}

USUAL: Final = FeedCreate()

router = APIRouter(prefix="/tools/events/feeds", tags=["events"], route_class=Route)

FeedReader = Annotated[Principal, Depends(Requires("events:read"))]
# Not by an API key: an address that outlives it would free it from its limits.
FeedOwner = Annotated[Principal, Depends(Requires("events:read", by_key=False))]
FeedVisit = Annotated[Visit, Depends(SecretAddress())]


@router.get("", summary="List your calendar feeds")
async def list_event_feeds(unit: ReplicaRead, actor: FeedReader, listing: PlainListing, reply: Replying) -> Page[Feed]:
    """Without their addresses. Sort by `created_at`."""
    return reply.page(await service.list_feeds(unit, actor, listing))


@router.post("", status_code=201, summary="Create a calendar feed")
async def create_event_feed(
    unit: Write, actor: FeedOwner, request: Request, response: Response, payload: FeedCreate = USUAL
) -> FeedWithAddress:
    """An address, shown once, for calendar programs: whoever has it reads what you may read at that time, without a
    login. At most 20."""
    base = read_path(request.scope)
    made = await service.create_feed(unit, actor, payload, base)
    response.headers["Location"] = f"{base}/{made.id}"
    return made


@router.get(
    "/{token}.ics",
    summary="Read a calendar feed",
    response_class=Response,
    responses={200: {"content": FILE}, **NOT_MODIFIED},
)
async def read_event_feed(visit: FeedVisit, token: str, request: Request) -> Response:
    """Events, and tasks as VTODO, with their alarms, for the last three months and all time to come; needs no header.
    Answers 304 if `If-None-Match` has the current calendar, without making it. 404 once the feed was deleted or its
    owner may not read events any more."""
    calendar = await service.read_feed(visit, token, request.headers.get("if-none-match"))
    headers = {"ETag": calendar.etag, "Cache-Control": "private, no-cache"}
    if calendar.content is None:
        return Response(status_code=304, headers=headers)
    return Response(calendar.content, media_type=f"{CALENDAR}; charset=utf-8", headers=headers)


@router.get("/{feed_id}", summary="Get one of your calendar feeds")
async def get_event_feed(unit: Read, actor: FeedReader, feed_id: UUID) -> Feed:
    """Without its address."""
    return await service.get_feed(unit, actor, feed_id)


@router.delete("/{feed_id}", status_code=204, summary="Delete a calendar feed")
async def delete_event_feed(unit: Write, actor: FeedOwner, feed_id: UUID) -> None:
    """Its address is dead at once."""
    await service.delete_feed(unit, actor, feed_id)
