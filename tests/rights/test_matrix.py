"""The matrix of roles and operations is kept in files, and the service does what they say."""

from __future__ import annotations

import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from tests.rights.inputs import call
from tests.support.inputs import FILES, body_of
from tests.support.operations import operations_of
from tests.support.world import ROLES, TestTenant

pytestmark = pytest.mark.promise("R1")

FILES_OF_MATRIX: Final = sorted((Path(__file__).parent / "matrix").glob("*.toml"))
MATRIX: Final[dict[str, dict[str, Any]]] = {
    name: row for file in FILES_OF_MATRIX for name, row in tomllib.loads(file.read_text()).items()
}
Caller = Callable[[str, str], Awaitable[httpx.Response]]

CALLERS: Final = ("anonymous", *reversed(ROLES), "platform")


def test_the_files_list_every_operation_and_every_caller(app: FastAPI) -> None:
    """A new operation fails here until somebody decides who may do it."""
    assert len(MATRIX) == sum(len(tomllib.loads(file.read_text())) for file in FILES_OF_MATRIX), "listed twice"
    assert set(MATRIX) == {operation.name for operation in operations_of(app)}
    for name, row in MATRIX.items():
        assert set(row) - {"permission"} == set(CALLERS), name
        assert ("permission" in row) == (403 in row.values()), name


def test_every_operation_with_a_body_has_a_valid_one(app: FastAPI) -> None:
    for operation in operations_of(app):
        takes_json = operation.route.body_field is not None and operation.name not in FILES
        assert takes_json == (body_of(operation.name) is not None), operation.name


@pytest.fixture
def call_as(app: FastAPI, http: httpx.AsyncClient, alpha: TestTenant, owner: asyncpg.Connection) -> Caller:
    """Really do an operation, as somebody with a role."""
    operations = {operation.name: operation for operation in operations_of(app)}
    return lambda role, name: call(http, alpha, owner, operations[name], role)


@pytest.mark.parametrize("role", CALLERS)
@pytest.mark.parametrize("name", MATRIX)
async def test_the_service_does_what_the_files_say(
    name: str, role: str, call_as: Caller, alpha: TestTenant, owner: asyncpg.Connection
) -> None:
    expected = MATRIX[name][role]

    answer = await call_as(role, name)

    if expected == "yes":
        assert answer.is_success, answer.text
        return
    assert answer.status_code == expected, answer.text
    if expected == 403:
        assert answer.json()["code"] == "permission_denied"
        assert MATRIX[name]["permission"] in answer.json()["detail"]
        await _assert_refusal_written(owner, answer, MATRIX[name]["permission"], alpha.people[role].id)
    else:
        assert answer.headers["www-authenticate"] == "Bearer"


async def _assert_refusal_written(
    owner: asyncpg.Connection, answer: httpx.Response, permission: str, user_id: str
) -> None:
    """Exactly one entry, which says who wanted what."""
    request_id = answer.headers["x-request-id"]
    rows = await owner.fetch("SELECT * FROM audit_logs WHERE request_id = $1", request_id)

    assert [row["action"] for row in rows] == [f"permission.{permission.replace(':', '.')}.refused"]
    assert (rows[0]["outcome"], str(rows[0]["actor_id"])) == ("failure", user_id)
