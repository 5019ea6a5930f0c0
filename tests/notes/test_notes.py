"""What is special about notes: privacy, pins, tags, Markdown."""

from __future__ import annotations

import json

import pytest

from common.config import Config
from tests.support.probes import owner_connection
from tests.support.staff import Staff
from tests.support.things import word
from tests.support.world import Api, TestTenant

NOTES = "/tools/notes"


@pytest.fixture(params=["alpha", "beta"])
def twin(request: pytest.FixtureRequest, alpha: TestTenant, beta: TestTenant) -> TestTenant:
    """One twin, then the other."""
    return alpha if request.param == "alpha" else beta


@pytest.fixture
def staff(twin: TestTenant, all_staff: dict[str, Staff]) -> Staff:
    """The people of that twin."""
    return all_staff[twin.name]


async def make(api: Api, **fields: object) -> dict[str, object]:
    """A new note."""
    answer = await api.post(NOTES, json={"title": word(), **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def titles(api: Api, **query: object) -> list[str]:
    """The notes on the first page."""
    answer = await api.get(NOTES, params={"limit": 200, **query})
    assert answer.status_code == 200, answer.text
    return [item["title"] for item in answer.json()["items"]]


@pytest.mark.promise("T1")
async def test_a_private_note_is_nobody_else_s(twin: TestTenant, staff: Staff) -> None:
    note = await make(staff.author.api, is_private=True)
    address = f"{NOTES}/{note['id']}"

    for api in (twin.owner, staff.manager.api, staff.reader.api):
        for method in ("GET", "PUT", "PATCH", "DELETE"):
            answer = await api.request(method, address, json={"title": "taken over"} if method[0] == "P" else None)
            assert answer.status_code in {403, 404}, method
        assert note["title"] not in await titles(api)
        assert await titles(api, q=str(note["title"])) == []
    assert (await staff.author.api.get(address)).json() == note
    assert note["title"] in await titles(staff.author.api, is_private="true")
    assert (await staff.author.api.delete(address)).status_code == 204
    assert (await twin.owner.post(f"{address}/restore")).status_code == 404
    assert (await staff.author.api.post(f"{address}/restore")).status_code == 200


async def test_only_its_author_can_make_a_note_private(staff: Staff) -> None:
    note = await make(staff.author.api)
    address = f"{NOTES}/{note['id']}"

    refused = await staff.manager.api.patch(address, json={"is_private": True})
    hidden = await staff.author.api.patch(address, json={"is_private": True})

    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    assert (hidden.status_code, hidden.json()["is_private"]) == (200, True)
    assert (await staff.manager.api.get(address)).status_code == 404


@pytest.mark.promise("I8")
async def test_the_audit_log_tells_nothing_that_a_private_note_says(
    twin: TestTenant, staff: Staff, config: Config
) -> None:
    secret = word()
    note = await make(
        staff.author.api, title=f"title {secret}", content=f"content {secret}", tags=[secret], is_private=True
    )
    address = f"{NOTES}/{note['id']}"
    await staff.author.api.patch(address, json={"content": f"more {secret}"})
    await staff.author.api.patch(address, json={"title": f"public {secret}", "is_private": False})
    await staff.author.api.delete(address)

    async with owner_connection(config, twin.name) as owner:
        entries = await owner.fetch("SELECT * FROM audit_logs WHERE target_id = $1 ORDER BY seq", note["id"])
    assert len(entries) == 4
    assert all(secret not in str(dict(entry)) for entry in entries[:3])
    assert json.loads(entries[1]["changes"]) == [{"path": "content", "old": "********", "new": "********"}]
    assert secret in entries[3]["target_name"]


async def test_pinned_notes_come_first(tenant: TestTenant) -> None:
    for title, pinned in (("first", False), ("second", True), ("third", False)):
        await make(tenant.owner, title=title, is_pinned=pinned)

    assert await titles(tenant.owner) == ["second", "third", "first"]
    assert await titles(tenant.owner, sort="created_at") == ["first", "second", "third"]
    assert await titles(tenant.owner, is_pinned="true") == ["second"]


async def test_a_colour_narrows_a_list(tenant: TestTenant) -> None:
    await make(tenant.owner, title="red", color="#f00")
    await make(tenant.owner, title="none")

    assert await titles(tenant.owner, color="#f00") == ["red"]


async def test_tags_narrow_a_list_together(tenant: TestTenant) -> None:
    await make(tenant.owner, title="both", tags=["vip", "late", "vip"])
    await make(tenant.owner, title="one", tags=["vip"])

    assert await titles(tenant.owner, tag="vip", sort="title") == ["both", "one"]
    assert await titles(tenant.owner, tag=["vip", "late"]) == ["both"]
    assert await titles(tenant.owner, tag="VIP") == []
    assert await titles(tenant.owner, tags=["vip", "late"]) == ["both"]
    assert await titles(tenant.owner, tags="vip", tag="late") == ["both"]
    assert (await tenant.owner.get(NOTES, params={"tag": ""})).status_code == 422


async def test_markdown_is_kept_to_the_letter(twin: TestTenant) -> None:
    content = "    indented code\n\n<script>alert(1)</script> \u0000".replace("\0", "") + "\n"

    note = await make(twin.owner, content=content)

    assert note["content"] == content


@pytest.mark.promise("S7")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""),
        ("title", "   "),
        ("title", "x" * 201),
        ("title", None),
        ("content", "x" * 1_000_000),
        ("content", "a\0b"),
        ("color", "x" * 33),
        ("tags", ["x" * 33]),
        ("tags", [""]),
        ("tags", [f"t{number}" for number in range(21)]),
        ("tags", [None]),
        ("is_pinned", "maybe"),
    ],
)
async def test_what_is_too_much_or_nothing_is_refused(alpha: TestTenant, field: str, value: object) -> None:
    answer = await alpha.owner.post(NOTES, json={"title": "fine", field: value})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith(f"/body/{field}")


async def test_a_long_text_is_told_by_its_beginning_and_digest(twin: TestTenant, config: Config) -> None:
    note = await make(twin.owner, content="word " * 20_000)

    async with owner_connection(config, twin.name) as owner:
        changes = await owner.fetchval("SELECT changes FROM audit_logs WHERE target_id = $1", note["id"])
    (told,) = [change["new"] for change in json.loads(changes) if change["path"] == "content"]
    assert len(told) < 700
    assert "100000 characters, SHA-256 " in told


async def test_what_a_note_says_in_the_tenant_s_language_is_found_by_its_stem(
    tenant: TestTenant, config: Config
) -> None:
    await tenant.owner.put("/settings/tenant.default_locale", json={"value": "el"})
    greek = await make(tenant.owner, title="Κρατήσεις", content="Οι πελάτες ταξιδεύουν")

    async with owner_connection(config, tenant.name) as owner:
        found = await owner.fetch("SELECT id FROM notes WHERE search @@ to_tsquery('greek', 'κράτηση & πελάτης')")
        language = await owner.fetchval("SELECT language FROM notes")
    assert ([str(row["id"]) for row in found], language) == ([greek["id"]], "el")
