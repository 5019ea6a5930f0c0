"""All users as a CSV file."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from tests.support.post import PostOffice, entries
from tests.support.probes import owner_connection, watched
from tests.support.problems import problem_of
from tests.support.world import Api, TestTenant, create_tenant


async def rows(api: Api) -> list[dict[str, str]]:
    """The exported file, read as spreadsheets do."""
    answer = await api.get("/users/export", params={"format": "csv"})
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


@pytest.mark.promise("D5")
async def test_it_has_every_user_once_and_nobody_else_s(
    office: PostOffice, branch: TestTenant, branches: dict[str, TestTenant]
) -> None:
    other = next(tenant for tenant in branches.values() if tenant is not branch)
    listed: list[dict[str, Any]] = []
    cursor = None
    while True:
        query = {"limit": "200", "sort": "created_at"} | ({"cursor": cursor} if cursor else {})
        page = (await branch.owner.get("/users", params=query)).json()
        listed += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    exported = await rows(branch.owner)

    assert [row["id"] for row in exported] == [user["id"] for user in listed]
    by_id = {user["id"]: user for user in listed}
    for row in exported:
        user = by_id[row["id"]]
        assert [row[name] for name in ("email", "username", "created_at")] == [
            user[name] for name in ("email", "username", "created_at")
        ]
        assert row["roles"] == ";".join(role["name"] for role in user["roles"])
        assert row["is_active"] == str(user["is_active"]).lower()
    assert other.canary not in str(exported)
    assert "argon2" not in str(exported)


async def test_it_is_a_file_and_was_written_down(office: PostOffice, branch: TestTenant) -> None:
    before = len(await entries(office.config, branch, "users.exported"))

    answer = await branch.people["viewer"].api.get("/users/export")

    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith(f'attachment; filename="users-{branch.name.removeprefix("tenant_")}-')
    assert disposition.endswith('.csv"')
    after = await entries(office.config, branch, "users.exported")
    assert len(after) == before + 1
    assert after[-1]["actor_name"] == "viewer"
    assert f'"new": {len(answer.text.splitlines()) - 1}' in after[-1]["changes"]


@pytest.mark.promise("D5")
async def test_no_cell_is_a_formula_and_the_file_can_be_imported_again(office: PostOffice) -> None:
    tenant = await create_tenant(office.http)
    hostile = ["=1+1", "+30", "-2", "@SUM(A1)", "\t=1", "\r=1", "＝1", 'Ann, "the" O\'Hara\nx', "'=kept'"]
    async with owner_connection(office.config, tenant.name) as owner:
        for number, name in enumerate(hostile):
            await owner.execute(
                """INSERT INTO users (id, email, email_normalized, username, username_normalized, full_name, phone)
                   VALUES (gen_random_uuid(), $1, $1, $2, $2, $3, '+30 210 1234567')""",
                f"h{number}@in.example",
                f"hostile{number}",
                name,
            )

    exported = {row["username"]: row for row in await rows(tenant.owner)}

    for number, name in enumerate(hostile):
        cell = exported[f"hostile{number}"]["full_name"]
        assert cell[:1] not in {"=", "+", "-", "@", "\t", "\r", "\n", "＝"}
        assert cell == (f"'{name}" if name[0] != "A" else name)
    assert {row["phone"] for row in exported.values()} == {"", "'+30 210 1234567"}


async def test_what_was_exported_can_be_imported(office: PostOffice) -> None:
    source, copy = await create_tenant(office.http), await create_tenant(office.http)
    body = {"email": "ann@in.example", "username": "ann", "full_name": "=Ann", "phone": "+30 210 1234567"}
    assert (await source.owner.post("/users", json=body)).status_code == 201
    columns = ["email", "username", "full_name", "phone", "locale", "timezone", "roles", "teams"]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(row for row in await rows(source.owner) if row["username"] == "ann")

    answer = await copy.owner.post("/users/import", content=text.getvalue(), headers={"Content-Type": "text/csv"})

    assert answer.json()["created"] == 1
    user = (await copy.owner.get(f"/users/{answer.json()['results'][0]['id']}")).json()
    assert {name: user[name] for name in body} == body


async def test_it_wants_its_permission_and_a_known_format(branch: TestTenant) -> None:
    problem_of(await branch.member.get("/users/export"), 403, "permission_denied")
    problem_of(await branch.anonymous.get("/users/export"), 401, "unauthenticated")
    problem_of(await branch.owner.get("/users/export", params={"format": "xls"}), 422, "validation_failed")


@pytest.mark.promise("D5")
async def test_many_users_take_as_many_statements_as_few(office: PostOffice) -> None:
    tenant = await create_tenant(office.http)
    counts = []
    for batch in (0, 3000):
        async with owner_connection(office.config, tenant.name) as owner:
            await owner.execute(
                """INSERT INTO users (id, email, email_normalized, username, username_normalized)
                   SELECT gen_random_uuid(), n || '@in.example', n || '@in.example', 'many' || n, 'many' || n
                   FROM generate_series(1, $1::int) AS n""",
                batch,
            )
        await tenant.owner.get("/auth/me")
        with watched(office.app) as traffic:
            exported = await rows(tenant.owner)
        assert len(exported) == batch + 1
        counts.append(len([text for text in traffic.statements if "string_agg" in text]))
    assert counts == [1, 1]
