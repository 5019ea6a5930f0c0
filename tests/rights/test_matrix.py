"""The matrix of roles and operations is kept in files, and the service does what they say."""

from __future__ import annotations

import tomllib
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


@pytest.mark.parametrize("name", MATRIX)
async def test_the_service_does_what_the_files_say(
    name: str, app: FastAPI, http: httpx.AsyncClient, alpha: TestTenant, owner: asyncpg.Connection
) -> None:
    """Everybody really does it, or is refused although his input is valid."""
    (operation,) = [operation for operation in operations_of(app) if operation.name == name]

    answers = {role: await call(http, alpha, owner, operation, role) for role in CALLERS}

    texts = {role: answer.text for role, answer in answers.items()}
    said = {role: "yes" if answer.is_success else answer.status_code for role, answer in answers.items()}
    assert said == {role: MATRIX[name][role] for role in CALLERS}, texts
    assert all(answers[role].headers["www-authenticate"] == "Bearer" for role in CALLERS if said[role] == 401)
    refused = {alpha.people[role].id: answers[role] for role in CALLERS if said[role] == 403}
    if refused:
        await _assert_refusals_written(owner, refused, MATRIX[name]["permission"])


async def _assert_refusals_written(
    owner: asyncpg.Connection, refused: dict[str, httpx.Response], permission: str
) -> None:
    """Each is told the permission he lacks, and there is exactly one entry, which says who wanted what."""
    for answer in refused.values():
        assert answer.json()["code"] == "permission_denied"
        assert permission in answer.json()["detail"]
    requests = {answer.headers["x-request-id"]: user_id for user_id, answer in refused.items()}
    rows = await owner.fetch("SELECT * FROM audit_logs WHERE request_id = ANY($1)", list(requests))

    action = f"permission.{permission.replace(':', '.')}.refused"
    assert sorted((row["request_id"], row["action"], row["outcome"], str(row["actor_id"])) for row in rows) == sorted(
        (request_id, action, "failure", user_id) for request_id, user_id in requests.items()
    )
