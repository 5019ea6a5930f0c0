"""What every log line of a request says: its id, and as they become known the tenant and who is asking.

One dictionary per request, which tasks started by the request share. structlog's own context keeps a variable for each
name and walks them all for every line, a tenth of a cheap request.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any

_bound: ContextVar[dict[str, Any] | None] = ContextVar("log_context", default=None)


def start_context(**values: Any) -> None:
    """Begin a request's: what was bound before, by another request of this connection, is gone."""
    _bound.set(values)


def bind(**values: Any) -> None:
    """Have the lines to come say this too; outside a request nothing is remembered."""
    bound = _bound.get()
    if bound is not None:
        bound.update(values)


def bound_values() -> dict[str, Any]:
    """What is bound now."""
    return _bound.get() or {}


def merge_bound(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog's processor: what is bound, and over it what the line itself says."""
    return {**bound_values(), **event}
