"""How a key is written: what can be told of it without asking anybody."""

from __future__ import annotations

import re
import string
import zlib

from hypothesis import given, settings
from hypothesis import strategies as st

from shared_auth import KeySecret

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase

KEY = KeySecret.new()


def _number(text: str) -> int:
    value = 0
    for digit in text:
        value = value * 62 + BASE62.index(digit)
    return value


def test_a_new_key_has_the_published_form() -> None:
    """A scanner for leaked secrets needs no more than this expression and CRC-32."""
    text = KeySecret.new().text

    form = re.fullmatch(r"ssk_([0-9A-Za-z]{43})_([0-9A-Za-z]{6})", text)
    assert form is not None
    assert _number(form[2]) == zlib.crc32(form[1].encode())
    assert KeySecret.read(text) == KeySecret(text)


def test_no_two_keys_are_alike() -> None:
    assert len({KeySecret.new().digest for _ in range(1000)}) == 1000


@settings(max_examples=200)
@given(st.integers(0, 53), st.sampled_from(BASE62 + "_-. \n\x00é"))
def test_a_key_with_one_wrong_character_is_none(place: int, character: str) -> None:
    text = KEY.text
    wrong = text[:place] + character + text[place + 1 :]

    assert (KeySecret.read(wrong) is None) == (wrong != text)


@settings(max_examples=50)
@given(st.text())
def test_other_text_is_no_key(text: str) -> None:
    assert KeySecret.read(text) is None
    assert KeySecret.read(KEY.text + text) is None or not text


def test_a_key_does_not_show_itself() -> None:
    key = KeySecret.new()

    assert key.text not in repr(key)
    assert key.shown == key.text[:12]
