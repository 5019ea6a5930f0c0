"""What attachments promise as all records do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg
import httpx
import pytest

from common.config import Config
from common.ids import new_id
from tests.support.contracts import (
    ConcurrencyContract,
    CrudContract,
    GrowingListContract,
    IdempotencyContract,
    PermissionContract,
    RecordContract,
    Resource,
    Row,
    TenantIsolationContract,
)
from tests.support.contracts.resource import Body, moment
from tests.support.probes import owner_connection
from tests.support.tool_operations.attachments import EMPTY
from tests.support.uploads import form
from tests.support.world import TestTenant, create_tenant


class TestAttachments(
    RecordContract, CrudContract, ConcurrencyContract, IdempotencyContract, PermissionContract, TenantIsolationContract
):
    """One attachment, whose POST is a form."""

    kind = "attachment"
    resource = Resource(
        path="/tools/attachments",
        permission="attachments",
        body=lambda word: {"file_name": f"Απόδειξη {word}.txt", "description": "**bold**"},
        replacement=lambda word: {"file_name": word},
        change={"description": "Other words", "file_name": "other.txt"},
        defaults={"description": "", "parent_type": None, "parent_id": None, "links": []},
        refused={"read": "nobody", "create": "viewer", "update": "viewer", "delete": "viewer"},
    )

    def sent(self, method: str, body: Body | None) -> dict[str, Any]:
        """A file that holds its own name."""
        if method != "POST" or body is None:
            return super().sent(method, body)
        name = body["file_name"]
        return form(name.encode(), name, **{key: value for key, value in body.items() if key != "file_name"})


class TestListOfAttachments(GrowingListContract):
    """Many attachments."""

    path = "/tools/attachments"
    sorts = ("created_at", "updated_at", "file_name", "media_type", "size_bytes")

    @pytest.fixture(scope="module")
    @staticmethod
    async def listed(http: httpx.AsyncClient, config: Config) -> TestTenant:
        """A tenant with sixty files, four of each creation time."""
        tenant = await create_tenant(http)
        rows = [Row(f"file{number}", f"file {number}", moment(number // 4)) for number in range(60)]
        async with owner_connection(config, tenant.name) as connection:
            await TestListOfAttachments.insert(connection, rows)
        return tenant

    @staticmethod
    async def insert(connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        """Files that hold nothing."""
        await connection.execute(
            "INSERT INTO attachment_contents (sha256, file_id, size_bytes) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING",
            EMPTY,
            new_id(),
        )
        await connection.executemany(
            """INSERT INTO attachments (id, file_name, description, media_type, size_bytes, sha256, created_at,
                                        updated_at)
               VALUES ($1, $2, $3, 'text/plain', 0, $5, $4, $4)""",
            [(new_id(), row.word, row.text, row.created_at, EMPTY) for row in rows],
        )
