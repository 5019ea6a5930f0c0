"""The tools' operations, for the tests that try every operation there is."""

from tests.support.tool_operations import events, notes
from tests.support.tool_operations.declared import ToolOperations

TOOLS: tuple[ToolOperations, ...] = (notes.OPERATIONS, events.OPERATIONS)

__all__ = ["TOOLS", "ToolOperations"]
