"""No secret shows up where it does not belong, with every log as loud as it goes."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Final

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import make_url

from common.config import Config
from migrations.login import service_login
from tests.identity.leak_scenario import PLATFORM_CANARY, SHOWN_ONCE, TENANT, TYPED, Scenario, body_of
from tests.support.collector import SOON, Collector
from tests.support.operations import operations_of
from tests.support.probes import owner_connection
from tests.support.process import running_service
from tests.support.servers import SECRET

pytestmark = pytest.mark.promise("I8")

EVERYTHING: Final = {**SOON, "OTEL_BSP_MAX_QUEUE_SIZE": "100000"}  # no span is dropped
ARGON2: Final = "$argon2id$v=19$m=19456,t=2,p=1$"  # what stored hashes begin with


async def test_no_secret_is_logged_shown_measured_or_audited(config: Config, app: FastAPI, tmp_path: Path) -> None:
    environment = {
        "DATABASE_URL": config.owner_url,
        "REDIS_URL": "none",
        "SECRET_KEY": SECRET,
        "PLATFORM_API_KEY": PLATFORM_CANARY,
        "ENVIRONMENT": "production",
        "SQL_ECHO": "true",
        "LOG_LEVEL": "debug",
        "DATA_DIR": str(tmp_path / "data"),
        "APP_BASE_URL": "https://app.example",
    }
    with Collector().running() as collector:
        environment |= {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.address, **EVERYTHING}
        async with running_service(tmp_path, environment) as (http, output):
            scenario = Scenario(http, tmp_path / "data" / "mail")
            await scenario.succeed()
            await scenario.fail()
            await _break_down(scenario, config)
            await scenario.call("POST", "/auth/logout", 204)
            pages = [(await http.get(path)).text for path in ("/metrics", "/readiness", "/", "/health")]

    _assert_complete(scenario, app)
    _assert_traced(scenario, collector)
    traces = b"".join(collector.bodies).decode("latin-1")
    await _assert_unseen(scenario, config, log=output.read_text(), pages=[*pages, traces])


async def _break_down(scenario: Scenario, config: Config) -> None:
    """A statement with a password hash among its parameters fails in a way nobody foresaw."""
    async with owner_connection(config, TENANT) as owner:
        await owner.execute("ALTER TABLE users RENAME COLUMN password_changed_at TO renamed")
        body = {"email": "v@x.example", "username": "victim", "password": TYPED["user_password"]}
        await scenario.call("POST", "/users", 500, json=body)
        await owner.execute("ALTER TABLE users RENAME COLUMN renamed TO password_changed_at")


def _assert_complete(scenario: Scenario, app: FastAPI) -> None:
    """Every operation has succeeded once, and every kind of secret was given out. A new operation fails here until the
    scenario calls it."""
    patterns = [
        (operation.name, operation.method, re.compile(re.sub(r"{\w+}", "[^/]+", operation.address)))
        for operation in operations_of(app)
    ]
    called = {
        next(
            name
            for name, method, pattern in patterns
            if method == answer.request.method and pattern.fullmatch(answer.request.url.path)
        )
        for answer in scenario.answers
        if answer.is_success
    }

    assert called == {operation.name for operation in operations_of(app)}
    assert scenario.issued.keys() == {*SHOWN_ONCE, "mailed", "stream", "address", "feed"} - {"otpauth_uri", "qr_svg"}
    assert {kind: len(found) for kind, found in scenario.issued.items()} == {
        "access_token": 3, "refresh_token": 3, "key": 3, "secret": 1, "recovery_codes": 10, "mailed": 10, "stream": 1,
        "address": 1, "feed": 1,
    }  # fmt: skip
    assert len([answer for answer in scenario.answers if answer.status_code >= 400]) >= 20


def _assert_traced(scenario: Scenario, collector: Collector) -> None:
    """Every request is a span that was received."""
    told = {span.attributes.get("request.id") for span in collector.spans}

    assert {answer.headers["x-request-id"] for answer in scenario.answers} - told == set()


async def _assert_unseen(scenario: Scenario, config: Config, *, log: str, pages: list[str]) -> None:
    """Neither in a log nor on a page, nor in an answer but the one that gives it out, nor readable in any table."""
    urls = (service_login(config).url, config.owner_url)
    issued = {secret for found in scenario.issued.values() for secret in found}
    secrets = {
        *TYPED.values(),
        *issued,
        SECRET,
        PLATFORM_CANARY,
        "$argon2",
        *(str(make_url(url).password) for url in urls),
    }
    answered = [_without_what_it_gives_out(answer) for answer in scenario.answers]
    stored = (await _everything_stored(config)).replace(ARGON2, "")

    assert "INSERT INTO users" in log, "the log is not as loud as it should be"
    assert "UndefinedColumn" in log, "the unforeseen failure was not logged"
    for secret in secrets:
        assert secret not in log
        for text in (*answered, *pages):
            assert secret not in text
        assert secret not in stored
        assert secret.encode().hex() not in stored  # as BYTEA is shown
    for answer in scenario.answers:
        # A quick digest of a body with a password in it would let who reads the database guess.
        assert not answer.request.content or hashlib.sha256(answer.request.content).hexdigest() not in stored
    await _assert_hashes_stay_in_their_column(config)


def _without_what_it_gives_out(answer: httpx.Response) -> str:
    kept = {name: value for name, value in body_of(answer).items() if name not in {*SHOWN_ONCE, "eventStreams", "url"}}
    return json.dumps(kept, ensure_ascii=False) if kept else "" if body_of(answer) else answer.text


async def _everything_stored(config: Config) -> str:
    """Every row of every table of the tenant and of the registry, as text."""
    async with owner_connection(config, TENANT) as owner:
        names = await owner.fetch(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ($1, 'system')", TENANT
        )
        rows = [await owner.fetch(f'SELECT t::text FROM "{schema}"."{table}" t') for schema, table in names]
    return "\n".join(str(row[0]) for table in rows for row in table)


async def _assert_hashes_stay_in_their_column(config: Config) -> None:
    """Not in the audit log, nor in the answers kept for repeated requests, which are encrypted as a whole."""
    async with owner_connection(config, TENANT) as owner:
        for table in ("audit_logs", "idempotency_keys", "user_sessions"):
            rows = await owner.fetch(f"SELECT t::text FROM {table} t")
            assert rows
            assert "argon2" not in repr(rows)
        bodies = await owner.fetch("SELECT body FROM idempotency_keys")
        assert all(b"username" not in row["body"] and b"ssk_" not in row["body"] for row in bodies)
