"""``If-Match`` and ``If-None-Match``, as any text."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from common.errors import InvalidRequest
from common.http.replies import NotModified, Reply

TAGS = st.integers(0, 2**31).map(lambda version: f'"v{version}"')
OTHERS = st.from_regex(r'(W/)?"[\x21\x23-\x2b\x2d-\x7e]{0,8}"', fullmatch=True)
LATIN = st.text(st.characters(max_codepoint=255))


def reply_to(name: str, value: str) -> Reply:
    """The answer in the making to a reader that sends this header."""
    headers = [(name.encode(), value.encode("latin-1"))]
    return Reply(Request({"type": "http", "method": "GET", "path": "/", "headers": headers}), Response())


@given(st.integers(1, 999_999_999))
def test_a_version_s_tag_names_that_version(version: int) -> None:
    assert reply_to("if-match", f' "v{version}" ').expected_version == version


@given(LATIN)
@example("*")
@example('"v99999999999999999999999999999999"')
@example('"v1", "v2"')
@example('"v²"')
def test_any_other_text_is_refused(text: str) -> None:
    try:
        version = reply_to("if-match", text).expected_version
    except InvalidRequest:
        return
    assert text.strip() == "*" if version is None else re.fullmatch(rf'(W/)?"v0*{version}"', text.strip())


@given(TAGS, st.lists(TAGS | OTHERS, max_size=6), st.booleans())
def test_a_reader_that_has_the_version_is_told_so(tag: str, known: list[str], is_weak: bool) -> None:
    """Weak comparison (RFC 9110 section 13.1.2)."""
    listed = ", ".join([*known, f"W/{tag}" if is_weak else tag])

    with pytest.raises(NotModified):
        reply_to("if-none-match", listed).validate(tag)


@given(TAGS, LATIN)
def test_and_no_other(tag: str, text: str) -> None:
    try:
        reply_to("if-none-match", text).validate(tag)
    except NotModified:
        assert tag in text or text.strip() == "*"
