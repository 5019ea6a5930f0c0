"""Cursors: what is written comes back, and nothing else is believed."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.errors import CursorInvalid
from common.paging import CursorCodec
from serving.listing import MAX_CURSOR_LENGTH

CODEC = CursorCodec(b"k" * 32)
TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=300)  # what PostgreSQL stores has no surrogates
VALUES = st.lists(
    st.one_of(
        st.integers(-(2**31), 2**31 - 1),
        TEXT,
        st.booleans(),
        st.uuids(),
        st.datetimes(timezones=st.just(UTC)),
    ),
    max_size=5,
)


@given(VALUES, TEXT)
def test_what_is_written_is_read_again(values: list[object], binding: str) -> None:
    found = CODEC.read(CODEC.write(values, binding), binding)

    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


@pytest.mark.promise("T1")
@given(VALUES, TEXT, TEXT)
@example([], "", "x")
@example([1], "tenant_a", "tenant_b")
def test_a_cursor_is_bound_to_its_list(values: list[object], binding: str, other: str) -> None:
    if binding != other:
        with pytest.raises(CursorInvalid):
            CODEC.read(CODEC.write(values, binding), other)


@given(VALUES, st.data())
def test_no_character_can_be_changed(values: list[object], data: st.DataObject) -> None:
    cursor = CODEC.write(values, "list")
    place = data.draw(st.integers(0, len(cursor) - 1))
    other = data.draw(st.sampled_from("ABCxyz019-_=. é\0").filter(lambda character: character != cursor[place]))

    with pytest.raises(CursorInvalid):
        CODEC.read(cursor[:place] + other + cursor[place + 1 :], "list")


@given(st.text(max_size=100))
@example("")
@example("e30")
@example("\ud800")
@example("Ａ" * 40)
def test_no_text_makes_it_fail_otherwise(text: str) -> None:
    with pytest.raises(CursorInvalid):
        CODEC.read(text, "list")


def test_another_key_is_another_service() -> None:
    with pytest.raises(CursorInvalid):
        CODEC.read(CursorCodec(b"o" * 32).write([1], "list"), "list")


@pytest.mark.promise("S7")
def test_the_longest_values_that_can_be_sorted_by_fit_into_a_query() -> None:
    """An address of 1,000 characters is the longest sorted value; U+10FFFF takes four bytes in UTF-8."""
    moment = datetime(2024, 1, 1, tzinfo=UTC)

    cursor = CODEC.write(["\U0010ffff" * 1000, "x" * 64, moment, moment, UUID(int=0)], "list")

    assert len(cursor) <= MAX_CURSOR_LENGTH
