"""The tools' operations, for the tests that try every operation there is."""

from tests.support.tool_operations import attachments, calls, events, notes, reminders, reviews, search, tasks, timeline
from tests.support.tool_operations.declared import ToolOperations

TOOLS: tuple[ToolOperations, ...] = (
    attachments.OPERATIONS,
    calls.OPERATIONS,
    events.OPERATIONS,
    notes.OPERATIONS,
    reminders.OPERATIONS,
    reviews.OPERATIONS,
    search.OPERATIONS,
    tasks.OPERATIONS,
    timeline.OPERATIONS,
)

__all__ = ["TOOLS", "ToolOperations"]
