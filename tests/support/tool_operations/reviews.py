"""Reviews."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from common.ids import new_id
from tests.support.operations import Operation
from tests.support.things import SOON, word
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


async def insert_request(owner: asyncpg.Connection, user_id: UUID) -> tuple[str, str]:
    """Somebody's request for a review: its id, and the token in its mail."""
    request_id = new_id()
    tenant_id = (await owner.fetchval("SELECT current_schema()")).removeprefix("tenant_")
    token = f"{tenant_id}.{secrets.token_urlsafe(32)}"
    await owner.execute(
        """INSERT INTO review_requests (id, subject_type, subject_id, reviewer_email, locale, lifetime_days, digest,
                                        expires_at, created_by)
           VALUES ($1, 'hotel', $2, $2 || '@post.example', 'en', 30, $3, $4, $5)""",
        request_id,
        word(),
        hashlib.sha256(token.encode()).digest(),
        datetime.now(UTC) + SOON,
        user_id,
    )
    return str(request_id), token


async def values(owner: asyncpg.Connection, operation: Operation, user_id: UUID) -> dict[str, str]:
    """A review or a request of the caller's, in a state that the operation changes."""
    found = {}
    if "{review_id}" in operation.path:
        # Past the service nothing is counted, so only what needs an approved one gets it: a reply moves no count.
        status = {"reopen_review": "rejected", "reply_to_review": "approved"}.get(operation.name, "pending")
        deleted = operation.name == "restore_review"
        found["review_id"] = await insert_review(owner, user_id, status=status, deleted=deleted)
    if operation.path.startswith("/tools/reviews/") and (
        "{request_id}" in operation.path or "{token}" in operation.path
    ):
        found["request_id"], found["token"] = await insert_request(owner, user_id)
    return found


async def fill(_owner: asyncpg.Connection, operation: Operation, _values: Mapping[str, str]) -> dict[str, Any]:
    """The subject that is asked about."""
    about_subject = operation.name in {"get_review_summary", "list_public_reviews", "list_public_summaries"}
    return {"params": {"subject_type": "hotel", "subject_id": word()}} if about_subject else {}


OPERATIONS = ToolOperations(
    bodies={
        "create_review": lambda name: {"subject_type": "hotel", "subject_id": name, "rating": 5},
        "replace_review": lambda name: {"subject_type": "hotel", "subject_id": name, "rating": 1},
        "update_review": lambda name: {"body": name},
        "reject_review": lambda name: {"reason": name},
        "reply_to_review": lambda name: {"reply": name},
        "create_review_request": lambda name: {
            "subject_type": "hotel",
            "subject_id": name,
            "reviewer_email": f"{name}@post.example",
        },
        "submit_review": lambda name: {"rating": 5, "body": name},
    },
    reading=frozenset(
        {
            "list_reviews",
            "get_review",
            "get_review_summary",
            "list_public_reviews",
            "list_public_summaries",
            "list_review_requests",
            "get_review_request",
            "get_review_form",
        }
    ),
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
        "create_review_request": ("tools.review_request.created", "review_request"),
        "resend_review_request": ("tools.review_request.resent", "review_request"),
        "revoke_review_request": ("tools.review_request.revoked", "review_request"),
        "submit_review": ("tools.review.created", "review"),
    },
    tables=("reviews", "review_links", "review_summaries", "review_requests"),
    values=values,
    fill=fill,
    open=frozenset({"list_public_reviews", "list_public_summaries", "get_review_form", "submit_review"}),
)
