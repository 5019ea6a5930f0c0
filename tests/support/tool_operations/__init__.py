"""The tools' operations, for the tests that try every operation there is."""

from tests.support.tool_operations import attachments, notes
from tests.support.tool_operations.declared import ToolOperations

TOOLS: tuple[ToolOperations, ...] = (notes.OPERATIONS, attachments.OPERATIONS)

__all__ = ["TOOLS", "ToolOperations"]
