"""What belongs to a record: seen by whom sees it, changed by whom may change it, gone and back with it."""

from __future__ import annotations

from typing import Any

import pytest

from common.config import Config
from tests.support.probes import owner_connection
from tests.support.problems import problem_of
from tests.support.staff import Staff
from tests.support.things import word
from tests.support.uploads import ATTACHMENTS, download, form, upload
from tests.support.world import Api, TestTenant

NOTES = "/tools/notes"


async def make_note(api: Api, **fields: Any) -> dict[str, Any]:
    """A note."""
    answer = await api.post(NOTES, json={"title": word(), **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def of(note: dict[str, Any]) -> dict[str, str]:
    """What says that something belongs to a note."""
    return {"parent_type": "note", "parent_id": note["id"]}


async def listed(api: Api, **query: Any) -> set[str]:
    """The ids on the first page."""
    answer = await api.get(ATTACHMENTS, params={"limit": 200, **query})
    assert answer.status_code == 200, answer.text
    return {item["id"] for item in answer.json()["items"]}


@pytest.mark.promise("R1")
async def test_who_reads_the_record_reads_what_belongs_to_it(staff: Staff) -> None:
    note = await make_note(staff.author.api)
    made = await upload(staff.manager.api, b"x", **of(note))  # whose team it is of
    address = f"{ATTACHMENTS}/{made['id']}"

    assert (made["parent_type"], made["parent_id"], made["created_by"]) == ("note", note["id"], staff.manager.id)
    for api in (staff.author.api, staff.manager.api, staff.reader.api):
        assert (await api.get(address)).json() == made
        assert (await download(api, made)).content == b"x"
        assert await listed(api, parent_type="note", parent_id=note["id"]) == {made["id"]}
    for api in (staff.colleague.api, staff.outsider.api):
        for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", ""), ("POST", "/link")):
            problem_of(await api.request(method, address + path, json={}), 404, "not_found")
        assert made["id"] not in await listed(api)
    problem_of(await staff.reader.api.patch(address, json={"description": "x"}), 403, "permission_denied")
    problem_of(await staff.reader.api.delete(address), 403, "permission_denied")
    changed = await staff.author.api.patch(address, json={"description": "The author's"})
    assert (changed.status_code, changed.json()["description"]) == (200, "The author's")
    assert (await staff.author.api.delete(address)).status_code == 204
    assert (await staff.author.api.post(f"{address}/restore")).status_code == 200


@pytest.mark.promise("R1")
async def test_to_attach_one_must_be_able_to_change_the_record(
    twin: TestTenant, other: TestTenant, staff: Staff
) -> None:
    note, theirs = await make_note(staff.author.api), await make_note(other.owner)
    before = await listed(twin.owner)

    refused = await staff.reader.api.post(ATTACHMENTS, **form(b"x", **of(note)))
    problem_of(refused, 403, "permission_denied")
    assert "notes:update" in refused.json()["detail"]
    gone = await make_note(staff.author.api)
    await staff.author.api.delete(f"{NOTES}/{gone['id']}")
    for api, parent in (
        (staff.colleague.api, of(note)),
        (twin.owner, of(theirs)),
        (twin.owner, of(gone)),
        (twin.owner, {"parent_type": "review", "parent_id": note["id"]}),
    ):
        unknown = await api.post(ATTACHMENTS, **form(b"x", **parent))
        assert problem_of(unknown, 422, "unknown_reference")["errors"][0]["pointer"] == "/body/parent_id"
    for parent in ({"parent_type": "user", "parent_id": note["id"]}, {"parent_type": "note", "parent_id": "1"}):
        problem_of(await twin.owner.post(ATTACHMENTS, **form(b"x", **parent)), 422, "validation_failed")
    assert await listed(twin.owner) == before


async def test_a_file_moves_between_records_one_may_both_change(staff: Staff) -> None:
    mine, also_mine = await make_note(staff.author.api), await make_note(staff.author.api)
    foreign = await make_note(staff.outsider.api)
    made = await upload(staff.author.api, b"x", **of(mine))
    address = f"{ATTACHMENTS}/{made['id']}"

    moved = await staff.author.api.patch(address, json=of(also_mine))
    assert moved.json() == {**made, **of(also_mine), "version": 2, "updated_at": moved.json()["updated_at"]}
    problem_of(await staff.author.api.patch(address, json=of(foreign)), 422, "unknown_reference")
    problem_of(await staff.author.api.patch(address, json={"parent_id": None}), 422, "unprocessable")
    alone = await staff.author.api.put(address, json={"file_name": "alone.txt"})
    assert (alone.json()["parent_type"], alone.json()["parent_id"]) == (None, None)
    back = await staff.author.api.patch(address, json=of(mine))
    assert back.json()["parent_id"] == mine["id"]


async def test_what_belongs_to_a_record_goes_and_comes_back_with_it(staff: Staff) -> None:
    note = await make_note(staff.author.api)
    made = await upload(staff.author.api, b"x", **of(note))
    address = f"{ATTACHMENTS}/{made['id']}"
    link = (await staff.author.api.post(f"{address}/link", json={})).json()["url"]
    await staff.author.api.delete(f"{NOTES}/{note['id']}")

    for path in (address, f"{address}/content", f"/{link}"):
        assert (await staff.author.api.get(path)).status_code == 404
    assert made["id"] not in await listed(staff.author.api)
    assert made["id"] not in await listed(staff.author.api, deleted="true")
    await staff.author.api.post(f"{NOTES}/{note['id']}/restore")
    assert (await staff.author.api.get(address)).json() == made
    assert (await staff.author.api.get(f"/{link}")).content == b"x"


@pytest.mark.promise("I8")
async def test_what_belongs_to_a_private_note_is_its_author_s_alone(
    twin: TestTenant, staff: Staff, config: Config
) -> None:
    secret = word()
    note = await make_note(staff.author.api, is_private=True)
    made = await upload(staff.author.api, secret.encode(), f"{secret}.txt", description=secret, **of(note))
    address = f"{ATTACHMENTS}/{made['id']}"

    for api in (twin.owner, staff.manager.api, staff.reader.api):
        for path in (address, f"{address}/content"):
            problem_of(await api.get(path), 404, "not_found")
        assert await listed(api, q=secret) == set()
        assert await listed(api, sha256=made["sha256"]) == set()
        problem_of(await api.post(ATTACHMENTS, **form(b"x", **of(note))), 422, "unknown_reference")
    await staff.author.api.patch(address, json={"description": f"more {secret}"})
    await staff.author.api.post(f"{address}/link", json={})
    await staff.author.api.delete(address)
    await staff.author.api.post(f"{address}/restore")
    await staff.author.api.put(address, json={"file_name": f"{secret}.txt"})  # now without its parent
    async with owner_connection(config, twin.name) as owner:
        entries = await owner.fetch("SELECT * FROM audit_logs WHERE target_id = $1", made["id"])
    assert len(entries) == 6
    assert all(secret not in str(dict(entry)) and made["sha256"] not in str(dict(entry)) for entry in entries)


async def test_a_list_finds_what_belongs_to_a_record_about_something(staff: Staff) -> None:
    booking = word()
    note = await make_note(staff.author.api, links=[{"type": "booking", "id": booking}])
    through = await upload(staff.author.api, b"x", **of(note))
    itself = await upload(staff.author.api, b"x", links=[{"type": "booking", "id": booking}])
    await upload(staff.author.api, b"x")

    found = await listed(staff.author.api, related_type="booking", related_id=booking)

    assert found == {through["id"], itself["id"]}
    assert await listed(staff.author.api, related_type="booking", related_id=word()) == set()


async def test_lists_can_be_narrowed(staff: Staff) -> None:
    content = word().encode()
    text, picture = [
        await upload(staff.author.api, body, name)
        for body, name in ((content, "a.csv"), (b"GIF89a\1\0\1\0" + content, "b.gif"))
    ]

    assert text["id"] in await listed(staff.author.api, media_type="text/csv")
    assert picture["id"] not in await listed(staff.author.api, media_type="text/csv")
    assert await listed(staff.author.api, sha256=picture["sha256"]) == {picture["id"]}
    for wrong in ({"sha256": "xyz"}, {"parent_type": "user"}, {"parent_id": "1"}):
        assert (await staff.author.api.get(ATTACHMENTS, params=wrong)).status_code == 422
