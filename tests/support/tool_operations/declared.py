"""What the tests of all operations must know of one tool's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from tests.support.operations import Operation

Values = Callable[[asyncpg.Connection, Operation, UUID], Awaitable[dict[str, str]]]
"""Makes what an operation's path names, past the API, for a user whose own it is."""

Filling = Callable[[asyncpg.Connection, Operation, Mapping[str, str]], Awaitable[dict[str, Any]]]
"""What a request has beside a JSON body, as httpx takes it: ``params``, ``files``, ``headers``."""


async def nothing_more(_owner: asyncpg.Connection, _operation: Operation, _values: Mapping[str, str]) -> dict[str, Any]:
    """Of most requests, the body is all."""
    return {}


@dataclass(frozen=True, slots=True)
class ToolOperations:
    """One tool's operations by the names of their functions."""

    bodies: Mapping[str, Callable[[str], dict[str, Any]]]  # a valid JSON body; the word in it is unique
    reading: frozenset[str]  # those that change nothing
    changing: Mapping[str, tuple[str, str]]  # audit action, and type of its target
    tables: tuple[str, ...]  # what they write
    values: Values
    fill: Filling = nothing_more
    files: frozenset[str] = field(default_factory=frozenset)  # those whose body is a file or a form
    open: frozenset[str] = field(default_factory=frozenset)  # those that need no credential but a secret address
    own: frozenset[str] = field(default_factory=frozenset)  # those that need no permission: about the caller himself
