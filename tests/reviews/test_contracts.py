"""What reviews promise as all records do."""

from __future__ import annotations

from collections.abc import Sequence

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
from tests.support.contracts.resource import moment
from tests.support.probes import owner_connection
from tests.support.world import TestTenant, create_tenant


class TestReviews(
    RecordContract, CrudContract, ConcurrencyContract, IdempotencyContract, PermissionContract, TenantIsolationContract
):
    """One review."""

    kind = "review"
    resource = Resource(
        path="/tools/reviews",
        permission="reviews",
        body=lambda word: {
            "subject_type": "hotel",
            "subject_id": word,
            "rating": 4,
            "title": f"Κριτική {word}",
            "body": "Quiet rooms.",
            "reviewer_name": "Ελένη Κ.",
            "reviewer_email": f"{word}@post.example",
            "source": "guest book",
        },
        replacement=lambda word: {"subject_type": "hotel", "subject_id": word, "rating": 2},
        change={"title": "Other words", "body": "Loud rooms.", "reviewer_name": "E.", "source": "letter"},
        defaults={
            "title": None,
            "body": "",
            "reviewer_name": None,
            "reviewer_email": None,
            "source": "staff",
            "links": [],
            "status": "pending",
            "is_verified": False,
            "reply": None,
            "replied_at": None,
            "rejection_reason": None,
        },
        refused={"read": "nobody", "create": "viewer", "update": "viewer", "delete": "viewer"},
    )


class TestListOfReviews(GrowingListContract):
    """Many reviews."""

    path = "/tools/reviews"
    sorts = ("created_at", "updated_at", "rating")

    @pytest.fixture(scope="module")
    @staticmethod
    async def listed(http: httpx.AsyncClient, config: Config) -> TestTenant:
        """A tenant with sixty reviews, four of each creation time."""
        tenant = await create_tenant(http)
        rows = [Row(f"review{number}", f"review {number}", moment(number // 4)) for number in range(60)]
        async with owner_connection(config, tenant.name) as connection:
            await TestListOfReviews.insert(connection, rows)
        return tenant

    @staticmethod
    async def insert(connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        """Plain reviews."""
        await connection.executemany(
            """INSERT INTO reviews (id, subject_type, subject_id, rating, title, body, created_at, updated_at)
               VALUES ($1, 'hotel', $2, $3, $2, $4, $5, $5)""",
            [(new_id(), row.word, 1 + number % 5, row.text, row.created_at) for number, row in enumerate(rows)],
        )


class TestListOfRequests(GrowingListContract):
    """Many requests for reviews."""

    path = "/tools/reviews/requests"
    sorts = ("created_at", "expires_at")

    @pytest.fixture(scope="module")
    @staticmethod
    async def listed(http: httpx.AsyncClient, config: Config) -> TestTenant:
        """A tenant with sixty requests, four of each creation time."""
        tenant = await create_tenant(http)
        rows = [Row(f"guest{number}", f"guest {number}", moment(number // 4)) for number in range(60)]
        async with owner_connection(config, tenant.name) as connection:
            await TestListOfRequests.insert(connection, rows)
        return tenant

    @staticmethod
    async def insert(connection: asyncpg.Connection, rows: Sequence[Row]) -> None:
        """Plain requests."""
        await connection.executemany(
            """INSERT INTO review_requests (id, subject_type, subject_id, reviewer_email, reviewer_name, locale,
                                            lifetime_days, expires_at, created_at, updated_at)
               VALUES ($1, 'hotel', $2, $2 || '@post.example', $3, 'en', 30, $4, $4, $4)""",
            [(new_id(), row.word, row.text, row.created_at) for row in rows],
        )
