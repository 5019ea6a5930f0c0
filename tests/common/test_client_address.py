"""Where a request came from: only what trusted proxies say counts."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from common.http.headers import read_client_address

TRUSTED = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")]
CLIENT, PROXY, INNER = "203.0.113.7", "10.0.0.1", "10.0.0.2"


def address(peer: str | None, *forwarded: str) -> str | None:
    """The address of a request with these X-Forwarded-For headers."""
    raw = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    return read_client_address(peer, Headers(raw=raw), TRUSTED)


@pytest.mark.promise("I6")
@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        (CLIENT, (), CLIENT),
        (None, (), None),
        (CLIENT, ("198.51.100.9",), CLIENT),  # nobody we trust says so
        (PROXY, (CLIENT,), CLIENT),
        (PROXY, (f"1.2.3.4, {CLIENT}",), CLIENT),  # the client wrote 1.2.3.4 itself
        (PROXY, (f"1.2.3.4, {CLIENT}, {INNER}",), CLIENT),
        (PROXY, ("1.2.3.4", f"{CLIENT}, {INNER}"), CLIENT),  # several headers are one list
        (PROXY, (INNER,), INNER),  # the request began inside
        (PROXY, ("unknown",), PROXY),
        (PROXY, (f"{CLIENT}, nonsense",), PROXY),
        (PROXY, ("",), PROXY),
        ("fd00::1", ("2001:db8::5",), "2001:db8::5"),
    ],
)
def test_the_last_hop_that_no_trusted_proxy_added_is_the_client(
    peer: str | None, forwarded: tuple[str, ...], expected: str | None
) -> None:
    assert address(peer, *forwarded) == expected


@given(st.text(st.characters(max_codepoint=255), max_size=60))
def test_no_header_makes_it_anything_but_an_address(value: str) -> None:
    found = address(PROXY, value)

    assert found is not None
    ipaddress.ip_address(found)
