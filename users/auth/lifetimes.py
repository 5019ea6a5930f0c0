"""How long sessions live: what a tenant has set, and what follows for each session.

A deadline is stored when a session is opened and whenever it is refreshed. Since the settings may be made stricter
afterwards, the times that it came from are compared with them as well, on every use.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from common.registry import Effective
from users.declarations import SESSION_ABSOLUTE, SESSION_IDLE


@dataclass(frozen=True, slots=True)
class SessionTimes:
    """When a session was opened and last refreshed, and when it ends if nothing happens."""

    started_at: datetime
    refreshed_at: datetime
    ends_at: datetime

    def end(self, settings: Effective) -> datetime:
        """When the session ends if it is not used again, nor anything else happens."""
        limits = Lifetimes.of(settings)
        return min(self.ends_at, self.refreshed_at + limits.idle, self.started_at + limits.absolute)

    def are_within(self, settings: Effective, moment: datetime) -> bool:
        """Whether the session still lives."""
        return moment < self.end(settings)


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """The longest that a session may be unused, and the longest that it may live."""

    idle: timedelta
    absolute: timedelta

    @classmethod
    def of(cls, settings: Effective) -> Self:
        """As the tenant has them."""
        return cls(timedelta(seconds=settings[SESSION_IDLE]), timedelta(seconds=settings[SESSION_ABSOLUTE]))

    def deadlines(self, moment: datetime, started: datetime) -> tuple[datetime, datetime]:
        """When a session used at ``moment`` ends unless it is used again, and when it ends in any case. The shorter of
        the two limits wins, in whichever order they were set."""
        end = started + self.absolute
        return min(moment + self.idle, end), end
