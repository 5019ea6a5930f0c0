"""A mailed link is looked at as often as one likes, and used once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.reviews.making import REQUESTS, SUBMIT, act, ask, at, ids, moment, refused, summary
from tests.support import things
from tests.support.post import PostOffice, entries
from tests.support.probes import owner_connection
from tests.support.problems import problem_of
from tests.support.servers import PLATFORM_KEY
from tests.support.tool_operations.reviews import insert_request
from tests.support.world import API, Api, TestTenant


async def test_who_was_asked_answers_once(office: PostOffice, branch: TestTenant, visitor: Api) -> None:
    request, letter = await ask(
        office, branch.owner, subject_name="Ξενοδοχείο Αίγλη", reviewer_name="Ελένη", locale="el"
    )
    assert (request["status"], request["sent_at"], request["review_id"]) == ("pending", None, None)
    assert (letter.page, letter.to) == ("/review", request["reviewer_email"])
    assert letter.subject == "Πώς σας φάνηκε: Ξενοδοχείο Αίγλη;"
    assert "Ελένη" in letter.body()
    assert letter.link.replace("&", "&amp;") in letter.body("html")
    assert f"tenant={branch.name}" in letter.link

    form = await visitor.get(f"{SUBMIT}/{letter.token}")
    said = {"rating": 5, "title": "Ωραία", "body": "Ήσυχα δωμάτια.", "reviewer_name": "Ελένη Κ."}
    answer = await visitor.post(f"{SUBMIT}/{letter.token}", json=said)

    expected = {
        name: request[name] for name in ("subject_type", "subject_id", "subject_name", "reviewer_name", "locale")
    }
    assert (form.status_code, form.json()) == (200, {**expected, "expires_at": request["expires_at"]})
    review = answer.json()
    assert (answer.status_code, answer.headers["Location"]) == (201, API + at(review))
    assert said.items() <= review.items()
    assert (review["status"], review["is_verified"], review["subject_id"]) == ("pending", True, request["subject_id"])
    assert {form.headers["Cache-Control"], answer.headers["Cache-Control"]} == {"no-store"}
    assert (
        '"open"' in form.headers["RateLimit"] + answer.headers["RateLimit"]
    )  # counted like all that is open to anybody
    assert request["reviewer_email"] not in form.text + answer.text
    stored = (await branch.owner.get(at(review))).json()
    assert (stored["source"], stored["reviewer_email"], stored["created_by"]) == (
        "request", request["reviewer_email"], None,
    )  # fmt: skip
    after = (await branch.owner.get(f"{REQUESTS}/{request['id']}")).json()
    assert (after["status"], after["review_id"], after["version"]) == ("used", review["id"], 2)
    assert after["sent_at"] is not None
    await refused(visitor, letter.token)
    made = await entries(office.config, branch, "tools.review.created")
    (entry,) = [item for item in made if item["target_id"] == review["id"]]
    assert (entry["actor_type"], entry["ip_address"]) == ("anonymous", "203.0.113.7")


@pytest.mark.promise("I4")
async def test_of_32_who_use_a_link_at_once_one_wins(office: PostOffice, branch: TestTenant, visitor: Api) -> None:
    """After all the mail scanners that looked at it."""
    request, letter = await ask(office, branch.owner)
    looks = [await visitor.request(method, f"{SUBMIT}/{letter.token}") for method in ("GET", "HEAD", "GET")]
    assert {look.status_code for look in looks} == {200}

    answers = await asyncio.gather(
        *(visitor.post(f"{SUBMIT}/{letter.token}", json={"rating": 1 + number % 5}) for number in range(32))
    )

    assert sorted(answer.status_code for answer in answers) == [201] + [400] * 31
    assert {answer.json()["code"] for answer in answers if answer.status_code == 400} == {"token_invalid"}
    assert len(await ids(branch.owner, subject_id=request["subject_id"])) == 1


async def test_what_is_refused_does_not_use_up_the_link(office: PostOffice, branch: TestTenant, visitor: Api) -> None:
    request, letter = await ask(office, branch.owner)

    for body in (
        {},
        {"rating": 6},
        {"rating": 5, "body": "x" * 10_001},
        {"rating": 5, "reviewer_email": "other@post.example"},
        {"rating": 5, "subject_id": "H-1"},
        {"rating": 5, "is_verified": True},
        {"rating": 5, "status": "approved"},
    ):
        problem_of(await visitor.post(f"{SUBMIT}/{letter.token}", json=body), 422, "validation_failed")
    problem_of(await visitor.put(f"{SUBMIT}/{letter.token}", json={"rating": 5}), 405, "method_not_allowed")

    answer = await visitor.post(f"{SUBMIT}/{letter.token}", json={"rating": 5})
    assert (answer.status_code, answer.json()["reviewer_name"]) == (201, request["reviewer_name"])


@pytest.mark.promise("T1")
async def test_a_link_is_good_in_its_own_tenant_only(
    office: PostOffice, branch: TestTenant, branches: dict[str, TestTenant], visitor: Api
) -> None:
    other = next(tenant for tenant in branches.values() if tenant is not branch)
    request, letter = await ask(office, branch.owner)
    secret = letter.token.partition(".")[2]

    for method in ("GET", "POST"):
        abroad = await other.anonymous.request(method, f"{SUBMIT}/{letter.token}", json={"rating": 1})
        problem_of(abroad, 403, "tenant_mismatch")
    await refused(visitor, f"{other.name.removeprefix('tenant_')}.{secret}")
    await refused(other.anonymous, f"{other.name.removeprefix('tenant_')}.{secret}")
    for wrong in (
        f"nobody_here.{secret}", f"{branch.name}.{secret}", f"public.{secret}", secret, f"{letter.token}A", "x",
        letter.token[:-1], letter.token.upper(), f"{secret}.", "%00", "é.ü", "a" * 5000, "%ff%fe",
    ):  # fmt: skip
        await refused(visitor, wrong)
    problem_of(await other.owner.get(f"{REQUESTS}/{request['id']}"), 404, "not_found")
    for action in ("", "/resend"):
        path = f"{REQUESTS}/{request['id']}{action}"
        problem_of(await other.owner.request("POST" if action else "DELETE", path), 404, "not_found")
    assert request["id"] not in await ids(other.owner, REQUESTS)
    agreeing = await branch.anonymous.post(f"{SUBMIT}/{letter.token}", json={"rating": 5})
    assert agreeing.status_code == 201


async def test_nobody_puts_words_into_a_verified_customer_s_mouth(
    office: PostOffice, branch: TestTenant, visitor: Api
) -> None:
    _, letter = await ask(office, branch.owner, reviewer_name="Eleni")
    review = (await visitor.post(f"{SUBMIT}/{letter.token}", json={"rating": 2, "body": "Loud."})).json()
    said = {name: review[name] for name in ("subject_type", "subject_id", "rating", "title", "body")}

    for change in (
        {"rating": 5}, {"body": "Quiet."}, {"title": "Great"}, {"subject_id": "H-2"}, {"source": "staff"},
        {"reviewer_name": "Somebody Else"}, {"reviewer_email": "else@post.example"},
    ):  # fmt: skip
        problem_of(await branch.owner.patch(at(review), json=change), 409, "review_verified")
    problem_of(await branch.owner.put(at(review), json=said), 409, "review_verified")  # its source would be lost

    forgotten = await branch.owner.put(at(review), json={**said, "source": "request"})
    assert forgotten.status_code == 200, forgotten.text
    assert (forgotten.json()["reviewer_name"], forgotten.json()["reviewer_email"]) == (None, None)
    assert forgotten.json()["is_verified"] is True
    approved = await act(branch.owner, review, "approve")
    assert approved["status"] == "approved"


async def test_a_tenant_may_trust_verified_reviews(office: PostOffice, branch: TestTenant, visitor: Api) -> None:
    for key, value in (("reviews.auto_approve", True), ("reviews.request_days", 7)):
        assert (await branch.owner.put(f"/settings/{key}", json={"value": value})).status_code == 200
    try:
        request, letter = await ask(office, branch.owner)
        answer = await visitor.post(f"{SUBMIT}/{letter.token}", json={"rating": 4})
    finally:
        for key in ("reviews.auto_approve", "reviews.request_days"):
            await branch.owner.delete(f"/settings/{key}")

    assert moment(request["expires_at"]) - moment(request["created_at"]) == timedelta(days=7)
    assert answer.json()["status"] == "approved"
    assert (await summary(branch.owner, request["subject_id"]))["average"] == 4.0


@pytest.mark.promise("I8")
async def test_the_token_is_in_the_mail_and_nowhere_else(office: PostOffice, branch: TestTenant, visitor: Api) -> None:
    _, letter = await ask(office, branch.owner)
    await visitor.post(f"{SUBMIT}/{letter.token}", json={"rating": 5})

    shown = await branch.owner.get(REQUESTS, params={"limit": 200})
    async with owner_connection(office.config, branch.name) as owner:
        rows = await owner.fetch(
            "SELECT r::text AS row FROM review_requests r UNION ALL SELECT a::text FROM audit_logs a "
            "UNION ALL SELECT r::text FROM reviews r"
        )
    secret = letter.token.partition(".")[2]
    assert secret not in shown.text + " ".join(row["row"] for row in rows) + str(await office.jobs())
    assert "digest" not in shown.text


async def test_a_suspended_tenant_s_links_wait(office: PostOffice, visitor: Api) -> None:
    operator, name = Api(office.http, {"X-Platform-Key": PLATFORM_KEY}), things.word()
    admin = {"email": "owner@twin.example", "username": "owner", "password": "a password for the tests"}
    await operator.post("/auth/initialize-tenant", headers={"X-Tenant-ID": name}, json={"name": name, "admin": admin})
    async with owner_connection(office.config, f"tenant_{name}") as owner:
        _, token = await insert_request(owner, await owner.fetchval("SELECT id FROM users"))
    await operator.patch(f"/platform/tenants/{name}", json={"status": "suspended"})

    problem_of(await visitor.post(f"{SUBMIT}/{token}", json={"rating": 5}), 403, "tenant_suspended")

    await operator.patch(f"/platform/tenants/{name}", json={"status": "active"})
    assert (await visitor.post(f"{SUBMIT}/{token}", json={"rating": 5})).status_code == 201
