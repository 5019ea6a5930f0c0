"""``manage tenants``: a tenant's life from the command line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.manage.commands import CommandLine
from tests.support.post import PostOffice, entries
from tests.support.world import PASSWORD, Api, TestTenant, sign_in

OWNER = ("--name", "Made Here", "--admin-email", "owner@twin.example", "--admin-username", "owner")
STRANGE = "a\tname\nin \x1b[31mred, [bold]"


async def test_the_list_shows_each_tenant_on_a_line_or_in_json(
    line: CommandLine, branches: dict[str, TestTenant]
) -> None:
    listed = await line.run("tenants", "list", "--q", "canary-of-tenant_north")
    as_json = await line.run("tenants", "list", "--q", "canary-of-tenant_", "--json")

    (row,) = listed.rows
    assert row[:3] == ["north", branches["north"].canary, "active"]
    assert {"north", "south"} <= {item["id"] for item in as_json.json}
    assert not set(listed.stdout) & {"\x1b", "─", "│", "┃"}


async def test_a_cut_list_says_so(line: CommandLine, branches: dict[str, TestTenant]) -> None:
    listed = await line.run("tenants", "list", "--limit", "1")

    assert len(listed.rows) == 1
    assert "--limit" in listed.stderr


async def test_a_list_of_several_pages_is_whole(
    line: CommandLine, branches: dict[str, TestTenant], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = await line.run("tenants", "list")
    monkeypatch.setattr("manage.intervention.MAX_LIMIT", 1)

    assert (await line.run("tenants", "list")).rows == whole.rows
    assert len(whole.rows) >= 2


async def test_one_tenant_is_shown_by_either_form_of_its_id(line: CommandLine, branches: dict[str, TestTenant]) -> None:
    shown = [await line.run("tenants", "show", name, "--json") for name in ("north", "tenant_north")]

    assert shown[0].json == shown[1].json
    assert shown[0].json["tenant_id"] == "tenant_north"
    assert (await line.run("tenants", "show", "south")).fields["tenant_id"] == "tenant_south"


async def test_trouble_is_one_sentence(line: CommandLine) -> None:
    assert (await line.run("tenants", "show", "no_such")).failure == "There is no such tenant."
    wrong = (await line.run("tenants", "show", "No Such")).failure
    assert wrong is not None
    assert wrong.startswith("The tenant's id must look like")


async def test_a_new_tenants_owner_can_log_in_with_the_password_that_was_made(
    line: CommandLine, office: PostOffice
) -> None:
    created = await line.run("tenants", "create", "made", *OWNER, "--json")
    again = await line.run("tenants", "create", "tenant_made", *OWNER)

    tenant = TestTenant("tenant_made", "", Api(office.http, {"X-Tenant-ID": "tenant_made"}))
    login = {"username": "owner", "password": created.json["admin_password"]}
    answer = await tenant.anonymous.post("/auth/login", json=login)
    assert answer.status_code == 200
    assert again.failure == "A tenant of this name exists."
    assert again.stdout == ""
    (entry,) = await entries(office.config, tenant, "tenant.created")
    assert (entry["actor_type"], entry["request_id"][:7]) == ("platform", "manage-")


async def test_a_given_password_is_used_and_not_shown(line: CommandLine, office: PostOffice, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    created = await line.run("tenants", "create", "given", *OWNER, "--admin-password-file", str(file))
    piped = await line.run("tenants", "create", "piped", *OWNER, "--admin-password-file", "-", text=f"{PASSWORD}\n")

    for name, outcome in (("tenant_given", created), ("tenant_piped", piped)):
        assert outcome.fields["tenant_id"] == name
        assert PASSWORD not in outcome.stdout + outcome.stderr
        await sign_in(office.http, TestTenant(name, "", Api(office.http, {"X-Tenant-ID": name})), "owner")


async def test_bad_options_are_named_and_create_nothing(line: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("owner owner owner")
    shape = await line.run("tenants", "create", "bad", *OWNER[:2], "--admin-email", "x", "--admin-username", "y")
    weak = await line.run("tenants", "create", "bad", *OWNER, "--admin-password-file", str(file))
    absent = await line.run("tenants", "create", "bad", *OWNER, "--admin-password-file", str(tmp_path / "absent"))
    file.write_text("\n")
    empty = await line.run("tenants", "create", "bad", *OWNER, "--admin-password-file", str(file))

    assert shape.failure is not None
    assert [text.partition(":")[0] for text in shape.failure.splitlines()] == ["--admin-email", "--admin-username"]
    assert weak.failure is not None
    assert "password" in weak.failure
    assert empty.failure == f"{file} is empty."
    assert absent.failure == f"{tmp_path / 'absent'} cannot be read: No such file or directory."
    assert (await line.run("tenants", "show", "bad")).failure == "There is no such tenant."


async def test_a_suspended_tenant_is_refused_until_it_is_active_again(
    line: CommandLine, office: PostOffice, own: TestTenant
) -> None:
    suspended = await line.run("tenants", "suspend", own.name)
    refused = await own.owner.get("/auth/me")
    active = await line.run("tenants", "activate", own.name, "--json")

    assert suspended.fields["status"] == "suspended"
    assert (refused.status_code, refused.json()["code"]) == (403, "tenant_suspended")
    assert active.json["status"] == "active"
    assert (await own.owner.get("/auth/me")).status_code == 200
    written = await entries(office.config, own, "tenant.updated")
    assert [entry["actor_type"] for entry in written] == ["platform", "platform"]


async def test_deletion_is_marked_first_and_can_be_taken_back(line: CommandLine, own: TestTenant) -> None:
    marked = await line.run("tenants", "delete", own.name, "--json")
    listed = await line.run("tenants", "list", "--status", "deleting", "--json")
    back = await line.run("tenants", "activate", own.name, "--json")

    assert marked.json["status"] == "deleting"
    assert own.name in {item["tenant_id"] for item in listed.json}
    assert (back.json["status"], back.json["delete_after"]) == ("active", None)


async def test_only_the_right_confirmation_drops(line: CommandLine, own: TestTenant) -> None:
    wrong = await line.run("tenants", "delete", own.name, "--confirm", "north")
    there = await line.run("tenants", "show", own.name)
    dropped = await line.run("tenants", "delete", own.name, "--confirm", own.name)

    assert wrong.failure == "`confirm` must repeat the tenant's id."
    assert there.fields["status"] == "active"
    assert "is dropped" in dropped.stderr
    assert (await line.run("tenants", "show", own.name)).failure == "There is no such tenant."


@pytest.mark.promise("T1")
async def test_a_tenant_travels_as_a_private_file(
    line: CommandLine, office: PostOffice, own: TestTenant, tmp_path: Path
) -> None:
    file = tmp_path / "archive.tar.gz"
    copy = f"{own.name}_back"
    exported = await line.run("tenants", "export", own.name, "--output", str(file))
    imported = await line.run("tenants", "import", str(file), "--as", copy, "--activate", "--json")

    assert "is written" in exported.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    assert imported.json["status"] == "active"
    back = TestTenant(copy, own.canary, Api(office.http, {"X-Tenant-ID": copy}))
    assert (await sign_in(office.http, back, "owner")).id == own.people["owner"].id
    foreign = await own.owner.get("/auth/me", headers={"X-Tenant-ID": copy})
    assert foreign.status_code == 403
    (entry,) = await entries(office.config, back, "tenant.imported")
    assert entry["actor_type"] == "platform"


async def test_an_export_replaces_nothing_unasked_and_leaves_no_pieces(
    line: CommandLine, own: TestTenant, tmp_path: Path
) -> None:
    file = tmp_path / "archive.tar.gz"
    file.write_text("mine")
    kept = await line.run("tenants", "export", own.name, "--output", str(file))
    unknown = await line.run("tenants", "export", "no_such", "--output", str(file), "--force")
    nowhere = await line.run("tenants", "export", own.name, "--output", str(tmp_path / "no" / "file"))

    assert kept.failure is not None
    assert "--force" in kept.failure
    assert unknown.failure == "There is no such tenant."
    assert nowhere.failure is not None
    assert "cannot be written: No such file or directory" in nowhere.failure
    assert os.listdir(tmp_path) == [file.name]
    assert file.read_text() == "mine"


async def test_a_file_that_is_no_archive_makes_no_tenant(line: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "archive.tar.gz"
    file.write_text("mine")

    assert (await line.run("tenants", "import", str(file), "--as", "torn")).failure is not None
    assert (await line.run("tenants", "show", "torn")).failure == "There is no such tenant."


async def test_a_clone_starts_suspended(line: CommandLine, own: TestTenant) -> None:
    cloned = await line.run("tenants", "clone", own.name, "--as", f"{own.name}_copy")

    assert (cloned.fields["name"], cloned.fields["status"]) == (own.canary, "suspended")


async def test_the_fleets_state_is_told(line: CommandLine, branches: dict[str, TestTenant]) -> None:
    plain = await line.run("tenants", "outdated")
    state = (await line.run("tenants", "outdated", "--json")).json

    assert plain.stdout == ""
    assert state["outdated"] == []
    assert state["total"] == state["current"] >= 2


async def test_what_a_name_holds_cannot_reach_the_terminal(line: CommandLine) -> None:
    await line.run("tenants", "create", "strange", "--name", STRANGE, *OWNER[2:])
    (row,) = (await line.run("tenants", "list", "--q", "[bold]")).rows

    assert row[1] == r"a\tname\nin \x1b[31mred, [bold]"
    assert (await line.run("tenants", "show", "strange", "--json")).json["name"] == STRANGE


async def test_the_log_tells_of_tenants_that_are_gone(line: CommandLine, own: TestTenant, branch: TestTenant) -> None:
    name = own.name.removeprefix("tenant_")
    await line.run("tenants", "suspend", name)
    await line.run("tenants", "delete", name, "--confirm", name)

    told = await line.run("tenants", "log", own.name)
    of_one_kind = await line.run("tenants", "log", name, "--action", "tenant.dropped", "--json")
    earlier = await line.run("tenants", "log", name, "--until", "2026-01-01")
    newest = await line.run("tenants", "log", "--limit", "1", "--since", "2026-01-01T00:00:00", "--json")
    neighbours = await line.run("tenants", "log", branch.name, "--json")

    assert [(row[2], row[6]) for row in told.rows] == [
        ("tenant.dropped", "command line"),
        ("tenant.suspended", "command line"),
        ("tenant.created", "PLATFORM_API_KEY"),
    ]
    assert [entry["target"]["name"] for entry in of_one_kind.json] == [own.canary]
    assert earlier.rows == []
    assert len(newest.json) == 1
    assert own.canary not in neighbours.stdout
