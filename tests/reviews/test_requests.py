"""Customers are asked by mail, one request at a time, until they answer or it is over."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from tests.reviews.making import REQUESTS, SUBMIT, act, ask, at, expire, ids, make, moment, refused
from tests.support import things
from tests.support.post import PostOffice, entries
from tests.support.probes import owner_connection
from tests.support.problems import problem_of
from tests.support.servers import PLATFORM_KEY
from tests.support.staff import Staff
from tests.support.things import word
from tests.support.world import Api, TestTenant


async def test_links_die_with_their_request(office: PostOffice, branch: TestTenant, visitor: Api) -> None:
    request, first = await ask(office, branch.owner, expires_in_days=3)
    path = f"{REQUESTS}/{request['id']}"
    problem_of(await branch.owner.post(f"{path}/resend", headers={"If-Match": '"v7"'}), 412, "version_conflict")
    await expire(office, branch, request)
    await refused(visitor, first.token)
    assert (await branch.owner.get(path)).json()["status"] == "expired"

    resent = await branch.owner.post(f"{path}/resend")
    second = await office.letter(request["reviewer_email"])

    assert (resent.status_code, resent.json()["status"], resent.headers["ETag"]) == (202, "pending", '"v2"')
    renewed = resent.json()
    assert moment(renewed["expires_at"]) - moment(renewed["updated_at"]) == timedelta(days=3)
    await refused(visitor, first.token)
    assert (await visitor.get(f"{SUBMIT}/{second.token}")).status_code == 200
    stale = await branch.owner.delete(path, headers={"If-Match": '"v1"'})
    problem_of(stale, 412, "version_conflict")
    assert (await branch.owner.delete(path, headers={"If-Match": '"v2"'})).status_code == 204
    await refused(visitor, second.token)
    problem_of(await branch.owner.delete(path), 404, "not_found")
    problem_of(await branch.owner.post(f"{path}/resend"), 409, "review_request_closed")
    assert await ids(branch.owner, REQUESTS, status="revoked", subject_id=request["subject_id"]) == {request["id"]}
    assert await ids(branch.owner, REQUESTS, status="pending", subject_id=request["subject_id"]) == set()


async def test_an_answered_request_is_closed(office: PostOffice, branch: TestTenant, visitor: Api) -> None:
    request, letter = await ask(office, branch.owner)
    assert (await visitor.post(f"{SUBMIT}/{letter.token}", json={"rating": 5})).status_code == 201

    for method, path in (("POST", f"{REQUESTS}/{request['id']}/resend"), ("DELETE", f"{REQUESTS}/{request['id']}")):
        problem_of(await branch.owner.request(method, path), 409, "review_request_closed")
    again = {name: request[name] for name in ("subject_type", "subject_id", "reviewer_email")}
    assert (await branch.owner.post(REQUESTS, json=again)).status_code == 201  # another stay


async def test_nobody_is_asked_twice_at_a_time(office: PostOffice, branch: TestTenant) -> None:
    body = {"subject_type": "hotel", "subject_id": word(), "reviewer_email": f"{word()}@post.example"}

    at_once = await asyncio.gather(*(branch.owner.post(REQUESTS, json=body) for _ in range(8)))

    assert sorted(answer.status_code for answer in at_once) == [201] + [409] * 7
    assert {answer.json()["code"] for answer in at_once if answer.status_code == 409} == {"review_request_pending"}
    other_case = {**body, "reviewer_email": body["reviewer_email"].upper()}
    problem_of(await branch.owner.post(REQUESTS, json=other_case), 409, "review_request_pending")
    assert (await branch.owner.post(REQUESTS, json={**body, "subject_id": word()})).status_code == 201
    (made,) = [answer.json() for answer in at_once if answer.status_code == 201]
    await expire(office, branch, made)
    assert (await branch.owner.post(REQUESTS, json=other_case)).status_code == 201
    assert (await branch.owner.get(f"{REQUESTS}/{made['id']}")).json()["status"] == "revoked"


async def test_a_mail_whose_request_was_revoked_is_not_sent(office: PostOffice, branch: TestTenant) -> None:
    body = {"subject_type": "hotel", "subject_id": word(), "reviewer_email": f"{word()}@post.example"}
    request = (await branch.owner.post(REQUESTS, json=body)).json()
    await branch.owner.delete(f"{REQUESTS}/{request['id']}")

    assert await office.deliver() == []
    assert len(await entries(office.config, branch, "tools.review_request.mail_skipped")) >= 1


@pytest.mark.promise("R1")
async def test_who_asked_reads_the_answer(office: PostOffice, branch: TestTenant, crew: Staff, visitor: Api) -> None:
    request, letter = await ask(office, crew.author.api)
    path = f"{REQUESTS}/{request['id']}"
    for stranger in (crew.colleague, crew.outsider):
        for method, address in (("GET", path), ("DELETE", path), ("POST", f"{path}/resend")):
            problem_of(await stranger.api.request(method, address), 404, "not_found")
        assert request["id"] not in await ids(stranger.api, REQUESTS)
    for method, address, action in (("DELETE", path, "delete"), ("POST", f"{path}/resend", "create")):
        answer = problem_of(await crew.reader.api.request(method, address), 403, "permission_denied")
        assert f"reviews:{action}" in answer["detail"]
    assert request["id"] in await ids(crew.manager.api, REQUESTS)
    review = (await visitor.post(f"{SUBMIT}/{letter.token}", json={"rating": 5})).json()

    for person, sees in (
        (crew.author, True), (crew.manager, True), (crew.reader, True), (crew.colleague, False), (crew.outsider, False),
    ):  # fmt: skip
        assert ((await person.api.get(at(review))).status_code == 200) is sees, person.username
        assert (review["id"] in await ids(person.api)) is sees, person.username
    for person in (crew.author, crew.manager):
        problem_of(await person.api.patch(at(review), json={"body": "Better"}), 403, "permission_denied")


async def test_what_a_request_says_stays_in_its_lines(office: PostOffice, branch: TestTenant) -> None:
    name = 'Aegli\r\nBcc: all@post.example\n<img src="x">'

    _, letter = await ask(office, branch.owner, subject_name=name, reviewer_name="A\nB", locale="xx")

    assert letter.subject == 'How was Aegli Bcc: all@post.example <img src="x">?'
    assert letter.message["Bcc"] is None
    assert "<img" not in letter.body("html")
    assert "Hello A B," in letter.body()
    for field, value in (
        ("reviewer_email", "a@b.example\r\nBcc: x@y.example"), ("reviewer_email", "nobody"), ("locale", "english!"),
        ("expires_in_days", 0), ("expires_in_days", 366), ("expires_in_days", True), ("subject_name", "x" * 201),
        ("subject_id", ""), ("digest", "x"), ("used_at", None), ("created_by", str(UUID(int=1))),
    ):  # fmt: skip
        body = {"subject_type": "hotel", "subject_id": word(), "reviewer_email": "a@post.example", field: value}
        answer = await branch.owner.post(REQUESTS, json=body)
        assert problem_of(answer, 422, "validation_failed")["errors"][0]["pointer"] == f"/body/{field}"


async def test_in_a_copy_of_a_tenant_every_link_is_dead(office: PostOffice, branch: TestTenant, visitor: Api) -> None:
    request, letter = await ask(office, branch.owner)
    await act(branch.owner, await make(branch.owner, subject_id=request["subject_id"], rating=5), "approve")
    operator, target = Api(office.http, {"X-Platform-Key": PLATFORM_KEY}), things.word()

    short = branch.name.removeprefix("tenant_")
    copied = await operator.post(f"/platform/tenants/{short}/clone", json={"target": target, "activate": True})

    assert copied.status_code == 201, copied.text
    await refused(visitor, f"{target}.{letter.token.partition('.')[2]}")
    async with owner_connection(office.config, f"tenant_{target}") as owner:
        left = (
            "SELECT count(*) FROM review_requests WHERE used_at IS NULL AND (revoked_at IS NULL OR digest IS NOT NULL)"
        )
        assert await owner.fetchval(left) == 0
        kept = "SELECT rating_5 FROM review_summaries WHERE subject_id = $1"
        assert await owner.fetchval(kept, request["subject_id"]) == 1
    assert (await visitor.get(f"{SUBMIT}/{letter.token}")).status_code == 200
