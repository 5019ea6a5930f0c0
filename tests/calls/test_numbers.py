"""Telephone numbers, however they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.calls.schemas import plain_number

NUMBERS = st.from_regex(r"\+[1-9][0-9]{1,14}", fullmatch=True)


@given(NUMBERS, st.lists(st.tuples(st.integers(1, 14), st.sampled_from(" -()./\u00a0\u2013")), max_size=8))
def test_decoration_changes_no_number(number: str, decoration: list[tuple[int, str]]) -> None:
    written = list(number)
    for place, mark in decoration:
        written.insert(min(place, len(written)), mark)
    if "(0)" not in "".join(written):
        assert plain_number("".join(written)) == number


@given(st.text(max_size=20))
def test_what_is_accepted_is_what_is_stored(text: str) -> None:
    try:
        stored = plain_number(text)
    except ValueError:
        return
    assert plain_number(stored) == stored
    assert stored.isascii()


@pytest.mark.parametrize("text", ["", "+", "++302101234567", "+30210123456a", "+3021012345678901", "tel:+302101234567"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"E\.164"):
        plain_number(text)
