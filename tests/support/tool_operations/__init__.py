"""The tools' operations, for the tests that try every operation there is."""

from tests.support.tool_operations import calls, events, notes, reminders, tasks
from tests.support.tool_operations.declared import ToolOperations

TOOLS: tuple[ToolOperations, ...] = (
    notes.OPERATIONS,
    tasks.OPERATIONS,
    calls.OPERATIONS,
    events.OPERATIONS,
    reminders.OPERATIONS,
)

__all__ = ["TOOLS", "ToolOperations"]
