"""``/auth/introspect`` (RFC 7662)."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import FastAPI

from common.config import Config
from shared_auth import KeySecret
from tests.api_keys.conftest import make_key, with_key
from tests.support.apps import services_of
from tests.support.post import entries
from tests.support.probes import watched
from tests.support.world import Api, TestTenant, add_person, sign_in

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
INACTIVE = {"active": False}


async def ask(api: Api, token: str, **fields: str) -> Any:
    """What a credential is worth."""
    answer = await api.post("/auth/introspect", content=urlencode({"token": token, **fields}), headers=FORM)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.json()


async def test_an_access_token(alpha: TestTenant, beta: TestTenant) -> None:
    for home in (alpha, beta):
        member = home.people["member"]

        answer = await ask(home.owner, member.tokens["access_token"], token_type_hint="refresh_token")

        assert {
            "active": True,
            "sub": member.id,
            "username": "member",
            "tenant_id": home.name,
            "token_type": "access_token",
            "iss": "system-service",
            "aud": "travel-system",
            "sid": member.tokens["session_id"],
        }.items() <= answer.items()
        assert answer["exp"] - answer["iat"] == 3600
        assert {"tasks:read:own", "settings:read"} <= set(answer["scope"].split(" "))
        assert "users:read" not in answer["scope"]
        assert answer.keys() == {
            "active", "sub", "username", "tenant_id", "scope", "token_type", "iss", "aud", "exp", "iat", "jti", "sid",
        }  # fmt: skip


async def test_an_api_key(alpha: TestTenant) -> None:
    made = await make_key(alpha.owner, "users:read", "tasks:read:own", allowed_cidrs=["10.0.0.0/8"])

    answer = await ask(alpha.owner, made["key"])

    assert {
        "active": True,
        "sub": alpha.people["owner"].id,
        "client_id": made["id"],
        "jti": made["id"],
        "scope": "tasks:read:own users:read",
        "token_type": "api_key",
        "allowed_cidrs": ["10.0.0.0/8"],
    }.items() <= answer.items()
    assert "exp" not in answer
    assert "sid" not in answer


async def test_what_is_worth_nothing_says_nothing_else(
    http: httpx.AsyncClient, alpha: TestTenant, beta: TestTenant
) -> None:
    ended = await sign_in(http, alpha, "member")
    assert (await ended.api.post("/auth/logout")).status_code == 204
    revoked, foreign = await make_key(alpha.owner), await make_key(beta.owner)
    await alpha.owner.delete(f"/users/api-keys/{revoked['id']}")
    token = alpha.people["member"].tokens["access_token"]

    for worthless in (
        ended.tokens["access_token"],
        revoked["key"],
        foreign["key"],
        beta.people["owner"].tokens["access_token"],
        alpha.people["owner"].tokens["refresh_token"],
        KeySecret.new().text,
        token[:-3] + "abc",
        "ssk_",
        "x",
        "é\x00\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
        "a" * 10_000,
    ):
        assert await ask(alpha.owner, worthless) == INACTIVE, worthless[:40]


@pytest.mark.promise("I2")
async def test_an_ended_credential_is_inactive_at_once(http: httpx.AsyncClient, tenant: TestTenant) -> None:
    person = await add_person(http, tenant, "admin")
    made = await make_key(person.api)
    credentials = (person.tokens["access_token"], made["key"])
    assert [(await ask(tenant.owner, text))["active"] for text in credentials] == [True, True]

    assert (await tenant.owner.patch(f"/users/{person.id}", json={"is_active": False})).status_code == 200

    assert [await ask(tenant.owner, text) for text in credentials] == [INACTIVE, INACTIVE]


async def test_a_service_asks_with_a_key_of_its_own(http: httpx.AsyncClient, alpha: TestTenant) -> None:
    service = await make_key(alpha.owner, "tokens:introspect")
    token = alpha.people["member"].tokens["access_token"]

    assert (await ask(with_key(http, alpha, service["key"]), token))["active"] is True


async def test_asking_needs_the_permission(alpha: TestTenant) -> None:
    answer = await alpha.member.post("/auth/introspect", content="token=x", headers=FORM)

    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert "tokens:introspect" in answer.json()["detail"]
    nobody = await alpha.anonymous.post("/auth/introspect", content="token=x", headers=FORM)
    assert (nobody.status_code, nobody.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(
    "body",
    [b"", b"token=", b"token=a&token=b", b"other=a", b'{"token": "x"}', b"token=%ff", b"token=\xff", b"&a=1" * 2000],
)
async def test_a_form_without_one_token_is_refused(alpha: TestTenant, body: bytes) -> None:
    answer = await alpha.owner.post("/auth/introspect", content=body, headers=FORM)

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert answer.headers["Cache-Control"] == "no-store"


async def test_asking_writes_nothing(app: FastAPI, tenant: TestTenant) -> None:
    """No use of the key, no audit entry: the database is only read."""
    made = await make_key(tenant.owner)
    usage = services_of(app).key_usage
    await usage.flush()

    with watched(app) as traffic:
        assert (await ask(tenant.owner, made["key"]))["active"] is True
        assert (await ask(tenant.owner, KeySecret.new().text)) == INACTIVE
        await usage.flush()

    assert traffic.statements
    assert {statement.split()[0] for statement in traffic.statements} <= {"SELECT", "WITH"}
    assert (await tenant.owner.get(f"/users/api-keys/{made['id']}")).json()["last_used_at"] is None


@pytest.mark.promise("D3")
async def test_who_was_asked_to_honour_a_key_is_told_once_a_minute(
    http: httpx.AsyncClient, app: FastAPI, config: Config, tenant: TestTenant, alpha: TestTenant
) -> None:
    """One entry for each service and key, with how often; nothing of tokens, or of what is worth nothing."""
    notes = services_of(app).key_introspections
    await notes.flush()
    shop, clinic = [await make_key(tenant.owner, "tokens:introspect") for _ in range(2)]
    used, other, elsewhere = await make_key(tenant.owner), await make_key(tenant.owner), await make_key(alpha.owner)
    for asker, key, times in ((shop, used, 3), (shop, other, 1), (clinic, used, 1)):
        for _ in range(times):
            assert (await ask(with_key(http, tenant, asker["key"]), key["key"]))["active"] is True
    for worthless in (KeySecret.new().text, elsewhere["key"]):
        assert await ask(with_key(http, tenant, shop["key"]), worthless) == INACTIVE
    await ask(with_key(http, tenant, shop["key"]), tenant.people["owner"].tokens["access_token"])
    assert await entries(config, tenant, "users.api_key.introspected") == []

    await notes.flush()
    await notes.flush()

    told = await entries(config, tenant, "users.api_key.introspected")
    assert {(str(item["actor_id"]), item["target_id"], item["changes"]) for item in told} == {
        (asker["id"], key["id"], json.dumps([{"new": count, "old": None, "path": "uses"}]))
        for asker, key, count in ((shop, used, 3), (shop, other, 1), (clinic, used, 1))
    }
    assert len(told) == 3
    assert {(item["actor_type"], item["outcome"], item["ip_address"]) for item in told} == {
        ("api_key", "success", "203.0.113.7")
    }


async def test_the_form_is_documented(app: FastAPI) -> None:
    operation = app.openapi()["paths"]["/api/v1/auth/introspect"]["post"]

    schema = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    assert schema["required"] == ["token"]
    assert {"ApiKey": [], "Tenant": []} in operation["security"]


async def test_every_spelling_of_the_same_form_is_read_alike(alpha: TestTenant) -> None:
    token = alpha.people["member"].tokens["access_token"]
    escaped = "".join(f"%{ord(character):02x}" for character in token)
    plain = (await alpha.owner.post("/auth/introspect", content=f"token={token}", headers=FORM)).json()
    assert plain["active"] is True

    for form in (f"token={escaped}", f"token={token}&token_type_hint=x", f"x=&token={token}", f"tok%65n={token}"):
        answer = await alpha.owner.post("/auth/introspect", content=form, headers=FORM)
        assert answer.json() == plain, form
    for form in (f"token={token}&token={token}", "token=", "token", "", f"x={token}"):
        assert (await alpha.owner.post("/auth/introspect", content=form, headers=FORM)).status_code == 400, form
    for form in (f"token={token} ", f"token=+{token}", f"token={token}%0a", f"token={token}."):
        assert (await alpha.owner.post("/auth/introspect", content=form, headers=FORM)).json() == INACTIVE, form
