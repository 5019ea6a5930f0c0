"""Events: single and recurring, with invitations, calendar feeds and .ics files."""

from __future__ import annotations

from common.errors import EventExists
from tools.events.endpoints import router
from tools.events.feeds.queries import delete_feeds
from tools.events.invitations.jobs import JOB_HANDLERS
from tools.events.kind import EVENT
from tools.records.resource import Resource

RESOURCE = Resource(router, EVENT, JOB_HANDLERS, {"uq_events_created_by_uid": EventExists}, end_access=delete_feeds)

__all__ = ["RESOURCE"]
