"""Inviting somebody, and joining."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import httpx
import pytest

from tests.support.contracts.lists import walk
from tests.support.post import PostOffice, entries
from tests.support.probes import owner_connection
from tests.support.problems import problem_of
from tests.support.world import API, PASSWORD, TestTenant, add_person

PATH = "/users/invitations"
GOOD = "quiet harbours at 5 in the morning"
_numbers = itertools.count(1)


def guest() -> str:
    """An address nobody else has."""
    return f"Guest{next(_numbers)}@Elsewhere.example"


async def invite(office: PostOffice, branch: TestTenant, **fields: Any) -> tuple[dict[str, Any], str]:
    """Send an invitation; answers it and the mailed token."""
    await office.deliver()
    answer = await branch.owner.post(PATH, json={"email": guest(), **fields})
    assert answer.status_code == 201, answer.text
    letter = await office.letter(answer.json()["email"])
    assert letter.page == "/accept-invitation"
    return answer.json(), letter.token


async def accept(branch: TestTenant, token: str, username: str, **fields: Any) -> httpx.Response:
    """Use a token."""
    body = {"token": token, "username": username, "password": GOOD, **fields}
    return await branch.anonymous.post("/auth/invitations/accept", json=body)


async def make_team(branch: TestTenant, *roles: str) -> str:
    """A team that carries roles."""
    body = {"name": f"crew {next(_numbers)}", "role_ids": [branch.role_ids[role] for role in roles]}
    answer = await branch.owner.post("/users/teams", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def test_who_accepts_gets_the_account_roles_and_teams(office: PostOffice, branch: TestTenant) -> None:
    team = await make_team(branch, "viewer")
    invitation, token = await invite(office, branch, role_ids=[branch.role_ids["member"]], team_ids=[team], locale="el")
    username = f"joiner{next(_numbers)}"

    answer = await accept(branch, token, username, full_name="Νίκος")

    user = answer.json()
    assert (answer.status_code, answer.headers["Location"]) == (201, f"{API}/users/{user['id']}")
    assert (user["email"], user["username"], user["full_name"], user["locale"]) == (
        invitation["email"], username, "Νίκος", "el",
    )  # fmt: skip
    assert user["is_verified"] is True
    assert [role["name"] for role in user["roles"]] == ["member"]
    assert [item["id"] for item in user["teams"]] == [team]
    login = {"username": username, "password": GOOD}
    assert (await branch.anonymous.post("/auth/login", json=login)).status_code == 200
    after = (await branch.owner.get(f"{PATH}/{invitation['id']}")).json()
    assert (after["status"], after["user_id"]) == ("accepted", user["id"])
    (entry,) = [
        item
        for item in await entries(office.config, branch, "users.invitation.accepted")
        if item["target_id"] == user["id"]
    ]
    assert invitation["id"] in entry["changes"]


@pytest.mark.promise("I4")
async def test_of_32_who_accept_at_once_one_joins(office: PostOffice, branch: TestTenant) -> None:
    invitation, token = await invite(office, branch)
    for method in ("GET", "HEAD"):
        looked = await branch.anonymous.request(method, "/auth/invitations/accept", params={"token": token})
        assert looked.status_code == 405
    word = next(_numbers)

    answers = await asyncio.gather(*(accept(branch, token, f"racer{word}.{number}") for number in range(32)))

    assert sorted(answer.status_code for answer in answers) == [201] + [400] * 31
    assert {answer.json()["code"] for answer in answers if answer.status_code == 400} == {"token_invalid"}
    found = (await branch.owner.get("/users", params={"q": invitation["email"]})).json()["items"]
    assert len(found) == 1


async def test_what_is_refused_does_not_use_up_the_token(office: PostOffice, branch: TestTenant) -> None:
    invitation, token = await invite(office, branch)
    username = f"patient{next(_numbers)}"

    problem_of(await accept(branch, token, username, password="passwordpassword"), 422, "password_refused")
    personal = await accept(branch, token, username, password=invitation["email"])
    assert problem_of(personal, 422, "password_refused")["errors"][0]["code"] == "password_personal"
    problem_of(await accept(branch, token, "OWNER"), 409, "username_taken")
    problem_of(await accept(branch, token, username, is_superuser=True), 422, "validation_failed")

    assert (await accept(branch, token, username)).status_code == 201


async def test_an_address_waits_for_one_answer_at_a_time(office: PostOffice, branch: TestTenant) -> None:
    invitation, token = await invite(office, branch)

    again = await branch.owner.post(PATH, json={"email": invitation["email"].upper()})
    at_once = await asyncio.gather(
        *(branch.owner.post(PATH, json={"email": "race@elsewhere.example"}) for _ in range(8))
    )

    problem_of(again, 409, "invitation_pending")
    assert sorted(answer.status_code for answer in at_once) == [201] + [409] * 7
    made = next(answer.json() for answer in at_once if answer.status_code == 201)
    assert (await branch.owner.delete(f"{PATH}/{made['id']}")).status_code == 204
    assert (await accept(branch, token, f"single{next(_numbers)}")).status_code == 201
    problem_of(await branch.owner.post(PATH, json={"email": invitation["email"]}), 409, "email_taken")


async def test_who_became_a_user_meanwhile_cannot_join_again(office: PostOffice, branch: TestTenant) -> None:
    invitation, token = await invite(office, branch)
    body = {"email": invitation["email"].lower(), "username": f"early{next(_numbers)}"}
    assert (await branch.owner.post("/users", json=body)).status_code == 201

    problem_of(await accept(branch, token, f"late{next(_numbers)}"), 409, "email_taken")
    problem_of(await branch.owner.post(f"{PATH}/{invitation['id']}/resend"), 409, "email_taken")


async def test_a_revoked_invitation_is_worth_nothing(office: PostOffice, branch: TestTenant) -> None:
    invitation, token = await invite(office, branch)
    path = f"{PATH}/{invitation['id']}"
    stale = await branch.owner.delete(path, headers={"If-Match": '"v7"'})
    problem_of(stale, 412, "version_conflict")

    answer = await branch.owner.delete(path, headers={"If-Match": '"v1"'})

    assert (answer.status_code, answer.content) == (204, b"")
    problem_of(await branch.owner.delete(path), 404, "not_found")
    problem_of(await branch.owner.post(f"{path}/resend"), 409, "invitation_closed")
    problem_of(await accept(branch, token, f"unwanted{next(_numbers)}"), 400, "token_invalid")
    assert (await branch.owner.get(path)).json()["status"] == "revoked"
    again = await branch.owner.post(PATH, json={"email": invitation["email"]})
    assert again.status_code == 201


async def test_a_mail_that_waits_while_its_invitation_is_revoked_is_not_sent(
    office: PostOffice, branch: TestTenant
) -> None:
    created = await branch.owner.post(PATH, json={"email": guest()})
    await branch.owner.delete(f"{PATH}/{created.json()['id']}")

    assert await office.deliver() == []


async def test_a_resent_link_replaces_the_first_and_lives_longer(office: PostOffice, branch: TestTenant) -> None:
    invitation, first = await invite(office, branch)
    async with owner_connection(office.config, branch.name) as owner:
        await owner.execute(
            "UPDATE invitations SET expires_at = now() - interval '1 s' WHERE id = $1", invitation["id"]
        )
    path = f"{PATH}/{invitation['id']}"
    assert (await branch.owner.get(path)).json()["status"] == "expired"
    problem_of(await accept(branch, first, f"slow{next(_numbers)}"), 400, "token_invalid")

    answer = await branch.owner.post(f"{path}/resend")

    assert (answer.status_code, answer.json()["status"], answer.headers["ETag"]) == (202, "pending", '"v2"')
    assert answer.json()["expires_at"] > invitation["expires_at"]
    stale = await branch.owner.post(f"{path}/resend", headers={"If-Match": '"v1"'})
    problem_of(stale, 412, "version_conflict")
    second = (await office.letter(invitation["email"])).token
    problem_of(await accept(branch, first, f"slow{next(_numbers)}"), 400, "token_invalid")
    assert (await accept(branch, second, f"slow{next(_numbers)}")).status_code == 201
    problem_of(await branch.owner.delete(path), 409, "invitation_closed")


async def test_who_let_an_invitation_expire_can_be_invited_anew(office: PostOffice, branch: TestTenant) -> None:
    invitation, _ = await invite(office, branch)
    async with owner_connection(office.config, branch.name) as owner:
        await owner.execute(
            "UPDATE invitations SET expires_at = now() - interval '1 s' WHERE id = $1", invitation["id"]
        )

    answer = await branch.owner.post(PATH, json={"email": invitation["email"]})

    assert answer.status_code == 201
    assert (await branch.owner.get(f"{PATH}/{invitation['id']}")).json()["status"] == "revoked"


@pytest.mark.promise("R2")
async def test_nobody_invites_somebody_to_more_than_he_holds(office: PostOffice, branch: TestTenant) -> None:
    admin = branch.people["admin"].api
    crew = await make_team(branch, "owner")

    role = await admin.post(PATH, json={"email": guest(), "role_ids": [branch.role_ids["owner"]]})
    team = await admin.post(PATH, json={"email": guest(), "team_ids": [crew]})
    unknown = await admin.post(PATH, json={"email": guest(), "role_ids": [crew]})

    problem_of(role, 403, "permission_denied")
    problem_of(team, 403, "permission_denied")
    assert problem_of(unknown, 422, "unknown_reference")["errors"][0]["pointer"] == "/body/role_ids/0"
    above, _ = await invite(office, branch, role_ids=[branch.role_ids["owner"]])
    problem_of(await admin.post(f"{PATH}/{above['id']}/resend"), 403, "permission_denied")


@pytest.mark.promise("R2")
async def test_an_invitation_gives_no_more_than_the_inviter_still_holds(office: PostOffice, branch: TestTenant) -> None:
    inviter = await add_person(office.http, branch, "admin", f"inviter{next(_numbers)}")
    await office.deliver()
    email, kept = guest(), branch.role_ids["viewer"]
    body = {
        "email": email,
        "role_ids": [branch.role_ids["admin"], kept],
        "team_ids": [await make_team(branch, "admin")],
    }
    assert (await inviter.api.post(PATH, json=body)).status_code == 201
    token = (await office.letter(email)).token
    lowered = await branch.owner.put(f"/users/{inviter.id}/roles", json={"role_ids": [kept]})
    assert lowered.status_code == 200, lowered.text

    answer = await accept(branch, token, f"invited{next(_numbers)}")

    assert answer.status_code == 201
    assert [role["id"] for role in answer.json()["roles"]] == [kept]
    assert answer.json()["teams"] == []


async def test_roles_and_teams_that_are_gone_are_skipped(office: PostOffice, branch: TestTenant) -> None:
    body = {"name": f"passing {next(_numbers)}", "description": "", "permissions": ["users:read"]}
    role = (await branch.owner.post("/users/roles", json=body)).json()["id"]
    team = await make_team(branch)
    _, token = await invite(office, branch, role_ids=[role, branch.role_ids["viewer"]], team_ids=[team])
    await branch.owner.delete(f"/users/roles/{role}")
    await branch.owner.delete(f"/users/teams/{team}")

    answer = await accept(branch, token, f"skipper{next(_numbers)}")

    assert (answer.status_code, answer.json()["teams"]) == (201, [])
    assert [item["name"] for item in answer.json()["roles"]] == ["viewer"]


@pytest.mark.promise("T1")
async def test_invitations_stay_in_their_tenant(
    office: PostOffice, branch: TestTenant, branches: dict[str, TestTenant]
) -> None:
    other = next(tenant for tenant in branches.values() if tenant is not branch)
    invitation, token = await invite(office, branch)

    problem_of(await other.owner.get(f"{PATH}/{invitation['id']}"), 404, "not_found")
    problem_of(await other.owner.delete(f"{PATH}/{invitation['id']}"), 404, "not_found")
    problem_of(await accept(other, token, f"stranger{next(_numbers)}"), 400, "token_invalid")
    assert invitation["id"] not in (await other.owner.get(PATH, params={"limit": 200})).text


async def test_each_operation_wants_its_permission(branch: TestTenant) -> None:
    nowhere = f"{PATH}/{branch.people['owner'].id}"
    operations = {
        ("GET", PATH): "invitations:read",
        ("POST", PATH): "invitations:create",
        ("GET", nowhere): "invitations:read",
        ("POST", f"{nowhere}/resend"): "invitations:update",
        ("DELETE", nowhere): "invitations:delete",
    }
    for (method, path), permission in operations.items():
        anonymous = await branch.anonymous.request(method, path)
        problem_of(anonymous, 401, "unauthenticated")
        refused = problem_of(await branch.people["manager"].api.request(method, path), 403, "permission_denied")
        assert permission in refused["detail"]
        if path != PATH:
            problem_of(await branch.owner.request(method, path), 404, "not_found")


async def test_the_list_is_searched_filtered_sorted_and_paged(office: PostOffice, branch: TestTenant) -> None:
    word = f"listed{next(_numbers)}"
    ids = []
    for number in range(4):
        answer = await branch.owner.post(PATH, json={"email": f"{word}.{number}@elsewhere.example"})
        ids.append(answer.json()["id"])
    await branch.owner.delete(f"{PATH}/{ids[0]}")

    everything = await walk(branch.owner, PATH, q=word, sort="email", limit=3)
    pending = await walk(branch.owner, PATH, q=word.upper(), status="pending")

    assert [item["id"] for item in everything] == ids
    assert [item["id"] for item in pending] == ids[:0:-1]
    wrong = await branch.owner.get(PATH, params={"status": "nonsense"})
    assert problem_of(wrong, 422, "validation_failed")["errors"][0]["pointer"] == "/query/status"


@pytest.mark.promise("I8")
async def test_the_token_is_in_the_mail_and_nowhere_else(office: PostOffice, branch: TestTenant) -> None:
    body, key = {"email": guest()}, {"Idempotency-Key": f"invite {next(_numbers)}"}
    first = await branch.owner.post(PATH, json=body, headers=key)
    again = await branch.owner.post(PATH, json=body, headers=key)
    assert (first.status_code, again.status_code, first.json()) == (201, 201, again.json())
    token = (await office.letter(body["email"])).token

    shown = await branch.owner.get(PATH, params={"limit": 200})
    async with owner_connection(office.config, branch.name) as owner:
        rows = await owner.fetch("SELECT i::text AS row FROM invitations i UNION ALL SELECT a::text FROM audit_logs a")
    assert token not in shown.text + first.text + " ".join(row["row"] for row in rows)
    assert PASSWORD not in " ".join(row["row"] for row in rows)
