"""The tools' operations, for the tests that try every operation there is."""

from tests.support.tool_operations import notes, reviews
from tests.support.tool_operations.declared import ToolOperations

TOOLS: tuple[ToolOperations, ...] = (notes.OPERATIONS, reviews.OPERATIONS)

__all__ = ["TOOLS", "ToolOperations"]
