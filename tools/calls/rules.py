"""How a call's status, times and duration go together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from common.enums import CallStatus
from common.errors import CallInvalid
from tools.calls.schemas import LONGEST_CALL

TIMING: Final = frozenset({"status", "started_at", "ended_at", "duration_seconds"})
NOT_HELD: Final = frozenset({CallStatus.PLANNED, CallStatus.CANCELLED})
AHEAD: Final = timedelta(minutes=5)  # how far the clock of a telephone system may be ahead of ours


def with_duration(call: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields to write: those given and, where the times decide it, the duration. ``call`` is what they make of it.

    From beginning to end, if it was completed; a telephone system that knows better, for it counts no ringing, says so.
    """
    timed = given.keys() & {"status", "started_at", "ended_at"}
    if given.get("duration_seconds") is not None or not timed:
        return dict(given)
    return {**given, "duration_seconds": _elapsed(call) if call["status"] == CallStatus.COMPLETED else None}


def check(call: Mapping[str, Any], moment: datetime) -> None:
    """Raise CallInvalid, naming the field, for times that cannot be."""
    status, started_at, ended_at = call["status"], call["started_at"], call["ended_at"]
    if status in NOT_HELD:
        for name in ("ended_at", "duration_seconds"):
            if call[name] is not None:
                raise CallInvalid(f"A call that is {status} has no {name}.", pointer=f"/body/{name}")
        return
    if started_at is not None and started_at > moment + AHEAD:
        raise CallInvalid(f"A call that is {status} began in the past.", pointer="/body/started_at")
    if ended_at is not None and started_at is None:
        raise CallInvalid("A call that ended has a started_at.", pointer="/body/started_at")
    elapsed, duration = _elapsed(call), call["duration_seconds"]
    if elapsed is not None and not 0 <= elapsed <= LONGEST_CALL:
        raise CallInvalid("A call ends after it began, within a week.", pointer="/body/ended_at")
    if elapsed is not None and duration is not None and duration > elapsed + 1:  # both ends were rounded
        raise CallInvalid(
            f"From started_at to ended_at it is {elapsed} seconds: it cannot last {duration}.",
            pointer="/body/duration_seconds",
        )


def _elapsed(call: Mapping[str, Any]) -> int | None:
    """Whole seconds from beginning to end."""
    if call["started_at"] is None or call["ended_at"] is None:
        return None
    elapsed: timedelta = call["ended_at"] - call["started_at"]
    return math.floor(elapsed.total_seconds())
