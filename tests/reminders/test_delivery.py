"""Mails: to whom, in which words, once, and to nobody who may not read."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tests.reminders.stage import NOTE, Stage, ahead
from tests.support import things
from tests.support.post import APP, PostOffice, entries, new_worker
from tests.support.probes import owner_connection
from tests.support.servers import PLATFORM_KEY
from tests.support.world import TestTenant
from tools.records.kinds import KINDS


@pytest.mark.parametrize(
    ("locale", "zone", "told"),
    [
        ("en-GB", "Europe/Athens", "Sunday 31 March 2030, 04:30 (Europe/Athens)"),
        ("el", "Europe/Athens", "Κυριακή 31 Μαρτίου 2030, 04:30 (Europe/Athens)"),
        ("de", "America/New_York", "Saturday 30 March 2030, 21:30 (America/New_York)"),
    ],
)
async def test_the_time_is_told_in_the_reader_s_zone_and_language(
    stage: Stage, locale: str, zone: str, told: str
) -> None:
    """An hour before is 02:30 in Athens; then clocks go from 03:00 to 04:00."""
    async with owner_connection(stage.office.config, stage.tenant.name) as owner:
        reader = await things.insert_person(stage.office.http, owner, stage.tenant, "member")
    path = f"/users/{reader.id}"
    assert (await stage.tenant.owner.patch(path, json={"locale": locale, "timezone": zone})).status_code == 200
    note = await stage.note(reader, title="Fly\r\nBcc: spy@evil.example <b>")

    await stage.plan(note, datetime(2030, 3, 31, 1, 30, tzinfo=UTC), reader, offsets=[60])
    assert await stage.of(note, reader) == [("pending", datetime(2030, 3, 31, 0, 30, tzinfo=UTC))]
    await stage.office.skip_waits()
    (letter,) = await stage.office.deliver()

    assert letter.body().endswith(f"{told}\n\n{APP}/notes/{note}\n")
    assert told in letter.body("html")
    assert letter.subject == f"Fly Bcc: spy@evil.example <b>: {told.partition(' (')[0]}"
    assert letter.message["Bcc"] is None
    assert "&lt;b&gt;" in letter.body("html")


async def test_whole_days_are_told_as_such_in_their_own_zone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a kind that keeps in a note's pin whether it is one, and in its color the zone."""
    member = stage.tenant.people["member"]
    kind = replace(NOTE, name="day", days=("is_pinned", "color"))
    monkeypatch.setitem(KINDS, kind.name, kind)
    note = await stage.note(member, title="Strike", is_pinned=True, color="America/New_York")

    await stage.plan(note, datetime(2030, 7, 1, 4, tzinfo=UTC), member, kind=kind)
    await stage.office.skip_waits()
    (letter,) = await stage.office.deliver()

    assert letter.subject == "Strike: Monday 1 July 2030"
    assert ":00" not in letter.body()
    assert "New_York" not in letter.body()


@pytest.mark.promise("R1")
async def test_nobody_is_mailed_about_what_he_may_not_read(stage: Stage) -> None:
    author, admin = stage.tenant.people["member"], stage.tenant.people["admin"]
    private = await stage.note(author, is_private=True, title="A secret")
    gone = await stage.note(author, title="Gone")
    for note in (private, gone):
        await stage.plan(note, ahead(hours=2), author, admin)
    assert (await author.api.delete(f"/tools/notes/{gone}")).status_code == 204

    titles = {item["record"]["id"]: item["record"]["title"] for item in await stage.reminders(admin)}
    assert (titles[str(private)], titles[str(gone)]) == (None, None)
    assert await stage.reminders(admin, q="secret") == []
    assert [item["record"]["title"] for item in await stage.reminders(author, q="SECRET")] == ["A secret"]
    await stage.office.skip_waits()
    letters = await stage.office.deliver()

    assert [(letter.to, letter.page) for letter in letters] == [(author.email, f"/notes/{private}")]
    assert [status for status, _ in await stage.of(private, admin)] == ["missed"]
    assert [status for status, _ in await stage.of(gone, author)] == ["missed"]


async def test_who_left_or_lost_his_rights_is_not_mailed(stage: Stage) -> None:
    async with owner_connection(stage.office.config, stage.tenant.name) as owner:
        people = [await things.insert_person(stage.office.http, owner, stage.tenant, "admin") for _ in range(3)]
    left, deprived, stays = people
    note = await stage.note(stays)
    await stage.plan(note, ahead(hours=2), *people)

    await stage.tenant.owner.patch(f"/users/{left.id}", json={"is_active": False})
    await stage.tenant.owner.put(f"/users/{deprived.id}/roles", json={"role_ids": []})
    await stage.office.skip_waits()

    assert [letter.to for letter in await stage.office.deliver()] == [stays.email]


async def test_what_is_held_up_is_sent_while_it_is_of_use(stage: Stage) -> None:
    member = stage.tenant.people["member"]
    soon, over = await stage.note(member, title="soon"), await stage.note(member, title="over")
    await stage.plan(soon, ahead(hours=30), member, offsets=[24 * 60])
    await stage.plan(over, ahead(hours=8), member, offsets=[120])

    await stage.pass_by(hours=10)
    letters = await stage.office.deliver()

    assert [letter.page for letter in letters] == [f"/notes/{soon}"]
    assert [status for status, _ in await stage.of(over, member)] == ["missed"]
    assert await stage.office.jobs() == []


@pytest.mark.promise("S8")
async def test_a_mail_that_cannot_leave_is_sent_later_and_once(stage: Stage) -> None:
    member, office = stage.tenant.people["member"], stage.office
    note = await stage.note(member)
    await stage.plan(note, ahead(hours=2), member)
    await office.skip_waits()
    office.folder.mkdir(parents=True, exist_ok=True)
    aside = office.folder.rename(office.folder.with_name("aside"))
    office.folder.write_text("in the way", encoding="utf-8")
    try:
        while await office.worker.run_once():
            pass
    finally:
        office.folder.unlink()
        aside.rename(office.folder)
    (job,) = await office.jobs()
    assert (job["kind"], job["attempts"], job["payload"].count("title")) == ("tools.reminder", 1, 0)
    assert [status for status, _ in await stage.of(note, member)] == ["pending"]

    await office.skip_waits()

    assert [letter.to for letter in await office.deliver()] == [member.email]
    assert [status for status, _ in await stage.of(note, member)] == ["sent"]
    told = [entry["target_id"] for entry in await entries(office.config, stage.tenant, "tools.reminder.sent")]
    assert told.count((await stage.reminders(member, status="sent", sort="-created_at"))[0]["id"]) == 1


@pytest.mark.promise("S8")
async def test_workers_that_compete_mail_each_reminder_once(stage: Stage) -> None:
    owner, admin = stage.tenant.people["owner"], stage.tenant.people["admin"]
    note, anchor = await stage.note(owner), ahead(hours=9)
    await asyncio.gather(*(stage.plan(note, anchor, owner, admin, offsets=[0, 5, 30]) for _ in range(8)))
    await stage.office.skip_waits()
    assert len(await stage.office.jobs()) == 6

    await asyncio.gather(*(new_worker(stage.office.app).run_once() for _ in range(4)))

    sent = [letter.to for letter in await stage.office.deliver()]
    assert sorted(sent) == sorted([owner.email, admin.email] * 3)


@pytest.mark.promise("T1")
async def test_a_reminder_is_dismissed_by_its_reader_only(
    stage: Stage, office: PostOffice, branches: dict[str, TestTenant]
) -> None:
    member, admin = stage.tenant.people["member"], stage.tenant.people["admin"]
    (neighbour,) = (branch for branch in branches.values() if branch.name != stage.tenant.name)
    note, anchor = await stage.note(member), ahead(hours=2)
    await stage.plan(note, anchor, member, admin)
    (mine,) = [item for item in await stage.reminders(member) if item["record"]["id"] == str(note)]
    path = f"/tools/reminders/{mine['id']}"

    assert all(item["record"]["id"] != str(note) for item in await stage.reminders(neighbour.people["member"]))
    for stranger in (admin, neighbour.people["member"], neighbour.people["owner"]):
        assert (await stranger.api.delete(path)).status_code == 404
    assert (await member.api.delete(path)).status_code == 204
    assert (await member.api.delete(path)).status_code == 404
    await stage.plan(note, anchor, member, admin)
    await office.skip_waits()

    assert [letter.to for letter in await office.deliver()] == [admin.email]
    assert [status for status, _ in await stage.of(note, member)] == ["dismissed"]
    await stage.plan(note, anchor + timedelta(hours=1), member)
    assert [status for status, _ in await stage.of(note, member)] == ["dismissed", "pending"]


async def test_a_tenant_that_is_not_served_mails_nobody(office: PostOffice, stage: Stage) -> None:
    member = stage.tenant.people["member"]
    note = await stage.note(member)
    await stage.plan(note, ahead(hours=2), member)
    await office.skip_waits()
    platform = {"headers": {"X-Platform-Key": PLATFORM_KEY, "X-Tenant-ID": None}}
    path = f"/platform/tenants/{stage.tenant.name.removeprefix('tenant_')}"
    operator = stage.tenant.anonymous

    assert (await operator.patch(path, json={"status": "suspended"}, **platform)).status_code == 200
    letters = await office.deliver()
    assert (await operator.patch(path, json={"status": "active"}, **platform)).status_code == 200

    assert letters == []
    assert [status for status, _ in await stage.of(note, member)] == ["missed"]


async def test_a_copy_of_a_tenant_mails_nobody(office: PostOffice, stage: Stage) -> None:
    member = stage.tenant.people["member"]
    note = await stage.note(member)
    await stage.plan(note, ahead(hours=2), member)
    platform = {"headers": {"X-Platform-Key": PLATFORM_KEY, "X-Tenant-ID": None}}
    source, copy = stage.tenant.name.removeprefix("tenant_"), things.word()

    cloned = await stage.tenant.anonymous.post(
        f"/platform/tenants/{source}/clone", json={"target": copy, "activate": True}, **platform
    )

    assert cloned.status_code == 201, cloned.text
    async with owner_connection(office.config, f"tenant_{copy}") as owner:
        there = await owner.fetch("SELECT status FROM reminders WHERE record_id = $1", UUID(str(note)))
    assert [row["status"] for row in there] == ["missed"]
    assert [status for status, _ in await stage.of(note, member)] == ["pending"]
