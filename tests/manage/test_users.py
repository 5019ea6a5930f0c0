"""``manage users`` and ``manage sessions``: what an operator does inside a tenant."""

from __future__ import annotations

import pytest

from tests.manage.commands import CommandLine
from tests.support.post import PostOffice, entries
from tests.support.world import PASSWORD, TestTenant, add_person, create_tenant, sign_in


async def test_users_are_listed_of_one_tenant_only(
    line: CommandLine, branch: TestTenant, branches: dict[str, TestTenant]
) -> None:
    (neighbour,) = [other for other in branches.values() if other is not branch]
    listed = await line.run("users", "list", "--tenant", branch.name, "--q", f"owner {branch.canary}")
    foreign = await line.run("users", "list", "--tenant", branch.name, "--q", neighbour.canary)
    searched = await line.run("users", "list", "--tenant", branch.name, "--q", "manager", "--json")
    by_role = await line.run("users", "list", "--tenant", branch.name, "--role", "manager", "--active")

    assert [row[2] for row in listed.rows] == [f"Owner {branch.canary}"]
    assert foreign.rows == []
    assert "manager" in [user["username"] for user in searched.json]
    assert "manager" in [row[0] for row in by_role.rows]


async def test_a_user_is_found_by_name_address_or_id(line: CommandLine, branch: TestTenant) -> None:
    member = branch.people["member"]
    shown = [
        await line.run("users", "show", name, "--tenant", branch.name, "--json")
        for name in (member.username, member.email, member.id)
    ]

    assert [outcome.json["id"] for outcome in shown] == [member.id] * 3
    assert "password" not in shown[0].stdout
    missing = await line.run("users", "show", "nobody", "--tenant", branch.name)
    assert missing.failure == "There is no such user."
    elsewhere = await line.run("users", "show", "member", "--tenant", "no_such")
    assert elsewhere.failure == "There is no such tenant."


async def test_a_deactivated_user_is_out_until_activated(
    line: CommandLine, office: PostOffice, own: TestTenant
) -> None:
    member = await add_person(office.http, own, "member")
    off = await line.run("users", "deactivate", "member", "--tenant", own.name)
    refused = await member.api.get("/auth/me")
    on = await line.run("users", "activate", "member", "--tenant", own.name, "--json")
    await line.run("users", "activate", "member", "--tenant", own.name)

    assert off.fields["is_active"] == "no"
    assert refused.status_code == 401
    assert on.json["is_active"] is True
    assert (await member.api.get("/auth/me")).status_code == 401  # the sessions stay ended
    await sign_in(office.http, own, "member")
    written = await entries(office.config, own, "users.user.updated")
    assert [entry["actor_type"] for entry in written] == ["platform", "platform"]
    assert all(entry["request_id"].startswith("manage-") for entry in written)


@pytest.mark.promise("R2")
async def test_not_even_the_operator_takes_the_last_owner(line: CommandLine, own: TestTenant) -> None:
    refused = await line.run("users", "deactivate", "owner", "--tenant", own.name)

    assert refused.failure == "The tenant's last owner must stay an active owner."
    assert (await own.owner.get("/auth/me")).status_code == 200


async def test_a_role_is_granted_at_once_and_once(line: CommandLine, office: PostOffice, own: TestTenant) -> None:
    member = await add_person(office.http, own, "member")
    granted = await line.run("users", "grant-role", "member", "Owner", "--tenant", own.name, "--json")
    await line.run("users", "grant-role", "member", "owner", "--tenant", own.name)

    assert {role["name"] for role in granted.json["roles"]} == {"member", "owner"}
    assert (await member.api.get("/users")).status_code == 200
    (entry,) = await entries(office.config, own, "users.user.role_granted")
    assert (entry["actor_type"], entry["target_name"]) == ("platform", "member")
    unknown = await line.run("users", "grant-role", "member", "emperor", "--tenant", own.name)
    assert unknown.failure == "There is no role emperor."


async def test_a_new_password_is_the_users_own_affair(
    line: CommandLine, office: PostOffice, branch: TestTenant
) -> None:
    ordered = await line.run("users", "reset-password", "member", "--tenant", branch.name)
    letter = await office.letter(branch.people["member"].email)

    assert ordered.failure is None
    assert letter.token not in ordered.stdout + ordered.stderr
    assert letter.page == "/reset-password"
    entry = (await entries(office.config, branch, "users.user.password_reset_requested"))[-1]
    assert entry["actor_type"] == "platform"


async def test_a_locked_out_user_may_try_again(line: CommandLine, office: PostOffice, own: TestTenant) -> None:
    wrong, right = {"username": "owner", "password": "wrong"}, {"username": "owner", "password": PASSWORD}
    for _ in range(office.config.login_tries_per_client + 1):
        last = await own.anonymous.post("/auth/login", json=wrong)
    locked = await own.anonymous.post("/auth/login", json=right)
    unlocked = await line.run("users", "unlock", "owner", "--tenant", own.name)

    assert (last.status_code, locked.status_code) == (429, 429)
    assert unlocked.failure is None
    assert (await own.anonymous.post("/auth/login", json=right)).status_code == 200
    (entry,) = await entries(office.config, own, "users.user.unlocked")
    assert entry["actor_type"] == "platform"


@pytest.mark.promise("I2")
async def test_sessions_end_one_by_one_or_all(line: CommandLine, office: PostOffice, own: TestTenant) -> None:
    first, second, third = [await sign_in(office.http, own, "owner") for _ in range(3)]
    who = ("--tenant", own.name, "--user", "owner")
    before = await line.run("sessions", "list", *who, "--json")
    one = await line.run("sessions", "end", first.tokens["session_id"], *who)
    alive = [(await person.api.get("/auth/me")).status_code for person in (first, second)]
    everything = await line.run("sessions", "end", "--all", *who)

    assert {first.tokens["session_id"], second.tokens["session_id"]} <= {item["id"] for item in before.json}
    assert (one.failure, everything.failure) == (None, None)
    assert alive == [401, 200]
    assert [(await person.api.get("/auth/me")).status_code for person in (second, third)] == [401, 401]
    assert (await line.run("sessions", "list", *who)).rows == []
    written = await entries(office.config, own, "users.sessions.ended")
    assert [entry["actor_type"] for entry in written] == ["platform", "platform"]


@pytest.mark.promise("I2")
async def test_the_sessions_of_everybody_end_at_once(line: CommandLine, office: PostOffice, own: TestTenant) -> None:
    other = await create_tenant(office.http)
    people = [own.people["owner"], await add_person(office.http, own, "member")]
    ended = await line.run("sessions", "end", "--everybody", "--tenant", own.name)

    assert ended.rows == [[own.name, "2", "-"]]
    assert [(await person.api.get("/auth/me")).status_code for person in people] == [401, 401]
    assert (await other.owner.get("/auth/me")).status_code == 200
    assert (await sign_in(office.http, own, "owner")).tokens
    (entry,) = await entries(office.config, own, "users.sessions.ended")
    assert (entry["actor_type"], entry["target_type"]) == ("platform", "tenant")
    nobody = await line.run("sessions", "end", "--everybody", "--tenant", "nobody")
    assert nobody.failure is not None


async def test_which_session_to_end_must_be_said(line: CommandLine, own: TestTenant) -> None:
    who = ("--tenant", own.name, "--user", "owner")
    session = own.people["owner"].tokens["session_id"]
    for arguments in ((), (session, "--all")):
        outcome = await line.run("sessions", "end", *arguments, *who)
        assert outcome.failure == "Name one session, or end --all of them, or those of --everybody."
    everybody: list[tuple[str, ...]] = [(), who, ("--all-tenants", "--tenant", own.name)]
    for more in everybody:
        outcome = await line.run("sessions", "end", "--everybody", *more)
        assert outcome.failure == "--everybody is of one --tenant, or of --all-tenants."
    everything: list[tuple[str, ...]] = [who[:2], who[2:], ("--all-tenants", *who)]
    for more in everything:
        outcome = await line.run("sessions", "end", "--all", *more)
        assert outcome.failure == "Whose sessions? Name --tenant and --user."
    gone = await line.run("sessions", "end", "00000000-0000-7000-8000-000000000000", *who)
    assert gone.failure == "The user has no such session."
