"""A forgotten password: a link by mail, good once, and no word about who exists."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.passwords.conftest import log_in
from tests.support.post import PostOffice, entries
from tests.support.probes import owner_connection, watched
from tests.support.problems import problem_of
from tests.support.world import PASSWORD, Person, TestTenant, add_person

NEW = "quiet harbours at 5 in the morning"


async def forget(office: PostOffice, branch: TestTenant, person: Person) -> str:
    """Have a link mailed; answers its token."""
    answer = await branch.anonymous.post("/auth/password/forgot", json={"email": person.email.upper()})
    assert (answer.status_code, answer.json()) == (202, None)
    letter = await office.letter(person.email)
    assert letter.page == "/reset-password"
    assert f"tenant={branch.name}" in letter.link
    return letter.token


async def test_the_mailed_link_sets_a_new_password(office: PostOffice, branch: TestTenant, person: Person) -> None:
    token = await forget(office, branch, person)

    answer = await branch.anonymous.post("/auth/password/reset", json={"token": token, "new_password": NEW})

    assert (answer.status_code, answer.content) == (204, b"")
    assert (await person.api.get("/auth/me")).status_code == 401
    refreshed = await branch.anonymous.post("/auth/refresh", json={"refresh_token": person.tokens["refresh_token"]})
    assert refreshed.status_code == 401
    assert [await log_in(branch, person, PASSWORD), await log_in(branch, person, NEW)] == [401, 200]
    shown = (await branch.owner.get(f"/users/{person.id}")).json()
    assert shown["is_verified"] is True
    notice = await office.letter(person.email)
    assert notice.subject == "Your password was changed"
    (entry,) = [
        item for item in await entries(office.config, branch, "auth.password.reset") if item["target_id"] == person.id
    ]
    assert (entry["actor_name"], NEW in str(entry), token in str(entry)) == (person.username, False, False)


@pytest.mark.promise("I4")
async def test_of_32_who_use_a_token_at_once_one_wins(office: PostOffice, branch: TestTenant, person: Person) -> None:
    token = await forget(office, branch, person)
    passwords = [f"{NEW} number {number}" for number in range(32)]

    answers = await asyncio.gather(
        *(
            branch.anonymous.post("/auth/password/reset", json={"token": token, "new_password": password})
            for password in passwords
        )
    )

    statuses = [answer.status_code for answer in answers]
    assert sorted(statuses) == [204] + [400] * 31
    assert {answer.json()["code"] for answer in answers if answer.status_code == 400} == {"token_invalid"}
    assert await log_in(branch, person, passwords[statuses.index(204)]) == 200


@pytest.mark.promise("I4")
async def test_reading_an_address_consumes_nothing(office: PostOffice, branch: TestTenant, person: Person) -> None:
    token = await forget(office, branch, person)

    for method in ("GET", "HEAD", "OPTIONS", "PUT"):
        answer = await branch.anonymous.request(method, "/auth/password/reset", params={"token": token})
        assert answer.status_code == 405

    answer = await branch.anonymous.post("/auth/password/reset", json={"token": token, "new_password": NEW})
    assert answer.status_code == 204


async def test_a_refused_password_does_not_use_up_the_token(
    office: PostOffice, branch: TestTenant, person: Person
) -> None:
    token = await forget(office, branch, person)

    for refused in ("short", f"{person.username}{person.username}", "aaaaaaaaaaaaaaaaa"):
        answer = await branch.anonymous.post("/auth/password/reset", json={"token": token, "new_password": refused})
        body = problem_of(answer, 422, "password_refused")
        assert body["errors"][0]["pointer"] == "/body/new_password"

    answer = await branch.anonymous.post("/auth/password/reset", json={"token": token, "new_password": NEW})
    assert answer.status_code == 204


async def test_every_token_that_is_not_good_gets_the_same_answer(
    office: PostOffice, branch: TestTenant, branches: dict[str, TestTenant], person: Person
) -> None:
    other = next(tenant for tenant in branches.values() if tenant is not branch)
    used, expired, replaced = [await forget(office, branch, person) for _ in range(3)]
    async with owner_connection(office.config, branch.name) as owner:
        await owner.execute(
            "UPDATE password_reset_tokens SET expires_at = now() - interval '1 s' WHERE digest = sha256($1)",
            expired.encode(),
        )
    tried = {"expired": (branch, expired), "of_the_neighbour": (other, used), "unknown": (branch, "x" * 43)}
    details = set()
    for tenant, token in tried.values():
        answer = await tenant.anonymous.post("/auth/password/reset", json={"token": token, "new_password": NEW})
        details.add(problem_of(answer, 400, "token_invalid")["detail"])
    assert (
        await branch.anonymous.post("/auth/password/reset", json={"token": used, "new_password": NEW})
    ).status_code == 204
    for token in (used, replaced):
        answer = await branch.anonymous.post("/auth/password/reset", json={"token": token, "new_password": NEW})
        details.add(problem_of(answer, 400, "token_invalid")["detail"])
    assert len(details) == 1


async def test_a_link_dies_with_the_address_it_was_sent_to(
    office: PostOffice, branch: TestTenant, person: Person
) -> None:
    token = await forget(office, branch, person)
    changed = await branch.owner.patch(f"/users/{person.id}", json={"email": f"new-{person.email}"})
    assert changed.json()["is_verified"] is False

    answer = await branch.anonymous.post("/auth/password/reset", json={"token": token, "new_password": NEW})

    problem_of(answer, 400, "token_invalid")
    letters = {letter.to: letter.subject for letter in await office.deliver()}
    assert letters == {
        person.email: "Your e-mail address was changed",
        f"new-{person.email}": "Confirm your e-mail address",
    }


async def test_who_is_deactivated_meanwhile_gets_no_new_password(
    office: PostOffice, branch: TestTenant, person: Person
) -> None:
    token = await forget(office, branch, person)
    await branch.owner.patch(f"/users/{person.id}", json={"is_active": False})

    answer = await branch.anonymous.post("/auth/password/reset", json={"token": token, "new_password": NEW})

    problem_of(answer, 400, "token_invalid")


@pytest.mark.promise("I5")
async def test_asking_tells_nothing_about_who_exists(office: PostOffice, branch: TestTenant, person: Person) -> None:
    sleeper = await add_person(office.http, branch, "member", f"asleep-{person.username}")
    await branch.owner.patch(f"/users/{sleeper.id}", json={"is_active": False})
    goner = await add_person(office.http, branch, "member", f"gone-{person.username}")
    await branch.owner.delete(f"/users/{goner.id}")
    await office.deliver()
    seen: list[tuple[Any, ...]] = []
    for email in (person.email, "nobody@twin.example", sleeper.email, goner.email):
        with watched(office.app) as traffic:
            answer = await branch.anonymous.post("/auth/password/forgot", json={"email": email})
        headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
        seen.append((answer.status_code, answer.content, headers, traffic.statements, traffic.checkouts))

    assert all(item == seen[0] for item in seen)
    asked = await entries(office.config, branch, "auth.password.reset_requested")
    assert {entry["target_id"] for entry in asked} == {None}
    assert "twin.example" not in str(asked)
    assert [letter.to for letter in await office.deliver()] == [person.email]


async def test_an_address_gets_a_few_mails_an_hour(office: PostOffice, branch: TestTenant, person: Person) -> None:
    for _ in range(office.config.mail_requests_per_account + 3):
        answer = await branch.anonymous.post("/auth/password/forgot", json={"email": person.email})
        assert answer.status_code == 202

    assert len(await office.deliver()) == office.config.mail_requests_per_account


@pytest.mark.promise("I8")
async def test_no_secret_is_stored_in_clear(office: PostOffice, branch: TestTenant, person: Person) -> None:
    await branch.anonymous.post("/auth/password/forgot", json={"email": person.email})
    waiting = await office.jobs()
    token = (await office.letter(person.email)).token

    async with owner_connection(office.config, branch.name) as owner:
        rows = await owner.fetch(
            "SELECT t::text AS row FROM password_reset_tokens t UNION ALL SELECT a::text FROM audit_logs a"
        )
    assert token not in str(waiting)
    assert token not in " ".join(row["row"] for row in rows)


async def test_an_administrator_has_a_link_mailed_but_sets_nothing(
    office: PostOffice, branch: TestTenant, person: Person
) -> None:
    admin = branch.people["admin"].api

    answer = await admin.post(f"/users/{person.id}/password-reset")

    assert answer.status_code == 202
    assert await log_in(branch, person, PASSWORD) == 200
    token = (await office.letter(person.email)).token
    reset = await branch.anonymous.post("/auth/password/reset", json={"token": token, "new_password": NEW})
    assert reset.status_code == 204


@pytest.mark.promise("R2")
async def test_nobody_has_a_link_mailed_to_one_above_him(office: PostOffice, branch: TestTenant) -> None:
    owner, admin = branch.people["owner"], branch.people["admin"].api

    problem_of(await admin.post(f"/users/{owner.id}/password-reset"), 403, "permission_denied")
    problem_of(await admin.post(f"/users/{owner.id}/unlock"), 403, "permission_denied")
    problem_of(await branch.member.post(f"/users/{owner.id}/password-reset"), 403, "permission_denied")
    assert await office.deliver() == []


async def test_who_cannot_log_in_gets_no_link(office: PostOffice, branch: TestTenant, person: Person) -> None:
    await branch.owner.patch(f"/users/{person.id}", json={"is_active": False})
    problem_of(await branch.owner.post(f"/users/{person.id}/password-reset"), 409, "conflict")
    await branch.owner.delete(f"/users/{person.id}")
    problem_of(await branch.owner.post(f"/users/{person.id}/password-reset"), 404, "not_found")


@pytest.mark.promise("I2")
async def test_a_login_that_began_with_the_old_password_does_not_survive_the_reset(
    office: PostOffice, branch: TestTenant, person: Person
) -> None:
    """Logins and the reset at once: whatever session is open afterwards was opened with the new password."""
    token = await forget(office, branch, person)
    body = {"username": person.username, "password": PASSWORD}

    logins, reset = (
        asyncio.gather(*(branch.anonymous.post("/auth/login", json=body) for _ in range(16))),
        (branch.anonymous.post("/auth/password/reset", json={"token": token, "new_password": NEW})),
    )
    answers, done = await asyncio.gather(logins, reset)

    assert done.status_code == 204
    for answer in answers:
        if answer.status_code == 200:
            headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
            assert (await branch.anonymous.get("/auth/me", headers=headers)).status_code == 401
    assert await log_in(branch, person, NEW) == 200
