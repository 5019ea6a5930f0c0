"""Attachments."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from common.ids import TenantName, new_id
from tests.support.operations import Operation
from tests.support.servers import SECRET
from tests.support.things import word
from tests.support.tool_operations.declared import ToolOperations
from tests.support.uploads import form
from tools.attachments.addresses import ContentAddress, ContentAddresses

EMPTY: Final = hashlib.sha256().digest()


async def insert_attachment(owner: asyncpg.Connection, user_id: UUID, *, deleted: bool = False) -> str:
    """Somebody's empty file, which belongs to no record and needs no storage."""
    attachment_id = new_id()
    await owner.execute(
        "INSERT INTO attachment_contents (sha256, file_id, size_bytes) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING",
        EMPTY,
        new_id(),
    )
    await owner.execute(
        """INSERT INTO attachments (id, file_name, media_type, size_bytes, sha256, created_by, deleted_at)
           VALUES ($1, $2, 'text/plain', 0, $3, $4, $5)""",
        attachment_id,
        word(),
        EMPTY,
        user_id,
        datetime.now(UTC) if deleted else None,
    )
    return str(attachment_id)


async def values(owner: asyncpg.Connection, operation: Operation, user_id: UUID) -> dict[str, str]:
    """An attachment of the caller's."""
    if "{attachment_id}" not in operation.path and operation.name != "get_addressed_content":
        return {}
    deleted = operation.name == "restore_attachment"
    return {"attachment_id": await insert_attachment(owner, user_id, deleted=deleted)}


async def fill(owner: asyncpg.Connection, operation: Operation, known: Mapping[str, str]) -> dict[str, Any]:
    """A form, or the secret of an address."""
    if operation.name == "create_attachment":
        return form(word().encode(), f"{word()}.txt")
    if operation.name == "get_addressed_content":
        tenant = TenantName.parse(await owner.fetchval("SELECT current_schema()"))
        assert tenant is not None
        address = ContentAddress(tenant, UUID(known["attachment_id"]), int(time.time()) + 60)
        return {"params": {"token": ContentAddresses(SECRET).issue(address)}}
    return {}


OPERATIONS = ToolOperations(
    bodies={
        "replace_attachment": lambda name: {"file_name": name},
        "update_attachment": lambda name: {"description": name},
        "create_attachment_link": lambda _: {"expires_in_seconds": 60},
    },
    reading=frozenset({"list_attachments", "get_attachment", "get_attachment_content", "get_addressed_content"}),
    changing={
        "create_attachment": ("tools.attachment.created", "attachment"),
        "replace_attachment": ("tools.attachment.updated", "attachment"),
        "update_attachment": ("tools.attachment.updated", "attachment"),
        "delete_attachment": ("tools.attachment.deleted", "attachment"),
        "restore_attachment": ("tools.attachment.restored", "attachment"),
        "create_attachment_link": ("tools.attachment.address_issued", "attachment"),
    },
    tables=("attachments", "attachment_links", "attachment_contents", "attachment_usage"),
    values=values,
    fill=fill,
    open=frozenset({"get_addressed_content"}),
)
