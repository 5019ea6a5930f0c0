"""The standalone verifier's own JSON and its own Ed25519, held against PostgreSQL and against a library."""

from __future__ import annotations

import json
from typing import Any

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from settings.audit.verify_export import ORDER, canonical, read_json, verify_signature

pytestmark = pytest.mark.promise("D3")

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
NUMBERS = st.one_of(
    st.integers(-(10**40), 10**40),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(allow_nan=False, allow_infinity=False, places=9).map(float),
)
# How a number is written is part of it: PostgreSQL keeps the digits behind the point, and no exponent.
WRITTEN = st.sampled_from(["1.10", "-0.0", "-0", "1e2", "1E-7", "0e10", "12.50e1", "100000000000000000000.000"])
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXT, inner, max_size=5)),
    max_leaves=12,
)


@given(values=st.lists(VALUES, min_size=20, max_size=40), numbers=st.lists(WRITTEN, max_size=8))
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
async def test_a_json_value_is_written_as_postgresql_writes_it(
    logged_connection: asyncpg.Connection, values: list[Any], numbers: list[str]
) -> None:
    texts = [json.dumps(value, ensure_ascii=False) for value in values] + numbers
    written = await logged_connection.fetch("SELECT x::jsonb::text FROM unnest($1::text[]) AS x", texts)

    for text, row in zip(texts, written, strict=True):
        assert canonical(read_json(text)) == row[0], text
        assert canonical(read_json(row[0])) == row[0], text


def test_what_two_readers_could_read_differently_is_refused() -> None:
    for text in ('{"a": 1, "a": 2}', "[NaN]", "[Infinity]", '{"x": {"a": 1, "b": 2, "a": 1}}', "", "{", "[1] [2]"):
        with pytest.raises(ValueError, match=r"."):
            read_json(text)


@pytest.mark.parametrize(
    ("public_key", "message", "signature"),
    [
        # RFC 8032 section 7.1, tests 1 to 3
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
            "d25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
            "387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
            "4a7c15e9716ed28dc027beceea1ec40a",
        ),
    ],
)
def test_the_standards_signatures_hold(public_key: str, message: str, signature: str) -> None:
    assert verify_signature(bytes.fromhex(public_key), bytes.fromhex(message), bytes.fromhex(signature))


@given(secret=st.binary(min_size=32, max_size=32), message=st.binary(max_size=80), bit=st.integers(0, 511))
@settings(max_examples=15, deadline=None)
def test_signatures_hold_as_the_library_makes_them_and_not_with_a_bit_turned(
    secret: bytes, message: bytes, bit: int
) -> None:
    key = Ed25519PrivateKey.from_private_bytes(secret)
    public, signature = key.public_key().public_bytes_raw(), key.sign(message)
    turned = (int.from_bytes(signature, "big") ^ (1 << bit)).to_bytes(64, "big")
    again = (int.from_bytes(signature[32:], "little") + ORDER).to_bytes(32, "little")

    assert verify_signature(public, message, signature)
    assert not verify_signature(public, message, turned)
    assert not verify_signature(public, message + b"x", signature)
    assert not verify_signature(public, message, signature[:32] + again)  # the same number once more round
    assert not verify_signature(b"\xff" * 32, message, signature)
    assert not verify_signature(public[:31], message, signature)
