"""Recurrence rules of events: in the years that are served, until a moment, and in one spelling."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from tools.recurrence.rules import PARTS, Rule, RuleError, parse_rule

FIRST_YEAR, LAST_YEAR = 1900, 2199
MAX_COUNT: Final = 5_000


def read_rule(text: str, zone: ZoneInfo) -> Rule:
    """Read a rule. An UNTIL without ``Z`` is a time of ``zone``. Raises RuleError."""
    rule = parse_rule(text.strip().removesuffix(";"), max_count=MAX_COUNT)
    if rule.weeks and rule.week_start:
        raise RuleError("BYWEEKNO goes with weeks that begin on Monday.")
    parts = {name: rule.parts[name] for name in PARTS if name in rule.parts}
    if rule.until is None:
        return replace(rule, parts=parts)
    until = _in_utc(rule.until, zone)
    parts["UNTIL"] = f"{until:%Y%m%dT%H%M%SZ}" if isinstance(until, datetime) else f"{until:%Y%m%d}"
    return replace(rule, parts=parts, until=until)


def _in_utc(until: date | datetime, zone: ZoneInfo) -> date | datetime:
    _check_year(until)
    if isinstance(until, datetime):
        until = (until if until.tzinfo else until.replace(tzinfo=zone)).astimezone(UTC)
        _check_year(until)
    return until


def _check_year(day: date) -> None:
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise RuleError(f"UNTIL must be in the years {FIRST_YEAR} to {LAST_YEAR}.")
