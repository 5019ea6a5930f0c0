"""Recurrence rules of tasks, which are checked before there is a day for the first of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Final

from tools.recurrence.dates import next_date
from tools.recurrence.rules import Rule, RuleError, parse_rule

MAX_COUNT: Final = 1_000


def read_rule(text: str) -> Rule:
    """Read a rule. Raises RuleError, also for one that fits no day."""
    rule = parse_rule(text, max_count=MAX_COUNT)
    if next_date(replace(rule, interval=1), date(2000, 1, 1)) is None:
        raise RuleError("The rule fits no day of any year.")
    return rule


def after_one(rule: Rule) -> Rule:
    """What is left of a rule once one of its occurrences is over."""
    if rule.count is None:
        return rule
    return replace(rule, parts={**rule.parts, "COUNT": str(rule.count - 1)}, count=rule.count - 1)


def is_over(rule: Rule, local: datetime, moment: datetime) -> bool:
    """Whether an occurrence, told by the local clock and in UTC, is later than UNTIL allows."""
    if rule.until is None:
        return False
    if isinstance(rule.until, datetime):
        return (moment if rule.until.tzinfo else local) > rule.until
    return local.date() > rule.until
