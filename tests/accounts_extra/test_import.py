"""Many users from a CSV file."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import httpx
import pytest

from tests.support.post import PostOffice, entries
from tests.support.problems import problem_of
from tests.support.world import Api, TestTenant, create_tenant

CSV = {"Content-Type": "text/csv"}
_numbers = itertools.count(1)


async def send(api: Api, text: str | bytes, **query: Any) -> httpx.Response:
    """Import a file."""
    body = text if isinstance(text, bytes) else text.encode()
    return await api.post("/users/import", content=body, headers=CSV, params=query)


async def report(api: Api, text: str | bytes, **query: Any) -> dict[str, Any]:
    """Import a file that can be read."""
    answer = await send(api, text, **query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def outcome(result: dict[str, Any]) -> list[tuple[int, str, list[tuple[str | None, str]]]]:
    """Line, status, and where what is wrong."""
    return [
        (line["line"], line["status"], [(error["column"], error["code"]) for error in line["errors"]])
        for line in result["results"]
    ]


async def usernames(branch: TestTenant, word: str) -> list[str]:
    """Who is there whose name has the word."""
    found = (await branch.owner.get("/users", params={"q": word, "sort": "username", "limit": 200})).json()
    return [user["username"] for user in found["items"]]


async def test_each_line_becomes_a_user_who_is_welcomed(office: PostOffice, branch: TestTenant) -> None:
    word = f"import{next(_numbers)}"
    team = {"name": f"Crew {word}", "role_ids": []}
    assert (await branch.owner.post("/users/teams", json=team)).status_code == 201
    text = (
        "\ufeffUsername,Email,full_name,phone,locale,timezone,roles,teams\r\n"
        f'{word}.a,{word}.a@in.example,"Παπαδάκη, Μαρία",'
        f"'+30 210 1234567,el-GR,Europe/Athens,Member; viewer,crew {word}\r\n"
        f"{word}.b,{word}.b@in.example,,,,,,\r\n"
        "\r\n"
    )

    result = await report(branch.owner, text)

    assert outcome(result) == [(2, "created", []), (3, "created", [])]
    assert (result["created"], result["failed"], result["dry_run"], result["atomic"]) == (2, 0, False, False)
    user = (await branch.owner.get(f"/users/{result['results'][0]['id']}")).json()
    assert (user["full_name"], user["phone"], user["locale"]) == ("Παπαδάκη, Μαρία", "+30 210 1234567", "el-GR")
    assert (user["timezone"], user["is_verified"]) == ("Europe/Athens", False)
    assert [role["name"] for role in user["roles"]] == ["member", "viewer"]
    assert [item["name"] for item in user["teams"]] == [f"Crew {word}"]
    letters = {letter.to: letter for letter in await office.deliver()}
    assert letters.keys() == {f"{word}.a@in.example", f"{word}.b@in.example"}
    assert letters[f"{word}.a@in.example"].subject == "Ο νέος σας λογαριασμός"
    body = {"token": letters[f"{word}.b@in.example"].token, "new_password": "quiet harbours at 5 in the morning"}
    assert (await branch.anonymous.post("/auth/password/reset", json=body)).status_code == 204
    made = [item["target_id"] for item in await entries(office.config, branch, "users.user.created")]
    assert [made.count(line["id"]) for line in result["results"]] == [1, 1]


BAD = (
    "email,username,timezone,roles\n"
    "{word}.a@in.example,{word}.a,,\n"  # the only good one
    "no address,{word}.b,,\n"
    "{word}.c@in.example,x,Mars/Olympus,\n"
    "OWNER@twin.example,{word}.d,,\n"
    "{word}.e@in.example,Owner,,\n"
    "{word}.A@in.example,{word}.f,,\n"
    "{word}.g@in.example,{word}.A,,\n"
    "{word}.h@in.example,{word}.h,,nobody's;owner\n"
    "{word}.i@in.example,{word}.i\n"
    '"{word}.j\n@in.example",{word}.j,,\n'
    ",,,\n"
    ",{word}.k,,\n"
)
WRONG = [
    (3, [("email", "string_pattern_mismatch")]),
    (4, [("username", "string_pattern_mismatch"), ("timezone", "value_error")]),
    (5, [("email", "email_taken")]),
    (6, [("username", "username_taken")]),
    (7, [("email", "email_taken")]),
    (8, [("username", "username_taken")]),
    (9, [("roles", "unknown_reference"), ("roles", "permission_denied")]),
    (10, [(None, "columns")]),
    (11, [("email", "string_pattern_mismatch")]),
    (14, [("email", "missing")]),
]


@pytest.mark.promise("R2")
@pytest.mark.parametrize(
    ("query", "first", "created"),
    [
        ({}, "created", 1),
        ({"dry_run": "true"}, "would_create", 0),
        ({"atomic": "true"}, "would_create", 0),
        ({"atomic": "true", "dry_run": "true"}, "would_create", 0),
    ],
)
async def test_every_line_says_what_is_wrong_with_it(
    office: PostOffice, branch: TestTenant, query: dict[str, str], first: str, created: int
) -> None:
    word = f"wrong{next(_numbers)}"

    result = await report(branch.people["admin"].api, BAD.format(word=word), **query)

    assert outcome(result) == [(2, first, []), *((line, "error", errors) for line, errors in WRONG)]
    assert (result["created"], result["failed"]) == (created, len(WRONG))
    assert await usernames(branch, word) == [f"{word}.a"] * created
    assert len(await office.deliver()) == created


async def test_a_file_without_faults_can_be_tried_first(branch: TestTenant) -> None:
    word = f"trial{next(_numbers)}"
    text = "email,username\n" + "".join(f"{word}.{n}@in.example,{word}.{n}\n" for n in range(3))

    tried = await report(branch.owner, text, dry_run="true", atomic="true")
    made = await report(branch.owner, text, atomic="true")
    again = await report(branch.owner, text)

    assert [line["status"] for line in tried["results"]] == ["would_create"] * 3
    assert [line["status"] for line in made["results"]] == ["created"] * 3
    assert [line["status"] for line in again["results"]] == ["error"] * 3
    assert await usernames(branch, word) == [f"{word}.{n}" for n in range(3)]


async def test_the_same_file_at_once_makes_nobody_twice(branch: TestTenant) -> None:
    word = f"race{next(_numbers)}"
    text = "email,username\n" + "".join(f"{word}.{n}@in.example,{word}.{n}\n" for n in range(20))

    results = await asyncio.gather(*(report(branch.owner, text) for _ in range(4)))

    assert sum(result["created"] for result in results) == 20
    assert len(await usernames(branch, word)) == 20


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n\n",
        b"\xff\xfe\x00",
        b"email\na@b.example\n",
        b"email,username,is_superuser\n",
        b"email,username,username\n",
        b"email,username,password_hash\na@b.example,abc,x\n",
        b'email,username\n"a@b.example,abc\n',
        b"email,username\n" + b"a@b.example,abc\n" * 5001,
        b"\x89PNG\r\n\x1a\n\x00\x00",
        b"email,username\n" + b"x" * 200_000 + b",abc\n",
    ],
)
async def test_what_is_no_such_file_is_refused_as_a_whole(branch: TestTenant, text: bytes) -> None:
    problem_of(await send(branch.owner, text), 422, "import_invalid" if text else "validation_failed")


async def test_a_file_has_its_limits_and_its_permission(branch: TestTenant) -> None:
    problem_of(await send(branch.owner, b"x" * (2 * 1024**2 + 1)), 413, "body_too_large")
    problem_of(await send(branch.people["manager"].api, b"email,username\n"), 403, "permission_denied")
    problem_of(await send(branch.anonymous, b"email,username\n"), 401, "unauthenticated")
    assert (await report(branch.owner, "email,username\n"))["results"] == []
    long = f"email,username,full_name\n{'a' * 300}@b.example,abc,{'x' * 120_000}\n"
    assert [line["status"] for line in (await report(branch.owner, long))["results"]] == ["error"]


@pytest.mark.promise("S7")
async def test_the_largest_file_is_imported(office: PostOffice) -> None:
    """2,000 lines here, in four commits; the limit is 5,000."""
    tenant = await create_tenant(office.http)
    text = "email,username,roles\n" + "".join(f"u{n}@in.example,u{n}.x,member\n" for n in range(2000))

    result = await report(tenant.owner, text)

    assert (result["created"], result["failed"]) == (2000, 0)
    total = await tenant.owner.get("/users", params={"limit": 1, "include_total": "true"})
    assert total.json()["total"] == 2001
    assert len(await entries(office.config, tenant, "users.user.created")) == 2001
