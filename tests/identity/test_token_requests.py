"""Bad credentials over HTTP: one answer for all of them, and no database behind it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI

from tests.support.probes import Traffic, watched
from tests.support.tokens import forge, forge_text, header, hmac_signer, read_part
from tests.support.world import TestTenant

pytestmark = pytest.mark.promise("I1")

TEST: Final = "/auth/test"
SCHEMES: Final = (
    "",
    "Bearer",
    "Bearer ",
    "Basic b3duZXI6eA==",
    "Token {}",
    "Bearer\t{}",
    "bearer:{}",
    "{}",
    "Bearer {} x",
)


@pytest.fixture
def token(alpha: TestTenant) -> str:
    """A token that works."""
    return str(alpha.people["member"].tokens["access_token"])


@pytest.fixture
def traffic(app: FastAPI) -> Iterator[Traffic]:
    """What the application does with the database during the test."""
    with watched(app) as seen:
        yield seen


def hostile_tokens(token: str) -> list[str]:
    """One of each kind; the kinds in full are in test_token_forgery and test_token_claims."""
    payload, moment = read_part(token, 1), int(time.time())
    changed: list[dict[str, Any]] = [
        {"exp": moment - 60},
        {"exp": 10**400},
        {"exp": None},
        {"exp": str(moment + 60)},
        {"iat": moment + 600},
        {"aud": ["travel-system"]},
        {"iss": "other"},
        {"typ": "refresh"},
        {"sub": "owner"},
        {"sid": None},
        {"tenant_id": "alpha"},
        {"tenant_id": "TENANT_ALPHA"},
    ]
    return [
        *(forge({**payload, **change}) for change in changed),
        forge(payload, header(alg="none"), lambda _: b""),
        forge(payload, header(crit=["x"], x=1)),
        forge(payload, header(kid="../../etc/passwd")),
        forge(payload, sign=hmac_signer(b"x" * 32)),
        forge_text("[" * 2500, json.dumps(payload)),
        "x" * 30_000,
        f"{token}.{token}",
        token[:-1],
    ]


async def _answers(alpha: TestTenant, credentials: list[dict[str, Any]]) -> list[httpx.Response]:
    return [await alpha.anonymous.get(TEST, headers=headers) for headers in credentials]


def _alike(answers: list[httpx.Response]) -> None:
    """All of them the one 401: the same body and the same header fields, apart from the request's id."""
    seen = set()
    for answer in answers:
        assert answer.status_code == 401, answer.text
        assert answer.headers["www-authenticate"] == "Bearer"
        body = answer.json()
        assert body.pop("request_id") == answer.headers["x-request-id"]
        assert body["code"] == "unauthenticated"
        seen.add((json.dumps(body), tuple(name for name in answer.headers if name != "content-length")))
    assert len(seen) == 1


async def test_the_forger_can_make_a_token_that_works(alpha: TestTenant, token: str) -> None:
    answer = await alpha.anonymous.get(TEST, headers={"Authorization": f"Bearer {forge(read_part(token, 1))}"})

    assert answer.status_code == 200
    assert answer.json()["via"] == "token"


async def test_every_bad_token_gets_the_same_answer_without_a_database(
    alpha: TestTenant, token: str, traffic: Traffic
) -> None:
    flipped = [token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :] for at in range(0, len(token), 11)]
    bad = [*hostile_tokens(token), *flipped]

    _alike(await _answers(alpha, [{"Authorization": f"Bearer {item}"} for item in bad]))

    assert len(bad) >= 50
    assert traffic.checkouts == 0


async def test_every_other_way_to_show_no_token_gets_it_too(alpha: TestTenant, token: str, traffic: Traffic) -> None:
    refresh = alpha.people["member"].tokens["refresh_token"]
    credentials: list[dict[str, Any]] = [
        {},
        {"X-API-Key": "ssk_of_nobody"},
        {"X-API-Key": ""},
        {"X-API-Key": token},
        {"Authorization": f"Bearer {refresh}"},
        *({"Authorization": scheme.format(token)} for scheme in SCHEMES),
        {"Authorization": b"Bearer \xe9\xff\x80"},
    ]

    _alike(await _answers(alpha, credentials))

    assert traffic.checkouts == 0


async def test_the_scheme_is_read_in_any_case(alpha: TestTenant, token: str) -> None:
    for scheme in ("bearer", "BEARER", "Bearer"):
        answer = await alpha.anonymous.get(TEST, headers={"Authorization": f"{scheme} {token}"})
        assert answer.status_code == 200


@pytest.mark.parametrize(
    "extra",
    [
        [("Authorization", "Bearer {}"), ("Authorization", "Bearer {}")],
        [("Authorization", "Bearer {}"), ("Authorization", "Bearer x")],
        [("Authorization", "Bearer {}"), ("X-API-Key", "ssk_x")],
        [("Authorization", "Basic x"), ("X-API-Key", "")],
        [("X-API-Key", "a"), ("X-API-Key", "b")],
    ],
)
async def test_two_credentials_are_one_too_many(
    http: httpx.AsyncClient, token: str, traffic: Traffic, extra: list[tuple[str, str]]
) -> None:
    headers = [("X-Tenant-ID", "tenant_alpha"), *((name, value.format(token)) for name, value in extra)]

    answer = await http.get("/api/v1/auth/test", headers=headers)

    assert answer.status_code == 400
    assert answer.json()["code"] == "ambiguous_credentials"
    assert traffic.checkouts == 0


async def test_an_access_token_is_no_refresh_token(alpha: TestTenant, token: str) -> None:
    for text in (token, "ssr_" + token.split(".")[2], "ssr_", "ssr_" + "A" * 91, "SSR_x", "é"):
        answer = await alpha.anonymous.post("/auth/refresh", json={"refresh_token": text[:200]})
        assert answer.status_code == 401
        assert answer.json()["code"] == "refresh_token_invalid"


async def test_a_genuine_token_of_a_session_that_never_was_is_refused(alpha: TestTenant, token: str) -> None:
    """What the key's holder could forge still meets the sessions' table."""
    for claim in ("sid", "sub"):
        payload = {**read_part(token, 1), claim: alpha.people["viewer"].id}
        answer = await alpha.anonymous.get(TEST, headers={"Authorization": f"Bearer {forge(payload)}"})
        _alike([answer])
