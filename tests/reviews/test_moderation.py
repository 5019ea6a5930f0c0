"""What becomes of a review: approved, rejected, reopened, answered, changed."""

from __future__ import annotations

from typing import Any

import pytest

from common.config import Config
from tests.reviews.making import REVIEWS, act, at, ids, make, summary
from tests.support import things
from tests.support.probes import owner_connection
from tests.support.problems import problem_of
from tests.support.staff import Staff
from tests.support.things import word
from tests.support.world import TestTenant, sign_in


async def test_a_review_goes_from_hand_to_hand(twin: TestTenant, staff: Staff) -> None:
    review = await make(staff.author.api)
    assert (review["status"], review["is_verified"], review["source"]) == ("pending", False, "staff")

    approved = await act(twin.owner, review, "approve")
    again = await act(twin.owner, review, "approve")
    rejected = await act(twin.owner, review, "reject", {"reason": "Names a guest."})
    spam = await act(twin.owner, review, "reject", {"spam": True})
    reopened = await act(twin.owner, review, "reopen")

    seen = [
        (item["status"], item["rejection_reason"], item["version"]) for item in (approved, rejected, spam, reopened)
    ]
    assert seen == [
        ("approved", None, 2),
        ("rejected", "Names a guest.", 3),
        ("spam", None, 4),
        ("pending", None, 5),
    ]
    assert again == approved  # and no version for nothing
    assert (await staff.author.api.get(at(review))).json() == reopened


@pytest.mark.promise("D4")
@pytest.mark.parametrize(
    ("action", "body"), [("approve", None), ("reject", None), ("reopen", None), ("reply", {"reply": None})]
)
async def test_moderation_decides_about_what_was_read(
    twin: TestTenant, staff: Staff, action: str, body: dict[str, Any] | None
) -> None:
    review = await make(staff.author.api)

    stale = await twin.owner.post(at(review, action), json=body, headers={"If-Match": '"v7"'})
    fresh = await twin.owner.post(at(review, action), json=body, headers={"If-Match": '"v1"'})
    unknown = await twin.owner.post(f"{REVIEWS}/{staff.team_id}/{action}", json=body)

    problem_of(stale, 412, "version_conflict")
    assert (fresh.status_code, fresh.headers["ETag"]) == (200, f'"v{fresh.json()["version"]}"')
    problem_of(unknown, 404, "not_found")
    for person in (staff.author, staff.manager, staff.reader):
        refused = problem_of(await person.api.post(at(review, action), json=body), 403, "permission_denied")
        assert "reviews:moderate" in refused["detail"]


@pytest.mark.promise("R1")
async def test_a_moderator_needs_no_other_right(twin: TestTenant, staff: Staff, config: Config) -> None:
    review = await make(staff.author.api)
    async with owner_connection(config, twin.name) as owner:
        role, name = await things.insert_role(owner, "reviews:moderate"), await things.insert_login(owner, "nobody")
        await owner.execute(
            "INSERT INTO user_roles (user_id, role_id) SELECT id, $2 FROM users WHERE username = $1", name, role
        )
    moderator = await sign_in(twin.owner._http, twin, name)

    assert (await act(moderator.api, review, "approve"))["status"] == "approved"
    problem_of(await moderator.api.get(at(review)), 403, "permission_denied")
    problem_of(await moderator.api.delete(at(review)), 403, "permission_denied")


@pytest.mark.promise("R1")
async def test_only_who_may_moderate_this_review_changes_published_words(
    twin: TestTenant, staff: Staff, config: Config
) -> None:
    async with owner_connection(config, twin.name) as owner:
        role = await things.insert_role(owner, "reviews:create", "reviews:update", "reviews:moderate")
        await owner.execute(
            "UPDATE role_permissions SET level = 'own' WHERE role_id = $1 AND permission = 'reviews:moderate'", role
        )
        name = await things.insert_login(owner, "nobody")
        await owner.execute(
            "INSERT INTO user_roles (user_id, role_id) SELECT id, $2 FROM users WHERE username = $1", name, role
        )
    editor = (await sign_in(twin.owner._http, twin, name)).api

    for author, status in ((editor, "approved"), (staff.author.api, "pending")):
        review = await make(author)
        await act(twin.owner, review, "approve")
        changed = await editor.patch(at(review), json={"body": "Other words"})
        assert (changed.status_code, changed.json()["status"]) == (200, status)


@pytest.mark.promise("R3")
async def test_what_moderation_decides_nobody_writes(twin: TestTenant, staff: Staff) -> None:
    review = await make(staff.author.api)
    body = {"subject_type": "hotel", "subject_id": "H-1", "rating": 1}

    for api in (staff.author.api, twin.owner):
        for name, value in {
            "status": "approved",
            "is_verified": True,
            "reply": "x",
            "replied_at": "2026-01-01T00:00:00Z",
            "rejection_reason": "x",
        }.items():
            for method, path in (("POST", REVIEWS), ("PUT", at(review)), ("PATCH", at(review))):
                answer = await api.request(method, path, json={**(body if method != "PATCH" else {}), name: value})
                (error,) = problem_of(answer, 422, "validation_failed")["errors"]
                assert (error["pointer"], error["code"]) == (f"/body/{name}", "extra_forbidden")
    assert (await twin.owner.get(at(review))).json() == review


async def test_only_what_everybody_can_read_is_answered(twin: TestTenant, staff: Staff) -> None:
    review = await make(staff.author.api)
    problem_of(await twin.owner.post(at(review, "reply"), json={"reply": "Thanks"}), 409, "review_not_approved")
    await act(twin.owner, review, "approve")

    first = await act(twin.owner, review, "reply", {"reply": " Thank you! "})
    same = await act(twin.owner, review, "reply", {"reply": "Thank you!"})
    other = await act(twin.owner, review, "reply", {"reply": "Thank you, Eleni!"})

    assert (first["reply"], first["replied_at"] is not None) == ("Thank you!", True)
    assert same == first
    assert other["replied_at"] > first["replied_at"]
    await act(twin.owner, review, "reject", {})
    for nothing in ("", "   ", None):
        taken = await act(twin.owner, review, "reply", {"reply": nothing})
        assert (taken["reply"], taken["replied_at"]) == (None, None)
    missing = await twin.owner.post(at(review, "reply"), json={})
    assert problem_of(missing, 422, "validation_failed")["errors"][0]["pointer"] == "/body/reply"


async def test_whose_words_were_approved_cannot_put_others_in_their_place(twin: TestTenant, staff: Staff) -> None:
    review = await make(staff.author.api, body="Lovely")
    subject = review["subject_id"]
    await act(twin.owner, review, "approve")

    linked = await staff.author.api.patch(at(review), json={"links": [{"type": "booking", "id": "BK-1"}]})
    noted = await staff.author.api.patch(at(review), json={"reviewer_email": "eleni@post.example"})
    assert (linked.json()["status"], noted.json()["status"]) == ("approved", "approved")
    moderated = await twin.owner.patch(at(review), json={"body": "Lovely."})
    assert (moderated.json()["status"], (await summary(twin.owner, subject))["count"]) == ("approved", 1)

    changed = await staff.author.api.patch(at(review), json={"body": "Buy cheap watches"})

    assert (changed.status_code, changed.json()["status"]) == (200, "pending")
    assert (await summary(twin.owner, subject))["count"] == 0
    refused = await act(twin.owner, review, "reject", {"reason": "Advertises."})
    kept = await staff.author.api.patch(at(review), json={"body": "Please?"})
    assert (kept.json()["status"], kept.json()["rejection_reason"]) == ("rejected", refused["rejection_reason"])


async def test_a_list_can_be_narrowed_by_everything(twin: TestTenant, staff: Staff) -> None:
    api, subject = twin.owner, word()
    bad = await make(api, subject_id=subject, rating=1, source="letter")
    good = await make(api, subject_id=subject, rating=5, reviewer_email=f"{subject}.eleni@post.example")
    spam = await make(api, subject_id=subject, rating=3)
    elsewhere = await make(api, subject_type="tour", subject_id=subject)
    await act(api, good, "approve")
    await act(api, good, "reply", {"reply": "Thanks"})
    await act(api, spam, "reject", {"spam": True})
    of_hotel = {"subject_type": "hotel", "subject_id": subject}

    for query, expected in (
        ({}, {bad["id"], good["id"], spam["id"]}),
        ({"status": "spam"}, {spam["id"]}),
        ({"status": ["pending", "spam"]}, {bad["id"], spam["id"]}),
        ({"rating": 3}, {spam["id"]}),
        ({"rating_min": 3}, {good["id"], spam["id"]}),
        ({"rating_max": 3}, {bad["id"], spam["id"]}),
        ({"rating_min": 2, "rating_max": 4}, {spam["id"]}),
        ({"source": "letter"}, {bad["id"]}),
        ({"has_reply": "true"}, {good["id"]}),
        ({"has_reply": "false"}, {bad["id"], spam["id"]}),
        ({"is_verified": "true"}, set()),
        ({"q": f"{subject}.ELENI"}, {good["id"]}),
    ):
        assert await ids(api, **of_hotel, **query) == expected, query
    assert await ids(api, subject_id=subject, subject_type="tour") == {elsewhere["id"]}
    assert await ids(api, related_type="tour", related_id=subject) == {elsewhere["id"]}
    linked = await make(api, links=[{"type": "tour", "id": subject}])
    assert await ids(api, related_type="tour", related_id=subject) == {elsewhere["id"], linked["id"]}


@pytest.mark.promise("S7")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rating", 0),
        ("rating", 6),
        ("rating", 4.5),
        ("rating", True),
        ("rating", "5"),
        ("rating", None),
        ("subject_type", ""),
        ("subject_type", "x" * 65),
        ("subject_id", " "),
        ("subject_id", "a\0b"),
        ("title", ""),
        ("title", "x" * 201),
        ("body", "x" * 10_001),
        ("body", None),
        ("reviewer_name", "x" * 201),
        ("reviewer_email", "nobody"),
        ("source", ""),
        ("source", None),
    ],
)
async def test_what_is_too_much_or_nothing_is_refused(alpha: TestTenant, field: str, value: object) -> None:
    body = {"subject_type": "hotel", "subject_id": "H-1", "rating": 4}

    answer = await alpha.owner.post(REVIEWS, json={**body, field: value})

    assert problem_of(answer, 422, "validation_failed")["errors"][0]["pointer"] == f"/body/{field}"
    for query in ({"rating_min": 0}, {"status": "fine"}, {"is_verified": "maybe"}, {"subject_id": ""}):
        assert (await alpha.owner.get(REVIEWS, params=query)).status_code == 422, query
