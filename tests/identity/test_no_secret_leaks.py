"""No secret shows up where it does not belong, with every log as loud as it goes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import make_url

from common.config import Config
from migrations.bootstrap import service_login
from tests.support.operations import operations_of
from tests.support.probes import owner_connection
from tests.support.process import running_service
from tests.support.servers import SECRET
from tests.support.world import Api

pytestmark = pytest.mark.promise("I8")

PLATFORM_CANARY: Final = "canary-platform-key-of-the-leak-test-0001"
TYPED: Final = {
    "owner_password": "canary-owner-password-0002",
    "user_password": "canary-user-password-0003",
    "wrong_password": "canary-wrong-password-0004",
    "wrong_platform_key": "canary-wrong-platform-key-0005",
    "api_key": "canary-api-key-0006",
    "bad_token": "canary-bad-token-0007",
    "bad_refresh_token": "ssr_canary-bad-refresh-token-0008",
    "password_as_name": "canary-password-typed-as-name-0009",
    "short_password": "canary10",
}
TENANT: Final = "tenant_leaks"


class Scenario:
    """Calls every operation with secrets in all the places that take one, rightly and wrongly."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.answers: list[httpx.Response] = []
        self.issued: set[str] = set()
        self.api = Api(http, {"X-Tenant-ID": TENANT})

    async def call(self, method: str, path: str, status: int, **options: Any) -> Any:
        """One request; tokens in its answer become canaries, too."""
        answer = await self.api.request(method, path, **options)
        assert answer.status_code == status, (method, path, answer.text)
        self.answers.append(answer)
        body = answer.json() if answer.content else {}
        self.issued |= {body[name] for name in ("access_token", "refresh_token") if name in body}
        return body

    async def log_in(self, password: str) -> Any:
        """Log the owner in and go on as him."""
        body = await self.call("POST", "/auth/login", 200, json={"username": "owner", "password": password})
        self.api.headers["Authorization"] = f"Bearer {body['access_token']}"
        return body

    async def fail(self) -> None:
        """Every way to be refused that involves a secret."""
        login, other = "/auth/login", {"Authorization": None}
        wrong = {"username": "owner", "password": TYPED["wrong_password"]}
        await self.call("POST", login, 401, json=wrong)
        await self.call("POST", login, 401, json={**wrong, "username": TYPED["password_as_name"]})
        await self.call("POST", login, 422, json={**wrong, "otp_secret": TYPED["user_password"]})
        await self.call("POST", login, 422, content=b'{"password": "' + TYPED["user_password"].encode())
        await self.call("POST", "/auth/refresh", 401, json={"refresh_token": TYPED["bad_refresh_token"]})
        await self.call("GET", "/auth/test", 401, headers={"Authorization": f"Bearer {TYPED['bad_token']}"})
        await self.call("GET", "/auth/test", 401, headers={**other, "X-API-Key": TYPED["api_key"]})
        wrong_key = {"X-Platform-Key": TYPED["wrong_platform_key"]}
        await self.call("POST", "/auth/verify-tenant", 401, headers=wrong_key)
        await self.call("POST", "/auth/initialize-tenant", 401, headers=wrong_key, json={})

    async def succeed(self) -> None:
        """Every operation, done right."""
        admin = {"email": "owner@x.example", "username": "owner", "password": TYPED["owner_password"]}
        key = {"X-Platform-Key": PLATFORM_CANARY}
        await self.call("POST", "/auth/initialize-tenant", 201, headers=key, json={"name": "x", "admin": admin})
        await self.call("POST", "/auth/verify-tenant", 200, headers=key)
        session = await self.log_in(TYPED["owner_password"])
        await self.call("POST", "/auth/refresh", 200, json={"refresh_token": session["refresh_token"]})
        body = {"email": "u@x.example", "username": "user", "password": TYPED["user_password"]}
        repeatable = {"Idempotency-Key": "once"}
        path = f"/users/{(await self.call('POST', '/users', 201, json=body, headers=repeatable))['id']}"
        await self.call("POST", "/users", 409, json=body)
        await self.call("POST", "/users", 422, json={**body, "password": TYPED["short_password"]})
        for reading in ("/auth/me", "/auth/test", "/users", "/users/roles", "/users/permissions", path):
            await self.call("GET", reading, 200)
        await self.call("PUT", path, 200, json={"email": "u@x.example", "username": "other"})
        await self.call("PATCH", path, 200, json={"full_name": "x"})
        await self.call("DELETE", path, 204)

    async def break_down(self, config: Config) -> None:
        """A statement with a password hash among its parameters fails in a way nobody foresaw."""
        async with owner_connection(config, TENANT) as owner:
            await owner.execute("ALTER TABLE users RENAME COLUMN password_changed_at TO renamed")
            body = {"email": "v@x.example", "username": "victim", "password": TYPED["user_password"]}
            await self.call("POST", "/users", 500, json=body)
            await owner.execute("ALTER TABLE users RENAME COLUMN renamed TO password_changed_at")


async def test_no_secret_is_logged_shown_measured_or_audited(config: Config, tmp_path: Path) -> None:
    login = service_login(config)
    environment = {
        "DATABASE_URL": config.owner_url,
        "REDIS_URL": "none",
        "SECRET_KEY": SECRET,
        "PLATFORM_API_KEY": PLATFORM_CANARY,
        "ENVIRONMENT": "production",
        "SQL_ECHO": "true",
        "LOG_LEVEL": "debug",
    }
    async with running_service(tmp_path, environment) as (http, output):
        scenario = Scenario(http)
        await scenario.succeed()
        await scenario.fail()
        await scenario.break_down(config)
        await scenario.call("POST", "/auth/logout", 204)
        pages = [(await http.get(path)).text for path in ("/metrics", "/readiness", "/", "/health")]
    log = output.read_text()

    passwords = [str(make_url(url).password) for url in (login.url, config.owner_url)]
    secrets = {*TYPED.values(), *scenario.issued, SECRET, PLATFORM_CANARY, "$argon2", *passwords}
    answered = [answer.text for answer in scenario.answers if "access_token" not in answer.text]
    problems = [answer for answer in scenario.answers if answer.status_code >= 400]
    stored = await _everything_stored(config)

    assert len(scenario.issued) == 4
    assert len(problems) >= 12
    assert "INSERT INTO users" in log, "the log is not as loud as it should be"
    assert "UndefinedColumn" in log, "the unforeseen failure was not logged"
    for secret in secrets:
        assert secret not in log
        for text in (*answered, *pages):
            assert secret not in text
        assert secret not in stored.replace("$argon2id$v=19$m=19456,t=2,p=1$", "")
    for answer in scenario.answers:
        # A quick digest of a body with a password in it would let who reads the database guess.
        assert not answer.request.content or hashlib.sha256(answer.request.content).hexdigest() not in stored
    await _assert_hashes_stay_in_their_column(config)


async def _everything_stored(config: Config) -> str:
    """Every row of every table of the tenant and of the registry, as text."""
    async with owner_connection(config, TENANT) as owner:
        names = await owner.fetch(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ($1, 'system')", TENANT
        )
        rows = [await owner.fetch(f'SELECT t::text FROM "{schema}"."{table}" t') for schema, table in names]
    return "\n".join(str(row[0]) for table in rows for row in table)


async def _assert_hashes_stay_in_their_column(config: Config) -> None:
    """Not in the audit log, nor in the answers kept for repeated requests."""
    async with owner_connection(config, TENANT) as owner:
        for table in ("audit_logs", "idempotency_keys", "user_sessions"):
            rows = await owner.fetch(f"SELECT t::text FROM {table} t")
            assert rows
            assert "argon2" not in repr(rows)
        bodies = await owner.fetch("SELECT convert_from(body, 'UTF8') AS body FROM idempotency_keys")
        assert all("password" not in row["body"] for row in bodies)


def test_the_scenario_knows_every_operation(app: FastAPI) -> None:
    """A new operation fails here until the scenario calls it."""
    assert {operation.name for operation in operations_of(app)} == {
        "login", "refresh", "logout", "get_me", "test_authentication", "initialize_tenant", "verify_tenant",
        "list_roles", "list_permissions", "list_users", "create_user", "get_user", "replace_user", "update_user",
        "delete_user",
    }  # fmt: skip
