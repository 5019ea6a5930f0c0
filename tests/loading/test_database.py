"""``manage load`` straight from another PostgreSQL, by the mappings of docs/MIGRATION_GUIDE.md."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import asyncpg
import pytest
from passlib.hash import bcrypt, django_pbkdf2_sha256

from tests.loading.test_folder import counts, the_one
from tests.manage.commands import CommandLine
from tests.support.post import PostOffice
from tests.support.servers import Servers
from tests.support.source import ROOT
from tests.support.world import PASSWORD, TestTenant, sign_in

GUIDE: Final = (ROOT / "docs" / "MIGRATION_GUIDE.md").read_text(encoding="utf-8")
SHARED: Final = """
CREATE TABLE teams (id int PRIMARY KEY, company_id int, name text);
CREATE TABLE users (id int PRIMARY KEY, company_id int, email text, login text, full_name text, password text,
                    blocked bool DEFAULT false, is_boss bool DEFAULT false, team_id int,
                    created timestamp DEFAULT '2020-01-02');
CREATE TABLE notes (id int PRIMARY KEY, company_id int, subject text, body text, user_id int,
                    created timestamp DEFAULT now());
CREATE TABLE tasks (id int PRIMARY KEY, company_id int, name text, state int, owner_id int, parent int, user_id int);
INSERT INTO teams VALUES (1, 42, 'Desk'), (2, 43, 'Desk');
INSERT INTO notes SELECT n, 42 + n % 2, 'Note ' || n, NULL, 1 + n % 2 FROM generate_series(1, 500) n;
INSERT INTO tasks VALUES
  (1, 42, 'First', 2, 1, NULL, 1), (2, 42, 'Second', 0, NULL, 1, 1), (3, 43, 'Other', 1, 2, NULL, 2);
"""
ONE_SCHEMA: Final = """
CREATE SCHEMA app;
CREATE TABLE app.accounts (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email text, password_hash text);
CREATE TABLE app.memos (id bigserial PRIMARY KEY, title text, text text, author uuid REFERENCES app.accounts);
"""


@pytest.fixture
def pair(own: TestTenant, neighbour: TestTenant) -> tuple[TestTenant, TestTenant]:
    """Two tenants."""
    return own, neighbour


@pytest.fixture(scope="module")
def mappings(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The guide's mappings: of shared tables, and of one schema."""
    folder = tmp_path_factory.mktemp("mappings")
    texts = re.findall(r"^```toml\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    assert len(texts) == 2
    paths = [folder / f"{number}.toml" for number in range(2)]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return paths


@pytest.fixture(scope="module")
async def shared(servers: Servers) -> AsyncIterator[str]:
    """The URL of a monolith of shared tables, with the users of two companies."""
    url = servers.new_database()
    connection = await asyncpg.connect(url)
    await connection.execute(SHARED)
    hashes = [bcrypt.using(rounds=4).hash(PASSWORD), django_pbkdf2_sha256.using(rounds=1000).hash(PASSWORD)]
    for number, company in enumerate((42, 43)):
        await connection.execute(
            "INSERT INTO users (id, company_id, email, login, password, team_id) VALUES ($1, $2, $3, $4, $5, $1)",
            number + 1,
            company,
            f"u{number}@old.example",
            f"person{number}",
            hashes[number],
        )
    yield url
    await connection.close()


async def test_each_company_of_shared_tables_becomes_a_tenant(
    line: CommandLine, office: PostOffice, pair: tuple[TestTenant, TestTenant], shared: str, mappings: list[Path]
) -> None:
    own = pair[0]
    for number, (tenant, company) in enumerate(zip(pair, ("42", "43"), strict=True)):
        options = ["--from", shared, "--map", str(mappings[0]), "--source-tenant", company, "--json"]
        tried = counts(await line.run("load", tenant.name, *options, "--dry-run"))
        made = counts(await line.run("load", tenant.name, *options))
        again = counts(await line.run("load", tenant.name, *options))
        assert {kind: one["created"] for kind, one in tried.items()} == {k: one["created"] for k, one in made.items()}
        assert (made["users"]["created"], made["notes"]["created"]) == (1, 250)
        assert {one["created"] for one in again.values()} == {0}

        person = await sign_in(office.http, tenant, f"person{number}")  # with the password of the old system
        user = await the_one(tenant, "/users", "username", f"person{number}")
        notes = (await tenant.owner.get("/tools/notes", params={"include_total": True, "limit": 200})).json()
        assert (user["created_at"], [team["name"] for team in user["teams"]]) == ("2020-01-02T00:00:00Z", ["Desk"])
        assert notes["total"] == 250
        assert {note["created_by"] for note in notes["items"]} == {person.id}
    first, second = [await the_one(own, "/tools/tasks", "title", title) for title in ("First", "Second")]
    assert (first["status"], second["parent_id"]) == ("done", first["id"])


async def test_a_monolith_of_one_schema_becomes_a_tenant(
    line: CommandLine, servers: Servers, own: TestTenant, mappings: list[Path]
) -> None:
    url = servers.new_database()
    connection = await asyncpg.connect(url)
    await connection.execute(ONE_SCHEMA)
    author = await connection.fetchval("INSERT INTO app.accounts (email) VALUES ('eva@old.example') RETURNING id")
    await connection.execute("INSERT INTO app.memos (title, text, author) VALUES ('Memo', 'text', $1)", author)
    made = counts(await line.run("load", own.name, "--from", url, "--map", str(mappings[1]), "--json"))
    await connection.close()

    eva = await the_one(own, "/users", "username", "eva")
    assert (made["users"]["created"], made["notes"]["created"]) == (1, 1)
    assert (await the_one(own, "/tools/notes", "title", "Memo"))["created_by"] == eva["id"]


async def test_a_query_cannot_change_the_source(
    line: CommandLine, own: TestTenant, shared: str, tmp_path: Path
) -> None:
    mapping = tmp_path / "bad.toml"
    query = "WITH gone AS (DELETE FROM notes RETURNING *) SELECT id, subject AS title FROM gone"
    mapping.write_text(f'[notes]\nquery = "{query}"')
    outcome = await line.run("load", own.name, "--from", shared, "--map", str(mapping))

    assert outcome.failure is not None
    connection = await asyncpg.connect(shared)
    assert await connection.fetchval("SELECT count(*) FROM notes") == 500
    await connection.close()


async def test_what_a_query_gives_is_a_line_or_a_fault_of_one(
    line: CommandLine, own: TestTenant, shared: str, tmp_path: Path
) -> None:
    mapping = tmp_path / "odd.toml"
    mapping.write_text("[notes]\nquery = \"SELECT id, 'Infinity'::numeric AS title FROM notes LIMIT 2 -- odd\"")
    outcome = await line.run("load", own.name, "--from", shared, "--map", str(mapping), "--json")

    assert [one["errors"][0]["pointer"] for one in json.loads(outcome.stdout)["faults"]] == ["/title"] * 2


async def test_what_is_wrong_with_a_mapping_is_a_sentence(
    line: CommandLine, own: TestTenant, shared: str, tmp_path: Path
) -> None:
    mapping = tmp_path / "bad.toml"
    for text, sentence in (
        ("[boats]\nquery = 'SELECT 1'", "The mapping names boats"),
        ("[notes]\nsql = 'SELECT 1'", "must have one thing, query"),
        ("[notes]\nquery = 'SELECT nothing'", "The query of [notes] is refused"),
        ("[notes]\nquery = 'SELECT id FROM notes WHERE company_id = $1'", "--source-tenant"),
        ("[notes]\nquery = 'SELECT id FROM notes WHERE company_id = $1 OR id = $2'", "may have one parameter"),
        ("no toml", "cannot be read"),
    ):
        mapping.write_text(text)
        outcome = await line.run("load", own.name, "--from", shared, "--map", str(mapping))
        assert sentence in (outcome.failure or ""), text


async def test_a_hash_that_would_hold_up_logins_is_a_fault_of_its_line(
    line: CommandLine, own: TestTenant, tmp_path: Path
) -> None:
    salt = "$" + "a" * 22 + "$" + "b" * 43
    costly = ["$2b$31$" + "." * 53, f"$argon2id$v=19$m=4194304,t=3,p=1{salt}"]
    hostile = [*costly, "plain", "5f4dcc3b5aa765d61d8327deb882cf99"]
    people = [
        {"id": number, "email": f"h{number}@old.example", "username": f"hostile{number}", "password_hash": text}
        for number, text in enumerate(hostile)
    ]
    (tmp_path / "users.ndjson").write_text("".join(json.dumps(person) + "\n" for person in people))
    outcome = await line.run("load", own.name, "--from", str(tmp_path), "--json")

    found = json.loads(outcome.stdout)["faults"]
    assert [one["errors"][0]["pointer"] for one in found] == ["/password_hash"] * len(hostile)
    assert all(text not in outcome.stdout for text in hostile if text != "plain")
