"""The tools module's routers: the one list of what there is. A line taken out here, and its folder, removes a tool."""

from __future__ import annotations

from common.http.mounting import join
from tools import attachments, calls, events, notes, reminders, reviews, search, tasks, timeline
from tools.records.kinds import KINDS
from users import ACCESS_ENDINGS

# Reminders are no tool but a part that tools share: it goes when none is left that has something to remind of.
RESOURCES = (
    notes.RESOURCE,
    tasks.RESOURCE,
    calls.RESOURCE,
    attachments.RESOURCE,
    events.RESOURCE,
    reviews.RESOURCE,
    reminders.RESOURCE,
    timeline.RESOURCE,
    search.RESOURCE,
)

router = join(resource.router for resource in RESOURCES)
for resource in RESOURCES:
    if resource.kind is not None:
        KINDS[resource.kind.name] = resource.kind
    if resource.end_access is not None:
        ACCESS_ENDINGS.append(resource.end_access)

JOB_HANDLERS = {kind: handler for resource in RESOURCES for kind, handler in resource.job_handlers.items()}
CONSTRAINTS = {name: error for resource in RESOURCES for name, error in resource.constraints.items()}
LOADERS = tuple(resource.loader for resource in RESOURCES if resource.loader is not None)
HOUSEKEEPERS = tuple(resource.housekeeper for resource in RESOURCES if resource.housekeeper is not None)
