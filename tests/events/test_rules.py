"""Recurrence rules of events: which are refused beside those that nobody reads, and how they are kept."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from tools.events.rules import read_rule
from tools.recurrence.rules import RuleError


@pytest.mark.promise("S7")
@pytest.mark.parametrize(
    "text",
    [
        *("FREQ=HOURLY", "FREQ=DAILY;;", "FREQ=DAILY;COUNT=5001", "FREQ=YEARLY;BYWEEKNO=1;WKST=SU"),
        *("FREQ=DAILY;UNTIL=00010101", "FREQ=DAILY;UNTIL=18991231", "FREQ=DAILY;UNTIL=22000101"),
        *("FREQ=DAILY;UNTIL=00010101T000000", "FREQ=DAILY;UNTIL=19000101T000000"),
        *("FREQ=DAILY;UNTIL=99991231T235959", "FREQ=DAILY;UNTIL=99991231T235959Z"),
    ],
)
def test_what_is_no_rule_or_ends_in_no_served_year_is_refused(text: str) -> None:
    with pytest.raises(RuleError, match=r"[.]$"):
        read_rule(text, ZoneInfo("Europe/Athens"))


def test_a_rule_is_kept_in_one_spelling() -> None:
    athens = ZoneInfo("Europe/Athens")
    spellings = {
        "RRULE:byday=tu;freq=weekly": "FREQ=WEEKLY;BYDAY=TU",
        "FREQ=DAILY;UNTIL=20261231;": "FREQ=DAILY;UNTIL=20261231",
        "FREQ=DAILY;UNTIL=20261231T220000Z": "FREQ=DAILY;UNTIL=20261231T220000Z",
        "FREQ=DAILY;UNTIL=20261231T220000": "FREQ=DAILY;UNTIL=20261231T200000Z",
    }
    assert {text: read_rule(text, athens).text for text in spellings} == spellings
