"""Invitations: who is told what by mail, once, with a file for calendars; and answers, also without an account."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from common.clock import now
from common.config import Config
from tests.events import reader
from tests.events.calendars import EVENTS, make
from tests.support.post import Letter, PostOffice
from tests.support.probes import owner_connection
from tests.support.staff import Staff
from tests.support.things import insert_person, word
from tests.support.world import Api, Person, TestTenant

SOON = {
    "starts_at": (now() + timedelta(days=2)).isoformat(),
    "ends_at": (now() + timedelta(days=2, hours=1)).isoformat(),
}


def calendar_of(letter: Letter) -> tuple[str, reader.Component]:
    """The method that a mail names, and its file, which it carries twice."""
    parts = {part.get_content_type(): part for part in letter.message.walk()}
    alternative, attached = parts["text/calendar"], parts["application/ics"]
    data = attached.get_payload(decode=True)
    assert isinstance(data, bytes)
    shown = alternative.get_payload(decode=True)
    assert isinstance(shown, bytes)
    assert shown.replace(b"\r\n", b"\n").strip() == data.replace(b"\r\n", b"\n").strip()
    assert attached.get_filename() == "invitation.ics"
    calendar = reader.read(data)
    method = alternative.get_content_type() and alternative["Content-Type"].params["method"]
    assert calendar.text("METHOD") == method
    return str(method), calendar


async def a_guest(office: PostOffice, branch: TestTenant) -> Person:
    """A member whose mails nobody else gets."""
    async with owner_connection(office.config, branch.name) as owner:
        return await insert_person(office.http, owner, branch, "member")


async def mails(office: PostOffice) -> dict[str, Letter]:
    """What was delivered, by the name before the @."""
    letters = await office.deliver()
    found = {letter.to.partition("@")[0]: letter for letter in letters}
    assert len(found) == len(letters)
    return found


async def test_who_is_invited_is_told_what_becomes_of_it(office: PostOffice, branch: TestTenant) -> None:
    guest, outside = await a_guest(office, branch), word()
    people = [{"user_id": guest.id}, {"email": f"{outside}@guests.example"}, {"user_id": branch.people["owner"].id}]
    event = await make(branch.owner, title="Tour\nplan", **SOON, attendees=people, rrule="FREQ=DAILY")
    address = f"{EVENTS}/{event['id']}"

    invited = await mails(office)
    await branch.owner.patch(address, json={"description": "no reason for a mail"})
    quiet = await mails(office)
    await branch.owner.patch(address, json={"location": "Lobby"})
    changed = await mails(office)
    await branch.owner.patch(address, json={"attendees": people[:1]})
    uninvited = await mails(office)
    await branch.owner.delete(address)
    deleted = await mails(office)
    await branch.owner.post(f"{address}/restore")
    restored = await mails(office)

    assert invited.keys() == changed.keys() == {guest.username, outside}  # not who did it
    assert quiet == {}
    assert uninvited.keys() == {outside}
    assert deleted.keys() == restored.keys() == {guest.username}
    assert invited[outside].subject == "Invitation: Tour plan"
    told = [invited[outside], changed[outside], uninvited[outside]]
    files = [calendar_of(letter) for letter in told]
    assert [method for method, _ in files] == ["REQUEST", "REQUEST", "CANCEL"]
    components = [calendar.all("VEVENT")[0] for _, calendar in files]
    assert {one.text("UID") for one in components} == {event["id"]}
    assert [one.text("SEQUENCE") for one in components] == ["0", "2", "3"]
    assert [one.text("STATUS") for one in components] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]
    assert components[1].text("ORGANIZER") == "mailto:owner@twin.example"
    attendees = [value for name, _, value in components[1].properties if name == "ATTENDEE"]
    assert attendees == [f"mailto:{outside}@guests.example"]  # and nobody else's address


async def test_a_mail_speaks_its_reader_s_language_and_time(office: PostOffice, branch: TestTenant) -> None:
    guest = await a_guest(office, branch)
    await branch.owner.patch(f"/users/{guest.id}", json={"locale": "el-GR", "timezone": "Asia/Tokyo"})
    await office.clear()
    times = {"starts_at": "2030-05-01T15:30:00Z", "ends_at": "2030-05-01T16:30:00Z"}
    event = await make(branch.owner, title="Ξενάγηση", **times, attendees=[{"user_id": guest.id}])

    invited = await office.letter(f"{guest.username}@twin.example")
    await branch.owner.patch(f"{EVENTS}/{event['id']}", json={"status": "cancelled"})
    cancelled = await office.letter(f"{guest.username}@twin.example")

    assert (invited.subject, cancelled.subject) == ("Πρόσκληση: Ξενάγηση", "Ακύρωση: Ξενάγηση")
    assert "2030-05-02 00:30 – 01:30 (Asia/Tokyo)" in invited.body()
    assert invited.page == "/event-response"
    assert "Ξενάγηση" in cancelled.body("html")


async def test_of_what_is_over_nobody_is_told(office: PostOffice, branch: TestTenant) -> None:
    past = {"starts_at": "2024-05-01T15:30:00Z", "ends_at": "2024-05-01T16:30:00Z"}
    event = await make(branch.owner, **past, attendees=[{"email": f"{word()}@guests.example"}])
    await branch.owner.patch(f"{EVENTS}/{event['id']}", json={"title": "Other"})
    await branch.owner.delete(f"{EVENTS}/{event['id']}")

    assert await mails(office) == {}


async def test_a_mail_that_was_overtaken_is_not_sent(office: PostOffice, branch: TestTenant) -> None:
    outside = word()
    event = await make(branch.owner, **SOON, attendees=[{"email": f"{outside}@guests.example"}])
    await branch.owner.patch(f"{EVENTS}/{event['id']}", json={"title": "Other"})
    await branch.owner.patch(f"{EVENTS}/{event['id']}", json={"attendees": []})

    (letter,) = (await mails(office)).values()

    assert letter.subject == "Cancelled: Other"


@pytest.mark.promise("S8")
async def test_a_refused_change_tells_nobody(office: PostOffice, branch: TestTenant) -> None:
    """Mails are ordered by the transaction that stores what they tell."""
    event = await make(branch.owner, **SOON)
    people = [{"email": f"{word()}@guests.example"}, {"user_id": event["id"]}]

    answer = await branch.owner.patch(f"{EVENTS}/{event['id']}", json={"attendees": people})

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_reference")
    assert await office.jobs() == []


@pytest.mark.promise("I4")
async def test_a_link_is_good_or_worthless_while_its_invitation_is_taken_back(
    office: PostOffice, branch: TestTenant
) -> None:
    anonymous = Api(office.http, {"X-Tenant-ID": branch.name})
    guests = [{"email": f"{word()}@guests.example"} for _ in range(8)]
    event = await make(branch.owner, **SOON, attendees=guests)
    links = [f"{EVENTS}/respond/{letter.token}" for letter in await office.deliver()]

    answers = await asyncio.gather(
        *(anonymous.get(link) for link in links * 2),
        branch.owner.patch(f"{EVENTS}/{event['id']}", json={"attendees": []}),
        *(anonymous.post(link, json={"response": "accepted"}) for link in links),
        *(anonymous.get(link) for link in links),
    )

    for answer in answers:
        assert answer.status_code == 200 or (answer.status_code, answer.json()["code"]) == (400, "token_invalid")
    after = [await anonymous.get(link) for link in links]
    assert {answer.json()["code"] for answer in after} == {"token_invalid"}


@pytest.mark.promise("I4")
async def test_the_link_in_a_mail_answers_and_reading_it_does_not(office: PostOffice, branch: TestTenant) -> None:
    outside = word()
    event = await make(branch.owner, **SOON, attendees=[{"email": f"{outside}@guests.example"}])
    address, anonymous = f"{EVENTS}/{event['id']}", Api(office.http, {})
    letter = (await mails(office))[outside]
    link = f"{EVENTS}/respond/{letter.token}"

    seen = [await anonymous.get(link) for _ in range(2)]
    answers = [
        await anonymous.post(link, json={"response": "accepted", "comment": "With my son"}),
        await anonymous.post(link, json={"response": "declined"}),
    ]

    assert [(answer.status_code, answer.json()["response"]) for answer in seen] == [(200, "needs_action")] * 2
    assert [(answer.status_code, answer.json()["response"]) for answer in answers] == [
        (200, "accepted"),
        (200, "declined"),
    ]
    (person,) = (await branch.owner.get(address)).json()["attendees"]
    assert (person["response"], person["comment"], person["responded_at"] is not None) == ("declined", None, True)
    told = [letter.subject for letter in await office.deliver()]
    assert told == [f"{outside}@guests.example declined: {event['title']}"] * 2  # both say how it is by now
    await branch.owner.patch(address, json={"title": "Other"})
    newer = (await mails(office))[outside].token
    for token in (letter.token, letter.token[:-1] + "A", f"{branch.name.removeprefix('tenant_')}.{'A' * 43}"):
        answer = await anonymous.post(f"{EVENTS}/respond/{token}", json={"response": "accepted"})
        assert (answer.status_code, answer.json()["code"]) == (400, "token_invalid")
    assert (await anonymous.get(f"{EVENTS}/respond/{newer}")).status_code == 200
    await branch.owner.delete(address)
    assert (await anonymous.get(f"{EVENTS}/respond/{newer}")).status_code == 400
    async with owner_connection(office.config, branch.name) as owner:
        stored = "SELECT count(*) FROM event_attendees a WHERE strpos(a::text, $1) > 0"
        assert await owner.fetchval(stored, newer.partition(".")[2]) == 0


async def test_a_user_answers_for_himself(twin: TestTenant, staff: Staff) -> None:
    people = [{"user_id": staff.author.id}, {"user_id": staff.colleague.id, "response": "accepted"}]
    event = await make(staff.outsider.api, attendees=people)
    address = f"{EVENTS}/{event['id']}/respond"

    mine = await staff.author.api.post(address, json={"response": "tentative", "comment": "Maybe late"})
    same = await staff.author.api.post(address, json={"response": "tentative", "comment": "Maybe late"})
    refused = await twin.owner.post(address, json={"response": "accepted"})
    hidden = await staff.manager.api.post(address, json={"response": "accepted"})

    assert (mine.status_code, mine.headers["ETag"], same.headers["ETag"]) == (200, '"v2"', '"v2"')
    answers = {one["user_id"]: (one["response"], one["comment"]) for one in mine.json()["attendees"]}
    assert answers == {staff.author.id: ("tentative", "Maybe late"), staff.colleague.id: ("accepted", None)}
    assert (refused.status_code, refused.json()["code"]) == (403, "not_invited")
    assert hidden.status_code == 404
    changed = await staff.author.api.patch(f"{EVENTS}/{event['id']}", json={"title": "Mine now"})
    assert (changed.status_code, changed.json()["code"]) == (403, "permission_denied")
    again = await staff.outsider.api.put(
        f"{EVENTS}/{event['id']}",
        json={"title": "x", "starts_at": event["starts_at"], "ends_at": event["ends_at"], "attendees": people[:1]},
    )
    assert [one["comment"] for one in again.json()["attendees"]] == ["Maybe late"]  # who stays keeps his answer


@pytest.mark.promise("D4")
async def test_thirty_two_answer_at_once(office: PostOffice, branch: TestTenant) -> None:
    names = [word() for _ in range(32)]
    event = await make(branch.owner, **SOON, attendees=[{"email": f"{name}@guests.example"} for name in names])
    tokens = [letter.token for letter in (await mails(office)).values()]
    anonymous = Api(office.http, {})

    answers = await asyncio.gather(
        *(anonymous.post(f"{EVENTS}/respond/{token}", json={"response": "accepted"}) for token in tokens)
    )

    assert {answer.status_code for answer in answers} == {200}
    shown = (await branch.owner.get(f"{EVENTS}/{event['id']}")).json()
    assert {one["response"] for one in shown["attendees"]} == {"accepted"}
    assert shown["version"] == 33


@pytest.mark.promise("T1")
@pytest.mark.parametrize("whose", ["neighbour", "nobody"])
async def test_who_is_no_user_here_cannot_be_invited(
    twin: TestTenant, neighbour: Staff, config: Config, whose: str
) -> None:
    event = await make(twin.owner)
    stranger = neighbour.author.id if whose == "neighbour" else event["id"]
    people: list[dict[str, Any]] = [{"user_id": stranger}]

    refused = [
        await twin.owner.patch(f"{EVENTS}/{event['id']}", json={"attendees": people}),
        await twin.owner.post(EVENTS, json={"title": "stray", **SOON, "attendees": people}),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [(422, "unknown_reference")] * 2
    async with owner_connection(config, twin.name) as owner:
        assert await owner.fetchval("SELECT count(*) FROM event_attendees WHERE user_id = $1", stranger) == 0
        assert await owner.fetchval("SELECT count(*) FROM events WHERE title = 'stray'") == 0
