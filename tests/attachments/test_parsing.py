"""What clients write about files, as any text: ranges and names."""

from __future__ import annotations

import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from common.errors import RangeNotSatisfiable
from tools.attachments.names import MAX_BYTES, clean_name, content_disposition
from tools.attachments.ranges import choose_part

ETAG = '"a"'
SIZES = st.integers(0, 2**48)
NUMBERS = st.one_of(st.just(""), st.integers(0, 10**19 - 1).map(str))
# Long ones, so that they have to be cut, with what is taken away elsewhere at any place.
LONG = st.builds(
    lambda stem, times, ending: stem * times + ending, st.text(max_size=12), st.integers(1, 200), st.text(max_size=20)
)


@given(SIZES, NUMBERS, NUMBERS)
@example(0, "0", "")
@example(0, "", "1")
@example(10, "", "0")
@example(10, "9", "9")
@example(10, "10", "")
def test_a_range_is_a_part_of_the_file_or_none(size: int, first: str, last: str) -> None:
    wanted = set(range(0))
    if first:
        wanted = set(range(int(first), min(int(last) if last else size, int(first) + 2, size - 1) + 1))
    try:
        part = choose_part(size, ETAG, f"bytes={first}-{last}", None)
    except RangeNotSatisfiable:
        assert not {position for position in wanted if position < size}
        return
    assert 0 <= part.start <= part.stop <= size
    assert part.headers["Content-Length"] == str(part.stop - part.start)
    assert ("Content-Range" in part.headers) is not part.is_whole
    if not part.is_whole:
        assert part.stop > part.start
        assert not first or part.start == int(first)
        assert not (first and last) or part.stop == min(size, int(last) + 1)
        assert first or part.stop - part.start == min(size, int(last))


@given(SIZES, st.text(), st.none() | st.text())
def test_no_text_makes_a_range_fail_otherwise(size: int, wanted: str, if_range: str | None) -> None:
    try:
        part = choose_part(size, ETAG, wanted, if_range)
    except RangeNotSatisfiable:
        assert wanted.strip().lower().startswith("bytes")
    else:
        assert 0 <= part.start <= part.stop <= size


@given(st.text() | LONG)
@example("a" * 250 + "    b")
@example("a" * 254 + "." + "b" * 20)
@example("..." + "a" * 300)
@example("con" + "." * 300 + "a")
def test_a_name_is_safe_whatever_was_given(given: str) -> None:
    name = clean_name(given)

    assert 1 <= len(name.encode()) <= MAX_BYTES
    assert not set(name) & set('/\\<>:"|?*\0')
    assert name == name.strip()
    assert not name.endswith(".")
    assert name.strip(".")
    assert {unicodedata.category(character)[0] for character in name} <= set("LMNPSZ")
    assert clean_name(name) == name


@given(st.text() | LONG)
def test_a_name_in_a_header_is_one_value_and_comes_back(given: str) -> None:
    name = clean_name(given)

    written = content_disposition(name)

    written.encode("ascii")
    assert written.isprintable()
    assert written.count('"') == 2
