"""The one place that asks for the time."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The current time in UTC, with microseconds, which is also what PostgreSQL keeps."""
    return datetime.now(UTC)
