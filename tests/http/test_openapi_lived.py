"""The OpenAPI document is true: what it shows is taken, and what it describes is answered, headers included."""

from __future__ import annotations

import json
import tomllib
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from common.config import Config
from common.http.answers import HEADERS
from tests.support.inputs import Preparations, Prepared
from tests.support.operations import Operation, operations_of
from tests.support.probes import owner_connection
from tests.support.schemas import faults
from tests.support.source import ROOT
from tests.support.things import word
from tests.support.world import TestTenant, create_twin

JSON: Final = "application/json"
# Their bodies name a secret, or things that exist: an example cannot know them.
NAMING: Final = {
    "login", "refresh", "change_password", "reset_password", "verify_email", "change_email", "confirm_totp",
    "delete_totp", "accept_invitation", "replace_user_roles", "change_tasks", "explain_feature_flag",
}  # fmt: skip
# What only one may have: each use of an example gets a name of its own.
UNIQUE: Final = ("maria", "auditor", "Reservations", "pbx-7f3a", "new-checkout", "acme_copy", "branding.color")
# Sent in some answers only: where there is another page, where tries are counted, to a repeated request.
SOMETIMES: Final = {"Link", "RateLimit", "RateLimit-Policy", "Idempotency-Replayed", "Retry-After"}
MATRIX: Final = tuple(tomllib.loads(file.read_text()) for file in (ROOT / "tests/rights/matrix").glob("*.toml"))


@pytest.fixture(scope="module")
def document(app: FastAPI) -> dict[str, Any]:
    """The document."""
    found: dict[str, Any] = app.openapi()
    return found


@pytest.fixture(scope="module", params=["tenant_examples", "tenant_examples_twin"])
async def place(request: pytest.FixtureRequest, http: httpx.AsyncClient) -> TestTenant:
    """A tenant to try examples in, and another one like it."""
    return await create_twin(http, request.param)


@pytest.fixture
async def owner(config: Config, place: TestTenant) -> AsyncIterator[asyncpg.Connection]:
    """It, seen by the database's owner."""
    async with owner_connection(config, place.name) as connection:
        yield connection


def somebody_who_may(name: str) -> str | None:
    """A role that may do the operation; None where that takes a secret of its own."""
    (row,) = [rows[name] for rows in MATRIX if name in rows]
    return next((role for role in ("owner", "platform", "anonymous") if row[role] == "yes"), None)


def renamed(example: object) -> Any:
    """The example with names that nobody has yet."""
    text, number = json.dumps(example), word()
    for name in UNIQUE:
        text = text.replace(name, f"{name}{number}")
    return json.loads(text)


@pytest.fixture(scope="module")
def operations(app: FastAPI) -> tuple[Operation, ...]:
    """All operations below ``/api/v1`` and ``/ofrep``."""
    return operations_of(app)


async def attempt(document: dict[str, Any], operation: Operation, prepared: Prepared) -> Iterator[str]:
    """Send the example of the body; what is not as the document says."""
    told = document["paths"][operation.address][operation.method.lower()]
    body = told.get("requestBody", {}).get("content", {}).get(JSON)
    if body is not None and operation.name not in NAMING and "json" in prepared.options:
        prepared.options["json"] = renamed(body["example"])
    answer = await prepared.send()
    described = told["responses"].get(str(answer.status_code), {})
    if not answer.is_success or not described:
        return iter([f"{answer.status_code} {answer.text}"])
    return differences(document, described, answer)


def differences(document: dict[str, Any], described: dict[str, Any], answer: httpx.Response) -> Iterator[str]:
    """Where an answer is not what is described: headers, form, fields that the example has not."""
    sent, documented = {name for name in HEADERS if name in answer.headers}, set(described.get("headers", ()))
    yield from (f"sends {name}" for name in sent - documented)
    yield from (f"does not send {name}" for name in documented - sent - SOMETIMES)
    content = described.get("content", {}).get(JSON)
    if content is not None and answer.headers.get("Content-Type", "").startswith(JSON):
        found = answer.json()
        yield from faults(document, content["schema"], found)
        if isinstance(found, dict) and isinstance(content["example"], dict):
            yield from (f"has {name}" for name in found.keys() - content["example"].keys())


async def test_the_service_takes_the_examples_and_answers_what_is_documented(
    document: dict[str, Any],
    operations: tuple[Operation, ...],
    http: httpx.AsyncClient,
    place: TestTenant,
    owner: asyncpg.Connection,
) -> None:
    """Every operation is really done, with the example as its body: the answer has the schema's form, the example's
    fields and the headers that are documented."""
    preparations = Preparations(http, place, owner)
    found, left_out = {}, set()
    for operation in operations:
        role = somebody_who_may(operation.name)
        prepared = await preparations.prepare(operation, role) if role else None
        if prepared is None:
            left_out.add(operation.name)
        elif wrong := list(await attempt(document, operation, prepared)):
            found[operation.name] = wrong

    assert found == {}
    assert left_out == {"stream_flag_changes"}  # tests/ofrep listens
