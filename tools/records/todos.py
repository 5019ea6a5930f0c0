"""Something to do as calendars have it (VTODO, RFC 5545 section 3.6.2): what a kind of record says of one of its own.

Calendars ask every kind that has something to say, and know none of them by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row


@dataclass(frozen=True, slots=True)
class Todo:
    """One thing to do. ``priority`` is RFC 5545's: 1 is the highest, 9 the lowest, 0 says nothing. ``alarms`` are
    minutes before it is due."""

    title: str
    description: str
    status: Literal["NEEDS-ACTION", "IN-PROCESS", "COMPLETED", "CANCELLED"]
    starts_at: datetime | None = None
    due_at: datetime | None = None
    completed_at: datetime | None = None
    priority: int = 0
    alarms: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TodoSource:
    """How calendars show the records of a kind: which of them, given the moment before which what is over is old; and
    what each says."""

    is_current: Callable[[datetime], ColumnElement[bool]]
    read: Callable[[Row[Any]], Todo]
