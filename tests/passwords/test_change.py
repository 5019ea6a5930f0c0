"""Changing one's own password, and being let in again after too many tries."""

from __future__ import annotations

import pytest

from tests.passwords.conftest import log_in
from tests.support.post import PostOffice, entries
from tests.support.problems import problem_of
from tests.support.world import PASSWORD, Person, TestTenant, sign_in

NEW = "quiet harbours at 5 in the morning"


@pytest.mark.promise("I2")
async def test_a_change_ends_the_other_sessions_and_keeps_ones_own(
    office: PostOffice, branch: TestTenant, person: Person
) -> None:
    other = await sign_in(office.http, branch, person.username)

    answer = await person.api.post("/auth/password/change", json={"current_password": PASSWORD, "new_password": NEW})

    assert (answer.status_code, answer.content) == (204, b"")
    assert (await person.api.get("/auth/me")).status_code == 200
    assert (await other.api.get("/auth/me")).status_code == 401
    assert [await log_in(branch, person, PASSWORD), await log_in(branch, person, NEW)] == [401, 200]
    assert (await office.letter(person.email)).subject == "Your password was changed"
    (entry,) = [
        item for item in await entries(office.config, branch, "auth.password.changed") if item["target_id"] == person.id
    ]
    assert entry["changes"] == '[{"new": "********", "old": "********", "path": "password"}]'


async def test_a_wrong_current_password_changes_nothing_and_logs_nobody_out(
    office: PostOffice, branch: TestTenant, person: Person
) -> None:
    body = {"current_password": "it was something else", "new_password": NEW}

    answer = await person.api.post("/auth/password/change", json=body)

    problem = problem_of(answer, 422, "password_wrong")
    assert problem["errors"][0]["pointer"] == "/body/current_password"
    assert (await person.api.get("/auth/me")).status_code == 200
    assert await log_in(branch, person, PASSWORD) == 200
    (entry,) = [
        item
        for item in await entries(office.config, branch, "auth.password.confirmation_failed")
        if item["target_id"] == person.id
    ]
    assert entry["outcome"] == "failure"


async def test_a_change_makes_mailed_links_worthless(office: PostOffice, branch: TestTenant, person: Person) -> None:
    """Whoever had the old password may have asked for them: for a new password, or for another address."""
    await branch.anonymous.post("/auth/password/forgot", json={"email": person.email})
    reset = (await office.letter(person.email)).token
    await person.api.post(
        "/auth/email/change", json={"password": PASSWORD, "new_email": f"thief-{person.username}@elsewhere.example"}
    )
    move = (await office.letter(f"thief-{person.username}@elsewhere.example")).token

    await person.api.post("/auth/password/change", json={"current_password": PASSWORD, "new_password": NEW})

    answer = await branch.anonymous.post("/auth/password/reset", json={"token": reset, "new_password": PASSWORD})
    problem_of(answer, 400, "token_invalid")
    problem_of(await branch.anonymous.post("/auth/email/verify", json={"token": move}), 400, "token_invalid")


async def test_a_link_ordered_before_a_change_is_not_even_sent_after_it(
    office: PostOffice, branch: TestTenant, person: Person
) -> None:
    """The mail server may have been down when the thief asked."""
    thief = f"thief-{person.username}@elsewhere.example"
    await person.api.post("/auth/email/change", json={"password": PASSWORD, "new_email": thief})

    await person.api.post("/auth/password/change", json={"current_password": PASSWORD, "new_password": NEW})

    assert {letter.to for letter in await office.deliver()} == {person.email}


@pytest.mark.promise("I6")
async def test_guessing_the_current_password_is_limited_and_an_administrator_lifts_it(
    office: PostOffice, branch: TestTenant, person: Person
) -> None:
    body = {"current_password": "it was something else", "new_password": NEW}
    tries = [await person.api.post("/auth/password/change", json=body) for _ in range(11)]
    assert [answer.status_code for answer in tries] == [422] * 10 + [429]
    assert await log_in(branch, person, PASSWORD) == 429
    admin = branch.people["admin"].api

    answer = await admin.post(f"/users/{person.id}/unlock")

    assert (answer.status_code, answer.content) == (204, b"")
    assert await log_in(branch, person, PASSWORD) == 200
    assert len(await entries(office.config, branch, "users.user.unlocked")) == 1
    problem_of(await branch.member.post(f"/users/{person.id}/unlock"), 403, "permission_denied")


async def test_failed_logins_by_address_are_forgiven_too(branch: TestTenant, person: Person) -> None:
    body = {"username": person.email, "password": "it was something else"}
    statuses = [(await branch.anonymous.post("/auth/login", json=body)).status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]

    await branch.owner.post(f"/users/{person.id}/unlock")

    right = await branch.anonymous.post("/auth/login", json={"username": person.email, "password": PASSWORD})
    assert right.status_code == 200


async def test_only_a_login_may_change_the_password(branch: TestTenant) -> None:
    created = await branch.owner.post("/users/api-keys", json={"name": "robot", "permissions": ["users:read"]})
    headers = {"X-API-Key": created.json()["key"]}
    body = {"current_password": PASSWORD, "new_password": NEW}

    problem_of(
        await branch.anonymous.post("/auth/password/change", json=body, headers=headers), 403, "session_required"
    )
    problem_of(
        await branch.anonymous.post(
            "/auth/email/change", json={"password": PASSWORD, "new_email": "a@b.example"}, headers=headers
        ),
        403,
        "session_required",
    )
    problem_of(await branch.anonymous.post("/auth/password/change", json=body), 401, "unauthenticated")
