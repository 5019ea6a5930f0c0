"""Signing keys: what is published verifies our tokens, and a rotation refuses nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from fastapi import FastAPI

from common.config import Config, ConfigError
from common.errors import RefreshTokenInvalid
from common.signing_keys import load_key_ring, new_private_key, next_of, previous_of, private_pem
from manage.keys import describe_keys, rotate_key
from shared_auth import RefreshTokens
from tests.support.apps import running
from tests.support.servers import SECRET, Servers
from tests.support.tokens import forge, hmac_signer
from tests.support.world import PASSWORD, Api, TestTenant

ASYMMETRIC = ("ES256", "RS256")


def with_key(servers: Servers, app: FastAPI, algorithm: str, path: Path) -> Config:
    """The shared application's configuration, but for how tokens are signed."""
    update = {"jwt_algorithm": algorithm, "jwt_private_key_file": path}
    return app.state.services.config.model_copy(update=update)  # type: ignore[no-any-return]


async def token_of(config: Config, tenant: TestTenant) -> tuple[str, dict[str, Any]]:
    """An access token of a process with this configuration, and the keys it publishes."""
    async with running(config) as (_, client):
        body = {"username": "owner", "password": PASSWORD}
        answer = await client.post("/api/v1/auth/login", json=body, headers={"X-Tenant-ID": tenant.name})
        keys = await client.get("/.well-known/jwks.json")
    return answer.json()["access_token"], keys.json()


async def accepted(config: Config, tenant: TestTenant, *tokens: str) -> list[bool]:
    """Which of the tokens a process with this configuration takes."""
    async with running(config) as (_, client):
        callers = [Api(client, {"X-Tenant-ID": tenant.name, "Authorization": f"Bearer {token}"}) for token in tokens]
        return [(await caller.get("/auth/test")).status_code == 200 for caller in callers]


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
async def test_a_foreign_library_verifies_our_tokens_with_the_published_keys(
    algorithm: str, servers: Servers, app: FastAPI, alpha: TestTenant, tmp_path: Path
) -> None:
    config = with_key(servers, app, algorithm, tmp_path / "key.pem")
    rotate_key(config)

    token, published = await token_of(config, alpha)

    key = jwt.PyJWKSet.from_json(json.dumps(published))[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key, algorithms=[algorithm], audience="travel-system", issuer="system-service")
    assert claims["tenant_id"] == alpha.name
    assert claims["typ"] == "access"
    assert not {"d", "p", "q"} & set(published["keys"][0])


async def test_with_a_secret_nothing_is_published(http: httpx.AsyncClient) -> None:
    assert (await http.get("/.well-known/jwks.json")).json() == {"keys": []}


@pytest.mark.promise("I1")
@pytest.mark.parametrize("algorithm", ASYMMETRIC)
async def test_the_public_key_is_no_secret(
    algorithm: str, servers: Servers, app: FastAPI, alpha: TestTenant, tmp_path: Path
) -> None:
    """Signed as HS256 with the public key, in whatever form, a token is nobody's."""
    config = with_key(servers, app, algorithm, tmp_path / "key.pem")
    rotate_key(config)
    token, published = await token_of(config, alpha)
    ring = load_key_ring(config)
    claims = jwt.decode(token, options={"verify_signature": False})

    header = {"typ": "at+jwt", "kid": ring.signing.key_id}
    secrets = (ring.signing.material, json.dumps(published["keys"][0]), published["keys"][0]["kid"])
    forged = [_sign_hs256(claims, secret.encode(), header) for secret in secrets]

    assert await accepted(config, alpha, *forged, token) == [False, False, False, True]


def _sign_hs256(claims: dict[str, Any], secret: bytes, header: dict[str, str]) -> str:
    """By hand: careful libraries refuse to use a public key as a secret."""
    return forge(claims, {**header, "alg": "HS256"}, hmac_signer(secret))


async def test_a_rotation_of_the_secret_refuses_no_token(app: FastAPI, alpha: TestTenant) -> None:
    before: Config = app.state.services.config
    new_secret = type(before.secret_key)("another secret, as long as it must be")
    after = before.model_copy(update={"secret_key": new_secret, "secret_key_previous": before.secret_key})
    token, _ = await token_of(before, alpha)

    assert after.secret_key.get_secret_value() != SECRET
    ring = load_key_ring(after)
    assert len(ring.verifying) == 2
    assert ring.verifying[jwt.get_unverified_header(token)["kid"]].material == SECRET
    assert ring.signing.material != SECRET


def test_a_session_outlives_a_rotation_of_the_secret(app: FastAPI, alpha: TestTenant) -> None:
    before: Config = app.state.services.config
    new_secret = type(before.secret_key)("another secret, as long as it must be")
    refresh_token = alpha.people["owner"].tokens["refresh_token"]
    secret = new_secret.get_secret_value()

    kept = RefreshTokens(secret, before.secret_key.get_secret_value()).read(refresh_token)

    assert kept.generation == 0
    with pytest.raises(RefreshTokenInvalid):
        RefreshTokens(secret).read(refresh_token)


async def test_a_rotation_in_its_three_steps_refuses_no_token(
    servers: Servers, app: FastAPI, alpha: TestTenant, tmp_path: Path
) -> None:
    path = tmp_path / "keys" / "key.pem"
    config = with_key(servers, app, "ES256", path)
    rotate_key(config)
    old, _ = await token_of(config, alpha)

    rotate_key(config)  # the next key is published
    assert next_of(path).exists()
    during, published = await token_of(config, alpha)
    rotate_key(config)  # it signs
    new, _ = await token_of(config, alpha)

    assert len(published["keys"]) == 2
    assert jwt.get_unverified_header(old)["kid"] == jwt.get_unverified_header(during)["kid"]
    assert jwt.get_unverified_header(new)["kid"] != jwt.get_unverified_header(old)["kid"]
    assert await accepted(config, alpha, old) == [True]
    assert [use for _, _, use in describe_keys(config)] == ["signs", "verifies"]

    rotate_key(config)  # the old one is removed
    assert not previous_of(path).exists()
    assert await accepted(config, alpha, old, new) == [False, True]
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [b"", b"garbage", private_pem(new_private_key("RS256")).encode()])
def test_a_key_that_does_not_fit_stops_the_start_with_one_line(
    content: bytes, servers: Servers, app: FastAPI, tmp_path: Path
) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(content)

    with pytest.raises(ConfigError) as refused:
        load_key_ring(with_key(servers, app, "ES256", path))

    assert len(refused.value.lines) == 1
    assert refused.value.lines[0].startswith("JWT_PRIVATE_KEY_FILE: ")
