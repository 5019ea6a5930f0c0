"""The search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import asyncpg

from tests.support.operations import Operation
from tests.support.tool_operations.declared import ToolOperations


async def values(_owner: asyncpg.Connection, _operation: Operation, _user_id: UUID) -> dict[str, str]:
    """Its path names nothing."""
    return {}


async def fill(_owner: asyncpg.Connection, operation: Operation, _values: Mapping[str, str]) -> dict[str, Any]:
    """What its query must have."""
    return {"params": {"q": "word"}} if operation.name == "search_records" else {}


OPERATIONS = ToolOperations(
    bodies={},
    reading=frozenset({"search_records"}),
    changing={},
    tables=(),
    values=values,
    fill=fill,
    own=frozenset({"search_records"}),
)
