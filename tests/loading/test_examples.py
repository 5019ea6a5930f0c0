"""docs/examples: a monolith whose companies share their tables, every kind of it, into a tenant for each."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest

from migrations.login import plain_dsn
from tests.loading.test_folder import counts, the_one
from tests.manage.commands import CommandLine
from tests.support.post import PostOffice, entries
from tests.support.servers import Servers
from tests.support.source import ROOT
from tests.support.world import Api, TestTenant

EXAMPLES: Final = ROOT / "docs" / "examples"
COMPANIES: Final = {"17": "Olive Travel", "18": "Pine Travel"}
OLD_PASSWORD: Final = "the old password"
LISTS: Final = ("/tools/notes", "/tools/tasks", "/tools/calls", "/tools/events", "/tools/attachments", "/users")


@pytest.fixture(scope="module")
async def monolith(servers: Servers) -> str:
    """The URL of its database."""
    url = plain_dsn(servers.new_database())
    connection = await asyncpg.connect(url)
    await connection.execute((EXAMPLES / "shared-tables.sql").read_text(encoding="utf-8"))
    await connection.close()
    return url


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    """The folder of its files."""
    (tmp_path / "uploads").mkdir()
    for company in COMPANIES:
        (tmp_path / "uploads" / f"{company}-keys.txt").write_text(f"Keys of {company}.")
    return tmp_path


@pytest.fixture
async def moved(
    line: CommandLine, own: TestTenant, neighbour: TestTenant, monolith: str, uploads: Path
) -> dict[str, TestTenant]:
    """Both companies, loaded; nothing of them failed."""
    tenants = dict(zip(COMPANIES, (own, neighbour), strict=True))
    for company, tenant in tenants.items():
        mapping = str(EXAMPLES / "shared-tables.toml")
        options = ["--from", monolith, "--map", mapping, "--source-tenant", company, "--contents", str(uploads)]
        made = counts(await line.run("load", tenant.name, *options, "--json"))
        assert {kind: (one["created"], one["failed"]) for kind, one in made.items()} == {
            **dict.fromkeys(("settings", "roles", "events", "attachments"), (1, 0)),
            **dict.fromkeys(("teams", "calls"), (2, 0)),
            **dict.fromkeys(("notes", "tasks"), (3, 0)),
            "users": (4, 0),
        }
    return tenants


async def log_in(tenant: TestTenant, username: str) -> dict[str, Any]:
    body = {"username": username, "password": OLD_PASSWORD}
    return dict((await tenant.anonymous.post("/auth/login", json=body)).json())


@pytest.mark.promise("T1")
async def test_every_kind_of_each_company_is_in_its_tenant_and_in_no_other(moved: dict[str, TestTenant]) -> None:
    for company, tenant in moved.items():
        listed = "".join([(await tenant.owner.get(path)).text for path in LISTS])
        file = await the_one(tenant, "/tools/attachments", "file_name", "keys.txt")
        content = await tenant.owner.get(f"/tools/attachments/{file['id']}/content")

        assert [name for name in COMPANIES.values() if name in listed] == [COMPANIES[company]]
        assert content.text == f"Keys of {company}."


async def test_what_refers_to_something_does_so_here(moved: dict[str, TestTenant]) -> None:
    for company, tenant in moved.items():
        eleni, petros, nikos = [
            await the_one(tenant, "/users", "username", name) for name in ("eleni", "petros", "nikos")
        ]
        below = await the_one(tenant, "/tools/tasks", "title", f"Print the badges of {COMPANIES[company]}")
        above = await the_one(tenant, "/tools/tasks", "title", f"Prepare the fair of {COMPANIES[company]}")
        done = await the_one(tenant, "/tools/tasks", "title", f"Count the chairs of {COMPANIES[company]}")
        keys = await the_one(tenant, "/tools/notes", "title", "Keys")
        fair = await the_one(tenant, "/tools/events", "title", f"Spring fair of {COMPANIES[company]}")

        assert (below["parent_id"], below["assignee_id"], below["team_id"]) == (
            above["id"],
            petros["id"],
            petros["teams"][0]["id"],
        )
        assert below["due_at"] == "2031-05-02T06:00:00Z"  # nine by the clock of Athens, in summer
        assert (done["status"], done["completed_at"], done["assignee_id"]) == (
            "done",
            "2023-01-09T15:30:00Z",
            nikos["id"],  # who has left
        )
        assert (keys["created_by"], keys["created_at"]) == (eleni["id"], "2020-01-02T08:00:00Z")
        assert keys["links"] == [{"type": "booking", "id": "BK-1"}]
        assert [one["user_id"] or one["email"] for one in fair["attendees"]] == [petros["id"], "guide@tours.example"]


@pytest.mark.promise("R2")
async def test_people_log_in_with_their_passwords_and_may_do_what_their_roles_say(
    moved: dict[str, TestTenant], office: PostOffice
) -> None:
    for tenant in moved.values():
        eleni, petros = await log_in(tenant, "eleni"), await log_in(tenant, "petros")
        assert [role["name"] for role in eleni["user"]["roles"]] == ["admin"]
        assert [role["name"] for role in petros["user"]["roles"]] == ["agent"]
        assert (await log_in(tenant, "nikos"))["code"] == "invalid_credentials"  # he is blocked
        assert (await log_in(tenant, "vera"))["code"] == "invalid_credentials"  # she never had a password

        headers = {**tenant.anonymous.headers, "Authorization": f"Bearer {petros['access_token']}"}
        agent = Api(office.http, headers)
        assert [note["title"] for note in (await agent.get("/tools/notes")).json()["items"]].count("Mine") == 1
        assert (await agent.get("/users")).status_code == 403
        assert "Mine" not in (await tenant.owner.get("/tools/notes")).text  # it is his alone


@pytest.mark.promise("D2")
async def test_each_record_has_its_entry_and_nobody_gets_a_mail(
    moved: dict[str, TestTenant], office: PostOffice
) -> None:
    for tenant in moved.values():
        for action, count in (("tools.note.created", 3), ("tools.event.created", 1), ("users.role.created", 1)):
            written = await entries(office.config, tenant, action)
            assert [entry["actor_type"] for entry in written] == ["platform"] * count

    assert await office.deliver() == []
