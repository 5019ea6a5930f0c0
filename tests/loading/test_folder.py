"""``manage load`` from files."""

from __future__ import annotations

import json
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest

from manage.loading.folder import TYPED
from manage.loading.work import IN_ORDER
from tests.loading.monolith import BEGAN, CHANGED, OFFICE, write_lines
from tests.manage.commands import CommandLine, Outcome
from tests.support.post import PostOffice, entries
from tests.support.probes import owner_connection
from tests.support.world import TestTenant

TABLES = ("settings", "roles", "teams", "users", "notes", "tasks", "log_calls", "events", "attachments")


async def load(line: CommandLine, tenant: TestTenant, folder: Path, *more: str) -> dict[str, dict[str, Any]]:
    """Load a folder in which everything is right; the counts by kind."""
    return counts(await line.run("load", tenant.name, "--from", str(folder), "--json", *more))


def counts(outcome: Outcome) -> dict[str, dict[str, Any]]:
    """The counts by kind."""
    return {kind["kind"]: kind for kind in outcome.json["kinds"]}


async def rows(office: PostOffice, tenant: TestTenant) -> dict[str, int]:
    """How much is in a tenant's tables."""
    async with owner_connection(office.config, tenant.name) as owner:
        return {table: await owner.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES}


async def the_one(tenant: TestTenant, path: str, field: str, value: str) -> dict[str, Any]:
    """The one thing of a list whose field is that."""
    listed = (await tenant.owner.get(path)).json()["items"]
    (found,) = [item for item in listed if item[field] == value]
    return dict(found)


async def test_every_kind_arrives_with_its_past_and_its_references(
    line: CommandLine, own: TestTenant, folder: Path
) -> None:
    made = await load(line, own, folder)
    assert {kind: (one["created"], one["failed"]) for kind, one in made.items()} == {
        kind: (len(lines), 0) for kind, lines in OFFICE.items()
    }

    ann, bob = [await the_one(own, "/users", "username", name) for name in ("ann", "bob")]
    note = await the_one(own, "/tools/notes", "title", "Keys")
    below, above = [await the_one(own, "/tools/tasks", "title", name) for name in ("Below", "Above")]
    night, desk = [await the_one(own, "/users/teams", "name", name) for name in ("Night desk", "Desk")]
    event = await the_one(own, "/tools/events", "title", "Fair")
    file = await the_one(own, "/tools/attachments", "file_name", "keys.txt")
    (call,) = (await own.owner.get("/tools/calls")).json()["items"]
    content = await own.owner.get(f"/tools/attachments/{file['id']}/content")

    assert [role["name"] for role in ann["roles"]] == ["member"]
    assert [team["name"] for team in ann["teams"]] == ["Desk"]
    assert (bob["is_active"], bob["full_name"]) == (False, "Bob")
    assert (note["created_by"], note["created_at"], note["updated_at"]) == (ann["id"], BEGAN, CHANGED)
    assert (below["parent_id"], below["assignee_id"]) == (above["id"], bob["id"])
    assert (above["completed_at"], above["team_id"]) == ("2020-01-01T00:00:00Z", desk["id"])
    assert (night["parent_id"], [role["name"] for role in desk["roles"]]) == (desk["id"], ["planner"])
    assert call["created_by"] == bob["id"]
    assert {one["user_id"]: one["response"] for one in event["attendees"]} == {
        bob["id"]: "accepted",
        None: "needs_action",
    }
    assert (file["parent_id"], content.text) == (note["id"], "Three keys.")
    assert (await own.owner.get("/settings/branding.color")).json()["value"] == "#123456"


@pytest.mark.promise("T1")
async def test_two_tenants_load_the_same_and_share_nothing(
    line: CommandLine, office: PostOffice, own: TestTenant, neighbour: TestTenant, folder: Path
) -> None:
    before = await rows(office, neighbour)
    await load(line, own, folder)
    assert await rows(office, neighbour) == before

    await load(line, neighbour, folder)
    notes = [await the_one(tenant, "/tools/notes", "title", "Keys") for tenant in (own, neighbour)]
    assert notes[0]["id"] != notes[1]["id"]


async def test_each_record_is_audited_and_nobody_gets_a_mail(
    line: CommandLine, office: PostOffice, own: TestTenant, folder: Path
) -> None:
    await load(line, own, folder)

    for kind, action in (("users", "users.user.created"), ("notes", "tools.note.created")):
        found = await entries(office.config, own, action)
        assert [entry["actor_type"] for entry in found][-len(OFFICE[kind]) :] == ["platform"] * len(OFFICE[kind])
    private = [entry for entry in await entries(office.config, own, "tools.note.created") if not entry["target_name"]]
    assert len(private) == 1
    assert "Secret." not in json.dumps(private[0], default=str)
    assert await office.jobs() == []
    proof = await line.run("audit", "verify", "--tenant", own.name)
    assert proof.failure is None


async def test_a_second_run_finds_everything_there(
    line: CommandLine, office: PostOffice, own: TestTenant, folder: Path
) -> None:
    await load(line, own, folder)
    before = await rows(office, own)
    again = await load(line, own, folder)

    assert await rows(office, own) == before
    assert {(one["created"], one["exists"] == one["lines"]) for one in again.values()} == {(0, True)}


async def test_a_line_that_changed_over_there_is_told_and_left(
    line: CommandLine, own: TestTenant, folder: Path
) -> None:
    await load(line, own, folder)
    changed = {**OFFICE["notes"][0], "title": "New", "updated_at": "2022-01-01T00:00:00Z"}
    write_lines(folder / "notes.ndjson", [changed, *OFFICE["notes"][1:]])
    again = await load(line, own, folder, "--only", "notes")

    assert (again["notes"]["outdated"], again["notes"]["exists"]) == (1, 1)
    await the_one(own, "/tools/notes", "title", "Keys")


async def test_a_dry_run_says_the_same_and_changes_nothing(
    line: CommandLine, office: PostOffice, own: TestTenant, folder: Path
) -> None:
    before = await rows(office, own)
    contents = sorted(office.config.data_dir.rglob("*"))
    tried = await load(line, own, folder, "--dry-run")

    assert {kind: one["created"] for kind, one in tried.items()} == {k: len(lines) for k, lines in OFFICE.items()}
    assert await rows(office, own) == before
    assert [path for path in sorted(office.config.data_dir.rglob("*")) if path.is_file() and path not in contents] == []
    made = await load(line, own, folder)
    assert {kind: one["created"] for kind, one in made.items()} == {k: len(lines) for k, lines in OFFICE.items()}


async def test_good_lines_stay_and_bad_ones_are_reported(
    line: CommandLine, own: TestTenant, folder: Path, tmp_path: Path
) -> None:
    good = OFFICE["notes"][0]
    bad: list[dict[str, Any]] = [
        {"id": 40, "title": "", "created_by": 1},
        {"id": 41, "title": "Whose?", "created_by": 999},
        {"id": 10, "title": "Again"},
        {"title": "Nameless"},
        {"id": 42, "title": "Extra", "colour": "red"},
        {"id": 43, "title": "Odd", "created_by": {"a": 1}},
        {"id": "\ud800", "title": "Surrogate"},
    ]
    write_lines(folder / "notes.ndjson", [good, *bad])
    with (folder / "notes.ndjson").open("a") as file:
        file.write("no json\n")
    report = tmp_path / "report.ndjson"
    outcome = await line.run("load", own.name, "--from", str(folder), "--report", str(report))

    lines = [json.loads(text) for text in report.read_text().splitlines()]
    found = [
        (one["line"], one["status"], [(fault["pointer"], fault["code"]) for fault in one["errors"]])
        for one in lines
        if one["kind"] == "notes"
    ]
    assert outcome.failure is not None
    assert found == [
        (1, "created", []),
        (2, "error", [("/title", "string_too_short")]),
        (3, "error", [("/created_by", "unknown_reference")]),
        (4, "error", [("/id", "repeated")]),
        (5, "error", [("/id", "missing")]),
        (6, "error", [("/colour", "extra_forbidden")]),
        (7, "error", [("/created_by", "reference_invalid")]),
        (8, "error", [("/id", "missing")]),
        (9, "error", [("", "unreadable")]),
    ]
    assert "notes.ndjson, line 2 /title: " in outcome.stderr
    assert "notes.ndjson\t9\t1\t0\t0\t8" in outcome.stdout


async def test_rules_of_the_service_hold_line_by_line(line: CommandLine, own: TestTenant, folder: Path) -> None:
    """What only the database or a service can know is as much a fault of the line as what its shape tells."""
    write_lines(folder / "roles.ndjson", [*OFFICE["roles"], {"id": 8, "name": "Owner"}, {"id": 9, "name": "planner"}])
    write_lines(
        folder / "tasks.ndjson",
        [
            *OFFICE["tasks"],
            {"id": 22, "title": "a", "start_at": CHANGED, "due_at": BEGAN},
            {"id": 23, "title": "b", "completed_at": BEGAN},
            {"id": 24, "title": "c", "parent_id": 25},
            {"id": 25, "title": "d", "parent_id": 24},
        ],
    )
    write_lines(
        folder / "users.ndjson",
        [*OFFICE["users"], {"id": 3, "email": "owner@twin.example", "username": "nobody", "roles": ["emperor"]}],
    )
    outcome = await line.run("load", own.name, "--from", str(folder), "--json")
    report = json.loads(outcome.stdout)

    faults = {
        (one["kind"], one["old_id"]): [(fault["pointer"], fault["code"]) for fault in one["errors"]]
        for one in report["faults"]
    }
    assert faults == {
        ("roles", "8"): [("", "role_name_taken")],
        ("roles", "9"): [("", "role_name_taken")],
        ("users", "3"): [("/email", "email_taken"), ("/roles", "unknown_reference")],
        ("tasks", "22"): [("/due_at", "due_before_start")],
        ("tasks", "23"): [("/completed_at", "unprocessable")],
        ("tasks", "24"): [("/parent_id", "unknown_reference")],
        ("tasks", "25"): [("/parent_id", "unknown_reference")],
    }


async def test_a_content_outside_its_folder_is_refused(line: CommandLine, own: TestTenant, folder: Path) -> None:
    (folder / "secret.txt").write_text("of the machine")
    write_lines(
        folder / "attachments.ndjson",
        [
            {"id": 1, "file_name": "a.txt", "content": "../secret.txt"},
            {"id": 2, "file_name": "b.txt", "content": str(folder / "secret.txt")},
            {"id": 3, "file_name": "c.txt", "content": "none.txt"},
            {"id": 4, "file_name": "d.txt", "content": "d" * 1000},
        ],
    )
    outcome = await line.run("load", own.name, "--from", str(folder), "--only", "attachments", "--json")

    codes = [one["errors"][0]["code"] for one in json.loads(outcome.stdout)["faults"]]
    assert codes == ["content_outside", "content_outside", "content_missing", "content_missing"]


async def test_csv_says_the_same(line: CommandLine, own: TestTenant, folder: Path) -> None:
    (folder / "notes.ndjson").unlink()
    (folder / "notes.csv").write_text(
        "id,Title,tags,links,created_by,is_pinned\r\n"
        '10,"Keys, spare",desk; night,"[{""type"": ""booking"", ""id"": ""B1""}]",1,TRUE\r\n'
        "11,,,,,\r\n"
        "12,short\r\n"
        "13,Maybe,,,,perhaps\r\n"
    )
    outcome = await line.run("load", own.name, "--from", str(folder), "--only", "roles,teams,users,notes", "--json")
    report = json.loads(outcome.stdout)

    note = await the_one(own, "/tools/notes", "title", "Keys, spare")
    assert (note["tags"], note["links"], note["is_pinned"]) == (
        ["desk", "night"],
        [{"type": "booking", "id": "B1"}],
        True,
    )
    assert [(one["line"], one["errors"][0]["code"]) for one in report["faults"]] == [
        (3, "missing"),
        (4, "unreadable"),
        (5, "bool_type"),
    ]


def parts_of(kind: Any) -> set[Any]:
    """The plain types of one, past what may be null and past limits; not what is in lists."""
    if get_origin(kind) in {Annotated, Union, UnionType}:
        return set().union(*map(parts_of, get_args(kind)))
    return {kind} if isinstance(kind, type) else set()


def test_csv_knows_every_field_that_is_no_text() -> None:
    """To the shapes of the API `"true"` is not true, nor `"1"` one; a cell has nothing but text."""
    fields = {name: field.annotation for loader in IN_ORDER for name, field in loader.shape.model_fields.items()}

    assert {name for name, kind in fields.items() if {bool, int, float} & parts_of(kind)} == TYPED


async def test_what_cannot_be_loaded_at_all_is_a_sentence(line: CommandLine, own: TestTenant, tmp_path: Path) -> None:
    missing = await line.run("load", own.name, "--from", str(tmp_path / "no"))
    empty = await line.run("load", own.name, "--from", str(tmp_path))
    kind = await line.run("load", own.name, "--from", str(tmp_path), "--only", "boats")
    unmapped = await line.run("load", own.name, "--from", "postgresql://127.0.0.1:1/x")

    assert missing.failure is not None
    assert "is no folder" in missing.failure
    assert "no file of a known name" in (empty.failure or "")
    assert "There is no kind boats" in (kind.failure or "")
    assert "--map" in (unmapped.failure or "")
