"""What anybody reads of reviews, and how seldom the database is asked for it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.reviews.making import REVIEWS, act, at, make
from tests.support.contracts.lists import GUARDS, walk
from tests.support.probes import watched
from tests.support.problems import problem_of
from tests.support.things import word
from tests.support.world import Api, TestTenant

PUBLIC = f"{REVIEWS}/public"


def about(subject_id: str, **query: Any) -> dict[str, Any]:
    """The query for a hotel."""
    return {"subject_type": "hotel", "subject_id": subject_id, **query}


async def read(tenant: TestTenant, subject_id: str, etag: str | None = None) -> httpx.Response:
    """The first page, as a visitor of the website gets it."""
    known = {"If-None-Match": etag} if etag else {}
    answer = await tenant.anonymous.get(PUBLIC, params=about(subject_id), headers=known)
    assert answer.status_code in {200, 304}, answer.text
    assert answer.headers["Cache-Control"] == "public, max-age=60"
    assert "X-Tenant-ID" in answer.headers["Vary"]
    return answer


async def published(api: Api, subject_id: str, **fields: Any) -> dict[str, Any]:
    """An approved review."""
    return await act(api, await make(api, subject_id=subject_id, **fields), "approve")


async def test_anybody_reads_what_was_approved_and_no_more_of_it(twin: TestTenant) -> None:
    subject, secret = word(), word()
    review = await published(
        twin.owner, subject, title="Lovely", reviewer_name="Eleni", reviewer_email=f"{secret}@post.example",
        links=[{"type": "booking", "id": secret}], source=secret,
    )  # fmt: skip
    await make(twin.owner, subject_id=subject, title=secret)
    for verdict in ({"reason": secret}, {"spam": True}):
        await act(twin.owner, await published(twin.owner, subject, title=secret), "reject", verdict)
    gone = await published(twin.owner, subject, title=secret)
    await twin.owner.delete(at(gone))
    answered = await act(twin.owner, review, "reply", {"reply": "Thanks"})

    answer = await read(twin, subject)

    shown = ("id", "rating", "title", "body", "reviewer_name", "is_verified", "reply", "replied_at", "created_at")
    assert answer.json() == {
        "items": [{name: answered[name] for name in shown}],
        "next_cursor": None,
        "total": 1,
        "summary": {
            "subject_type": "hotel",
            "subject_id": subject,
            "count": 1,
            "average": 4.0,
            "histogram": {"1": 0, "2": 0, "3": 0, "4": 1, "5": 0},
        },
    }
    assert secret not in answer.text
    assert str(answered["created_by"]) not in answer.text
    assert (await read(twin, word())).json()["items"] == []


async def test_its_etag_changes_with_whatever_is_published(alpha: TestTenant, app: FastAPI) -> None:
    owner, subject = alpha.owner, word()
    review = await make(owner, subject_id=subject)
    etags = [(await read(alpha, subject)).headers["ETag"]]

    for method, path, body in (
        ("POST", at(review, "approve"), None),
        ("POST", at(review, "reply"), {"reply": "Thanks"}),
        ("PATCH", at(review), {"body": "Lovely"}),
        ("PATCH", at(review), {"rating": 1}),
        ("DELETE", at(review), None),
        ("POST", at(review, "restore"), None),
        ("POST", at(review, "reject"), {}),
    ):
        assert (await owner.request(method, path, json=body)).is_success
        answer = await read(alpha, subject, ", ".join(etags))
        assert answer.status_code == 200, path
        etags.append(answer.headers["ETag"])

    assert len(set(etags)) == 8
    for method, path, body in (("PATCH", at(review), {"body": "Hidden"}), ("POST", at(review, "reopen"), None)):
        assert (await owner.request(method, path, json=body)).is_success
    with watched(app) as traffic:
        same = await read(alpha, subject, etags[-1])
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", etags[-1])
    (statement,) = [text for text in traffic.statements if not GUARDS.search(text)]
    assert "FROM review_summaries" in statement


@pytest.mark.promise("T1")
async def test_neither_pages_nor_etags_nor_cursors_cross_tenants(alpha: TestTenant, beta: TestTenant) -> None:
    subject = word()
    for tenant in (alpha, beta):
        for _ in range(2):
            await published(tenant.owner, subject, title=tenant.canary)

    here, there = await read(alpha, subject), await read(beta, subject)
    page = (await beta.anonymous.get(PUBLIC, params=about(subject, limit=1))).json()

    assert beta.canary not in here.text
    assert alpha.canary not in there.text
    assert here.headers["ETag"] != there.headers["ETag"]  # of the same version
    assert (await read(alpha, subject, there.headers["ETag"])).status_code == 200
    foreign = await alpha.anonymous.get(PUBLIC, params=about(subject, limit=1, cursor=page["next_cursor"]))
    problem_of(foreign, 400, "cursor_invalid")
    other = await beta.anonymous.get(PUBLIC, params=about(word(), limit=1, cursor=page["next_cursor"]))
    problem_of(other, 400, "cursor_invalid")
    assert other.headers["Cache-Control"] == "private"
    nobody = await beta.anonymous.get(PUBLIC, params=about(subject), headers={"X-Tenant-ID": None})
    problem_of(nobody, 400, "tenant_required")


async def test_it_is_paged_newest_first(alpha: TestTenant) -> None:
    subject = word()
    made = [await published(alpha.owner, subject, rating=1 + number) for number in range(5)]

    items = await walk(alpha.anonymous, PUBLIC, **about(subject, limit=2))

    assert [item["id"] for item in items] == [review["id"] for review in reversed(made)]
    for query, pointer in (
        ({"subject_type": "hotel"}, "/query/subject_id"),
        (about(subject, limit=0), "/query/limit"),
        (about(subject, limit=201), "/query/limit"),
        (about(subject, status="pending"), "/query/status"),
        (about(subject, sort="rating"), "/query/sort"),
        (about("x" * 129), "/query/subject_id"),
    ):
        answer = await alpha.anonymous.get(PUBLIC, params=query)
        assert answer.status_code == 422, query
        assert answer.json()["errors"][0]["pointer"] == pointer


async def test_a_page_of_many_subjects_gets_all_their_stars_at_once(
    alpha: TestTenant, beta: TestTenant, app: FastAPI
) -> None:
    loved, unknown, hated = word(), word(), word()
    await published(alpha.owner, loved, rating=5)
    bad = await published(alpha.owner, hated, rating=1)
    path, query = f"{PUBLIC}/summaries", {"subject_type": "hotel", "subject_id": [loved, unknown, hated]}

    with watched(app) as traffic:
        answer = await alpha.anonymous.get(path, params=query)
    known = {"If-None-Match": answer.headers["ETag"]}

    stars = [(item["subject_id"], item["count"], item["average"]) for item in answer.json()["items"]]
    assert stars == [(loved, 1, 5.0), (unknown, 0, None), (hated, 1, 1.0)]
    assert len([text for text in traffic.statements if not GUARDS.search(text)]) == 1
    assert answer.headers["Cache-Control"] == "public, max-age=60"
    assert (await alpha.anonymous.get(path, params=query, headers=known)).status_code == 304
    assert (await beta.anonymous.get(path, params=query, headers=known)).status_code == 200
    await act(alpha.owner, bad, "reject", {})
    after = await alpha.anonymous.get(path, params=query, headers=known)
    assert [item["count"] for item in after.json()["items"]] == [1, 0, 0]
    for wrong in ([], [""], [str(number) for number in range(101)]):
        refused = await alpha.anonymous.get(path, params={"subject_type": "hotel", "subject_id": wrong})
        assert problem_of(refused, 422, "validation_failed")["errors"][0]["pointer"].startswith("/query/subject_id")
