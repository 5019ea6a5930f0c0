"""Events: single and recurring, with invitations, calendar feeds and .ics files."""

from __future__ import annotations

from common.errors import EventExists
from serving.loading import Loader, one_by_one
from tools.events.endpoints import router
from tools.events.feeds.queries import delete_feeds
from tools.events.invitations.jobs import JOB_HANDLERS
from tools.events.kind import EVENT
from tools.events.schemas import EventCreate
from tools.events.service import load_event
from tools.records.resource import Resource

LOADER = Loader("events", EVENT.table, EventCreate, one_by_one(load_event), references={"attendees/user_id": "users"})
RESOURCE = Resource(
    router,
    EVENT,
    JOB_HANDLERS,
    {"uq_events_created_by_uid": EventExists},
    end_access=delete_feeds,
    loader=LOADER,
)

__all__ = ["RESOURCE"]
