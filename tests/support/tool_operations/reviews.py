"""Reviews."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from common.ids import new_id
from tests.support.operations import Operation
from tests.support.things import word
from tests.support.tool_operations.declared import ToolOperations


async def insert_review(
    owner: asyncpg.Connection, user_id: UUID, *, status: str = "pending", deleted: bool = False
) -> str:
    """Somebody's review."""
    review_id = new_id()
    await owner.execute(
        """INSERT INTO reviews (id, subject_type, subject_id, rating, title, status, created_by, deleted_at)
           VALUES ($1, 'hotel', $2, 4, $2, $3, $4, $5)""",
        review_id,
        word(),
        status,
        user_id,
        datetime.now(UTC) if deleted else None,
    )
    return str(review_id)


async def values(owner: asyncpg.Connection, operation: Operation, user_id: UUID) -> dict[str, str]:
    """A review of the caller's, in a state that the operation changes."""
    if "{review_id}" not in operation.path:
        return {}
    # Past the service nothing is counted, so only what needs an approved one gets it: a reply moves no count.
    status = {"reopen_review": "rejected", "reply_to_review": "approved"}.get(operation.name, "pending")
    return {"review_id": await insert_review(owner, user_id, status=status, deleted=operation.name == "restore_review")}


async def fill(_owner: asyncpg.Connection, operation: Operation, _values: Mapping[str, str]) -> dict[str, Any]:
    """The subject that a summary is about."""
    about_subject = operation.name == "get_review_summary"
    return {"params": {"subject_type": "hotel", "subject_id": word()}} if about_subject else {}


OPERATIONS = ToolOperations(
    bodies={
        "create_review": lambda name: {"subject_type": "hotel", "subject_id": name, "rating": 5},
        "replace_review": lambda name: {"subject_type": "hotel", "subject_id": name, "rating": 1},
        "update_review": lambda name: {"body": name},
        "reject_review": lambda name: {"reason": name},
        "reply_to_review": lambda name: {"reply": name},
    },
    reading=frozenset({"list_reviews", "get_review", "get_review_summary"}),
    changing={
        "create_review": ("tools.review.created", "review"),
        "replace_review": ("tools.review.updated", "review"),
        "update_review": ("tools.review.updated", "review"),
        "delete_review": ("tools.review.deleted", "review"),
        "restore_review": ("tools.review.restored", "review"),
        "approve_review": ("tools.review.approved", "review"),
        "reject_review": ("tools.review.rejected", "review"),
        "reopen_review": ("tools.review.reopened", "review"),
        "reply_to_review": ("tools.review.replied", "review"),
    },
    tables=("reviews", "review_links", "review_summaries"),
    values=values,
    fill=fill,
)
