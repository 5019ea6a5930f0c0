"""Summaries are kept up, not counted, and are what counting would say."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random
from typing import Any

import httpx
import pytest

from common.config import Config
from tests.reviews.making import REVIEWS, act, at, make, summary
from tests.support.contracts.resource import Body
from tests.support.probes import owner_connection
from tests.support.problems import problem_of
from tests.support.things import word
from tests.support.world import Api, TestTenant

NOTHING = {"count": 0, "average": None, "histogram": dict.fromkeys("12345", 0)}


async def counted(config: Config, tenant: TestTenant, subject_id: str) -> dict[str, Any]:
    """The same, counted from scratch."""
    async with owner_connection(config, tenant.name) as owner:
        rows = await owner.fetch(
            "SELECT rating FROM reviews WHERE subject_id = $1 AND status = 'approved' AND deleted_at IS NULL",
            subject_id,
        )
    ratings = [row["rating"] for row in rows]
    found = Counter(ratings)
    return {
        "count": len(ratings),
        "average": round(sum(ratings) / len(ratings), 2) if ratings else None,
        "histogram": {stars: found[int(stars)] for stars in "12345"},
    }


async def test_only_approved_and_living_reviews_count(twin: TestTenant) -> None:
    api, subject = twin.owner, word()
    assert await summary(api, subject) == NOTHING
    reviews = [await make(api, subject_id=subject, rating=rating) for rating in (5, 4, 4, 1)]
    assert await summary(api, subject) == NOTHING

    for review in reviews[:3]:
        await act(api, review, "approve")
    assert await summary(api, subject) == {
        "count": 3,
        "average": 4.33,
        "histogram": {"1": 0, "2": 0, "3": 0, "4": 2, "5": 1},
    }
    await api.patch(at(reviews[0]), json={"rating": 2})
    await api.delete(at(reviews[1]))
    await act(api, reviews[2], "reject", {"spam": True})
    left = await summary(api, subject)
    assert (left["count"], left["average"], left["histogram"]["2"]) == (1, 2.0, 1)
    await api.post(at(reviews[1], "restore"))
    moved = word()
    await api.patch(at(reviews[0]), json={"subject_id": moved})
    assert (await summary(api, subject))["average"] == 4.0
    assert (await summary(api, moved))["average"] == 2.0
    await api.delete(at(reviews[3]))
    await api.post(at(reviews[3], "restore"))
    assert (await summary(api, subject))["count"] == 1


async def one_change(api: Api, chance: Random, review: Body, subjects: list[str]) -> httpx.Response:
    """Something done to a review, whatever was done to it before."""
    match chance.randrange(8):
        case 0 | 1 | 2:
            return await api.post(at(review, "approve"))
        case 3:
            return await api.post(at(review, "reject"), json={"spam": chance.random() < 0.5})
        case 4:
            return await api.delete(at(review))
        case 5:
            return await api.post(at(review, "restore"))
        case 6:
            return await api.patch(at(review), json={"rating": chance.randint(1, 5)})
        case _:
            body = {"subject_id": chance.choice(subjects), "rating": chance.randint(1, 5)}
            return await api.patch(at(review), json=body)


@pytest.mark.promise("D2")
@pytest.mark.parametrize("seed", [1, 2])
async def test_whatever_32_do_at_once_the_summary_is_what_counting_says(
    alpha: TestTenant, beta: TestTenant, config: Config, seed: int
) -> None:
    tenant, chance, subjects = (alpha, beta)[seed % 2], Random(seed), [word(), word()]
    reviews = [await make(tenant.owner, subject_id=chance.choice(subjects)) for _ in range(10)]

    for _ in range(2):
        answers = await asyncio.gather(
            *(one_change(tenant.owner, chance, chance.choice(reviews), subjects) for _ in range(32))
        )

        assert {answer.status_code for answer in answers} <= {200, 204, 404}
        for subject in subjects:
            assert await summary(tenant.owner, subject) == await counted(config, tenant, subject)


async def test_all_who_are_approved_at_once_are_counted_and_once_each(beta: TestTenant) -> None:
    twin, subject = beta, word()
    reviews = [await make(twin.owner, subject_id=subject, rating=1 + number % 5) for number in range(16)]

    approved = await asyncio.gather(*(twin.owner.post(at(review, "approve")) for review in reviews for _ in range(2)))

    assert {answer.status_code for answer in approved} == {200}
    assert await summary(twin.owner, subject) == {
        "count": 16,
        "average": 2.88,
        "histogram": {"1": 4, "2": 3, "3": 3, "4": 3, "5": 3},
    }
    rejected = await asyncio.gather(*(twin.owner.post(at(review, "reject"), json={}) for review in reviews))
    assert {answer.status_code for answer in rejected} == {200}
    assert await summary(twin.owner, subject) == NOTHING


@pytest.mark.promise("T1")
async def test_a_summary_speaks_of_one_tenant(alpha: TestTenant, beta: TestTenant) -> None:
    subject = word()
    await act(alpha.owner, await make(alpha.owner, subject_id=subject), "approve")
    query = {"subject_type": "hotel", "subject_id": subject}

    assert (await summary(alpha.owner, subject))["count"] == 1
    assert await summary(beta.owner, subject) == NOTHING
    known = await alpha.owner.get(f"{REVIEWS}/summary", params=query)
    same = await alpha.owner.get(f"{REVIEWS}/summary", params=query, headers={"If-None-Match": known.headers["ETag"]})
    assert (known.headers["ETag"], same.status_code) == ('"v1"', 304)
    missing = await alpha.owner.get(f"{REVIEWS}/summary", params={"subject_type": "hotel"})
    assert problem_of(missing, 422, "validation_failed")["errors"][0]["pointer"] == "/query/subject_id"
