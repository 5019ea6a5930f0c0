"""Proving an address, and changing to another."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.post import PostOffice, entries
from tests.support.probes import owner_connection, watched
from tests.support.problems import problem_of
from tests.support.world import PASSWORD, Person, TestTenant, add_person


@pytest.fixture
async def newcomer(office: PostOffice, branch: TestTenant) -> tuple[Person, str]:
    """A new member, and the token in the first mail."""
    number = len((await branch.owner.get("/users", params={"limit": 200})).json()["items"])
    person = await add_person(office.http, branch, "member", f"newcomer{number}")
    letter = await office.letter(person.email)
    assert (letter.page, letter.subject) == ("/verify-email", "Confirm your e-mail address")
    return person, letter.token


async def shown(branch: TestTenant, person: Person) -> dict[str, Any]:
    """The account as others see it."""
    found: dict[str, Any] = (await branch.owner.get(f"/users/{person.id}")).json()
    return found


@pytest.mark.promise("I4")
async def test_of_32_who_prove_an_address_at_once_one_wins(
    office: PostOffice, branch: TestTenant, newcomer: tuple[Person, str]
) -> None:
    person, token = newcomer
    before = await shown(branch, person)
    for method in ("GET", "HEAD", "PUT"):
        assert (
            await branch.anonymous.request(method, "/auth/email/verify", params={"token": token})
        ).status_code == 405

    answers = await asyncio.gather(
        *(branch.anonymous.post("/auth/email/verify", json={"token": token}) for _ in range(32))
    )

    assert sorted(answer.status_code for answer in answers) == [204] + [400] * 31
    assert {answer.json()["code"] for answer in answers if answer.status_code == 400} == {"token_invalid"}
    after = await shown(branch, person)
    assert (before["is_verified"], after["is_verified"], after["version"]) == (False, True, before["version"] + 1)
    verified = await entries(office.config, branch, "auth.email.verified")
    assert [item["target_id"] for item in verified].count(person.id) == 1


async def test_a_new_address_is_the_user_s_once_it_is_proven(
    office: PostOffice, branch: TestTenant, newcomer: tuple[Person, str]
) -> None:
    person, first = newcomer
    new = f"Moved.{person.username}@elsewhere.example"

    asked = await person.api.post("/auth/email/change", json={"password": PASSWORD, "new_email": new})

    assert (asked.status_code, asked.json()) == (202, None)
    assert (await shown(branch, person))["email"] == person.email
    letters = {letter.to: letter for letter in await office.deliver()}
    assert letters.keys() == {person.email, new}
    assert new in letters[person.email].body()
    answer = await branch.anonymous.post("/auth/email/verify", json={"token": letters[new].token})
    assert answer.status_code == 204
    after = await shown(branch, person)
    assert (after["email"], after["is_verified"]) == (new, True)
    assert (await office.letter(person.email)).subject == "Your e-mail address was changed"
    login = {"username": new.upper(), "password": PASSWORD}
    assert (await branch.anonymous.post("/auth/login", json=login)).status_code == 200
    problem_of(await branch.anonymous.post("/auth/email/verify", json={"token": first}), 400, "token_invalid")
    (entry,) = [
        item for item in await entries(office.config, branch, "auth.email.changed") if item["target_id"] == person.id
    ]
    assert person.email in entry["changes"]
    assert new in entry["changes"]


async def test_an_address_that_became_another_s_is_refused_and_the_token_kept(
    office: PostOffice, branch: TestTenant, newcomer: tuple[Person, str]
) -> None:
    person, _ = newcomer
    new = f"wanted-{person.username}@elsewhere.example"
    await person.api.post("/auth/email/change", json={"password": PASSWORD, "new_email": new})
    token = (await office.letter(new)).token
    rival = await branch.owner.post("/users", json={"email": new.upper(), "username": f"rival-{person.username}"})

    problem_of(await branch.anonymous.post("/auth/email/verify", json={"token": token}), 409, "email_taken")

    await branch.owner.delete(f"/users/{rival.json()['id']}")
    assert (await branch.anonymous.post("/auth/email/verify", json={"token": token})).status_code == 204


async def test_a_change_needs_the_password_and_another_address(
    office: PostOffice, branch: TestTenant, newcomer: tuple[Person, str]
) -> None:
    person, _ = newcomer
    taken = branch.people["owner"].email

    wrong = await person.api.post("/auth/email/change", json={"password": "something else", "new_email": "a@b.example"})
    same = await person.api.post("/auth/email/change", json={"password": PASSWORD, "new_email": person.email})
    others = await person.api.post("/auth/email/change", json={"password": PASSWORD, "new_email": taken})

    problem_of(wrong, 422, "password_wrong")
    assert problem_of(same, 422, "unprocessable")["errors"][0]["pointer"] == "/body/new_email"
    assert others.status_code == 202  # who has which address is nobody's business
    token = next(letter for letter in await office.deliver() if letter.to == taken).token
    problem_of(await branch.anonymous.post("/auth/email/verify", json={"token": token}), 409, "email_taken")


@pytest.mark.promise("I5")
async def test_asking_again_tells_nothing_about_who_exists(
    office: PostOffice, branch: TestTenant, newcomer: tuple[Person, str]
) -> None:
    person, _ = newcomer
    async with owner_connection(office.config, branch.name) as owner:
        await owner.execute("UPDATE users SET is_verified = true WHERE username = 'owner'")
    seen: list[tuple[Any, ...]] = []
    for email in (person.email, "nobody@twin.example", branch.people["owner"].email):
        with watched(office.app) as traffic:
            answer = await branch.anonymous.post("/auth/email/resend", json={"email": email})
        headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
        seen.append((answer.status_code, answer.content, headers, traffic.statements, traffic.checkouts))

    assert all(item == seen[0] for item in seen)
    (letter,) = await office.deliver()
    assert (letter.to, letter.page) == (person.email, "/verify-email")
    assert (await branch.anonymous.post("/auth/email/verify", json={"token": letter.token})).status_code == 204


@pytest.mark.promise("T1")
async def test_a_token_is_good_in_its_own_tenant_only(
    branch: TestTenant, branches: dict[str, TestTenant], newcomer: tuple[Person, str]
) -> None:
    _, token = newcomer
    other = next(tenant for tenant in branches.values() if tenant is not branch)

    problem_of(await other.anonymous.post("/auth/email/verify", json={"token": token}), 400, "token_invalid")
    assert (await branch.anonymous.post("/auth/email/verify", json={"token": token})).status_code == 204


async def test_a_token_expires(office: PostOffice, branch: TestTenant, newcomer: tuple[Person, str]) -> None:
    _, token = newcomer
    async with owner_connection(office.config, branch.name) as owner:
        await owner.execute("UPDATE email_verification_tokens SET expires_at = now() - interval '1 s'")

    problem_of(await branch.anonymous.post("/auth/email/verify", json={"token": token}), 400, "token_invalid")


async def test_who_was_made_without_a_password_is_welcomed(office: PostOffice, branch: TestTenant) -> None:
    number = len((await branch.owner.get("/users", params={"limit": 200})).json()["items"])
    email = f"welcome{number}@twin.example"
    body = {"email": email, "username": f"welcome{number}", "locale": "el-GR"}
    created = await branch.owner.post("/users", json=body)

    letter = await office.letter(email)

    assert (letter.page, letter.subject) == ("/reset-password", "Ο νέος σας λογαριασμός")
    body = {"token": letter.token, "new_password": "quiet harbours at 5 in the morning"}
    assert (await branch.anonymous.post("/auth/password/reset", json=body)).status_code == 204
    found = (await branch.owner.get(f"/users/{created.json()['id']}")).json()
    assert found["is_verified"] is True
