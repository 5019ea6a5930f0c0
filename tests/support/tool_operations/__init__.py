"""The tools' operations, for the tests that try every operation there is."""

from tests.support.tool_operations import calls, notes, reminders
from tests.support.tool_operations.declared import ToolOperations

TOOLS: tuple[ToolOperations, ...] = (notes.OPERATIONS, calls.OPERATIONS, reminders.OPERATIONS)

__all__ = ["TOOLS", "ToolOperations"]
