"""The tools' operations, for the tests that try every operation there is."""

from tests.support.tool_operations import notes, search, timeline
from tests.support.tool_operations.declared import ToolOperations

TOOLS: tuple[ToolOperations, ...] = (notes.OPERATIONS, search.OPERATIONS, timeline.OPERATIONS)

__all__ = ["TOOLS", "ToolOperations"]
