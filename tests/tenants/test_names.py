"""A tenant's name is data until it is proven to be a name: whatever else is sent makes nothing."""

from __future__ import annotations

from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import example, given, settings
from hypothesis import strategies as st

from common.config import Config
from common.ids import RESERVED, TenantName
from database import quote_identifier
from tests.support.catalogue import everything_there_is
from tests.support.servers import PLATFORM_KEY
from tests.support.world import API, PASSWORD

pytestmark = pytest.mark.promise("T4")

HOSTILE: Final = (
    "",
    " ",
    "tenant_",
    "_acme",
    "tenant__acme",
    "ACME",
    "Tenant_acme",
    "TENANT_ACME",
    "tenant_tenant_acme",
    "acme-travel",
    "acme.users",
    "tenant_acme.users",
    'acme"',
    '"; DROP SCHEMA system CASCADE; --',
    "acme'",
    "acme;",
    "acme,tenant_beta",
    "acme tenant_beta",
    "acme/../beta",
    "acme%00",
    "%61cme",
    "acme\\",
    "$user",
    "*",
    "public",
    "tenant_public",
    "pg_catalog",
    "pg_x",
    "tenant_pg_toast",
    "information_schema",
    "system",
    "acme\n",
    "\nacme",
    "tenant_acme\r\n",
    "acme\t",
    " acme",
    "acme ",
    "acme\x00",
    "acme\x00beta",
    "acme\x7f",
    "ａｃｍｅ",  # full-width
    "tenant_аcme",  # the first letter is Cyrillic
    "acmé",
    "acme²",
    "١٢٣",  # Arabic digits
    "acme\u200b",
    "ıacme",  # a dotless i, which some folding makes an i
    "ſystem",
    "\ufeffacme",
    "a" * 49,
    "tenant_" + "a" * 49,
    "a" * 64,
    "a" * 10_000,
)
ADMIN: Final = {"email": "owner@twin.example", "username": "owner", "password": PASSWORD}
REQUESTS: Final[dict[str, dict[str, Any]]] = {
    "/auth/initialize-tenant": {"name": "Hostile", "admin": ADMIN},
    "/auth/login": {"username": "owner", "password": PASSWORD},
    "/auth/verify-tenant": {},
}


async def send(http: httpx.AsyncClient, path: str, *names: bytes) -> httpx.Response:
    """A request with these X-Tenant-ID headers, whose bytes no client library checks."""
    headers = [(b"X-Tenant-ID", name) for name in names]
    return await http.post(
        API + path, json=REQUESTS[path], headers=[*headers, (b"X-Platform-Key", PLATFORM_KEY.encode())]
    )


@pytest.mark.parametrize("path", list(REQUESTS))
async def test_a_hostile_name_is_refused_and_nothing_is_made(
    http: httpx.AsyncClient, config: Config, path: str
) -> None:
    before = await everything_there_is(config)
    for name in HOSTILE:
        answer = await send(http, path, name.encode())

        assert (answer.status_code, answer.json()["code"]) == (400, "tenant_invalid"), name
    assert await everything_there_is(config) == before


@pytest.mark.parametrize("path", list(REQUESTS))
async def test_the_header_must_be_sent_exactly_once(http: httpx.AsyncClient, config: Config, path: str) -> None:
    before = await everything_there_is(config)
    for names, code in (
        ((), "tenant_required"),
        ((b"acme", b"acme"), "tenant_invalid"),
        ((b"acme", b"b"), "tenant_invalid"),
    ):
        answer = await send(http, path, *names)

        assert (answer.status_code, answer.json()["code"]) == (400, code), names
    assert await everything_there_is(config) == before


async def test_bytes_that_are_no_text_are_refused(http: httpx.AsyncClient) -> None:
    for name in (b"\xff\xfe", b"acme\xc0\x80", b"\xed\xa0\x80"):
        answer = await send(http, "/auth/verify-tenant", name)

        assert (answer.status_code, answer.json()["code"]) == (400, "tenant_invalid"), name


async def test_a_refused_name_is_not_echoed(http: httpx.AsyncClient) -> None:
    answer = await send(http, "/auth/verify-tenant", b"<script>alert(1)</script>")

    assert "script" not in answer.text


async def test_the_longest_name_works(app: FastAPI, http: httpx.AsyncClient, config: Config) -> None:
    name = "l" * 48

    created = await send(http, "/auth/initialize-tenant", name.encode())

    assert created.status_code == 201, created.text
    assert created.json()["schema_name"] == f"tenant_{name}"
    assert {("schema", f"tenant_{name}"), ("role", f"tenant_{name}"), ("tenant", name)} < await everything_there_is(
        config
    )


def follows_the_grammar(text: str) -> bool:
    """The contract's sentence, written without a regular expression."""
    short = text[7:] if text.startswith("tenant_") else text
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    in_form = 1 <= len(short) <= 48 and short[0] in letters and set(short) <= {*letters, "_"}
    return in_form and short not in RESERVED and not short.startswith(("pg_", "tenant_"))


NEARLY: Final = st.text(alphabet="abz019_tenant_pgABZ-.\"' \n\u0131\uff41", max_size=60)


@settings(deadline=None)
@given(st.text() | NEARLY | NEARLY.map(lambda text: f"tenant_{text}") | st.from_regex(r"(tenant_)?[a-z0-9][a-z0-9_]*"))
@example("a" * 48)
@example("tenant_" + "a" * 48)
@example("tenant_tenant_a")
def test_exactly_the_grammar_is_accepted_and_gives_a_safe_identifier(text: str) -> None:
    name = TenantName.parse(text)

    assert (name is not None) == follows_the_grammar(text)
    if name is not None:
        assert len(name.schema.encode()) <= 63  # longer ones PostgreSQL would silently cut
        assert name.schema == f"tenant_{name.tenant_id}"
        assert quote_identifier(name.schema) == f'"{name.schema}"'
        assert TenantName.parse(name.tenant_id) == TenantName.parse(name.schema) == name


@settings(deadline=None)
@given(st.text(st.characters(exclude_characters="\x00")))
def test_a_quoted_identifier_ends_only_at_its_end(text: str) -> None:
    quoted = quote_identifier(text)

    assert (quoted[0], quoted[-1]) == ('"', '"')
    assert quoted[1:-1].replace('""', "").count('"') == 0
    assert quoted[1:-1].replace('""', '"') == text
