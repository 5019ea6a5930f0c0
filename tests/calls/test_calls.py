"""What is special about calls: numbers, times and durations, and telephone systems that tell of a call twice."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common.config import Config
from tests.support.probes import owner_connection
from tests.support.staff import Staff
from tests.support.things import word
from tests.support.world import Api, TestTenant

CALLS = "/tools/calls"
BEGAN, ENDED = "2026-03-01T09:00:00Z", "2026-03-01T09:01:30.700000Z"


@pytest.fixture(params=["alpha", "beta"])
def twin(request: pytest.FixtureRequest, alpha: TestTenant, beta: TestTenant) -> TestTenant:
    """One twin, then the other."""
    return alpha if request.param == "alpha" else beta


@pytest.fixture
def staff(twin: TestTenant, all_staff: dict[str, Staff]) -> Staff:
    """The people of that twin."""
    return all_staff[twin.name]


async def make(api: Api, **fields: Any) -> dict[str, Any]:
    """A new call."""
    answer = await api.post(CALLS, json={"direction": "inbound", "status": "completed", **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def found(api: Api, **query: Any) -> list[str]:
    """The contacts of the calls on the first page."""
    answer = await api.get(CALLS, params=query)
    assert answer.status_code == 200, answer.text
    return [item["contact_name"] for item in answer.json()["items"]]


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("+302101234567", "+302101234567"),
        (" +30 210 123-4567 ", "+302101234567"),
        ("+44 (0)20 7946.0958", "+442079460958"),
        ("+1 (212) 555‑0123", "+12125550123"),
        ("+49 30/901820", "+4930901820"),
    ],
)
async def test_a_number_is_stored_in_one_form(twin: TestTenant, written: str, stored: str) -> None:
    name = word()
    call = await make(twin.owner, phone_number=written, contact_name=name)

    assert call["phone_number"] == stored
    for number in (stored, written.strip()):
        assert name in await found(twin.owner, phone_number=number)
    address = f"{CALLS}?phone_number={stored}"  # where a plus means a space
    assert name in [item["contact_name"] for item in (await twin.owner.get(address)).json()["items"]]


@pytest.mark.promise("S7")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(
            ("phone_number", number)
            for number in ("2101234567", "+0210123", "+1", "+1234567890123456", "+30-tel", "", 5)
        ),
        ("phone_number", "+٣٠٢١٠١٢٣٤٥"),
        ("phone_number", "+3021" + "-" * 80),
        ("phone_number", "+30210\0"),
        ("direction", "sideways"),
        ("status", None),
        ("duration_seconds", -1),
        ("duration_seconds", 10**9),
        ("duration_seconds", 1.5),
        ("recording_url", "ftp://pbx.example/1"),
        ("recording_url", "javascript:alert(1)"),
        ("recording_url", "/recordings/1"),
        ("started_at", "2026-03-01T09:00:00"),
        ("started_at", "0001-01-01T00:00:00Z"),
        ("started_at", 1_772_355_600),
        ("started_at", "1772355600"),
        ("ended_at", "9999-12-31T23:59:59-14:00"),
        ("notes", "x" * 1_000_000),
        ("external_id", ""),
        ("external_id", "x" * 129),
        ("contact_ref", "x" * 129),
        ("outcome", "x" * 501),
    ],
)
async def test_what_is_not_so_is_refused(alpha: TestTenant, field: str, value: object) -> None:
    answer = await alpha.owner.post(CALLS, json={"direction": "inbound", "status": "completed", field: value})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/body/{field}"


async def test_a_wrong_number_is_told_what_a_right_one_is(alpha: TestTenant) -> None:
    body = {"direction": "inbound", "status": "completed", "phone_number": "00302101234567"}

    answer = await alpha.owner.post(CALLS, json=body)

    assert "E.164" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("fields", "duration"),
    [
        ({"started_at": BEGAN, "ended_at": ENDED}, 90),
        ({"started_at": BEGAN, "ended_at": ENDED, "duration_seconds": 60}, 60),
        ({"started_at": BEGAN, "ended_at": ENDED, "duration_seconds": 91}, 91),
        ({"started_at": BEGAN, "duration_seconds": 5000}, 5000),
        ({"duration_seconds": 60}, 60),
        ({"started_at": BEGAN, "ended_at": BEGAN}, 0),
        ({"started_at": BEGAN, "ended_at": ENDED, "status": "no_answer"}, None),
        ({"started_at": BEGAN, "ended_at": ENDED, "status": "failed", "duration_seconds": 5}, 5),
        ({"started_at": "2126-03-01T09:00:00Z", "status": "planned"}, None),
        ({"status": "cancelled"}, None),
    ],
)
async def test_a_duration_is_computed_where_none_is_given(
    twin: TestTenant, fields: dict[str, Any], duration: int | None
) -> None:
    call = await make(twin.owner, **fields)

    assert call["duration_seconds"] == duration


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"started_at": BEGAN, "ended_at": ENDED, "duration_seconds": 92}, "duration_seconds"),
        ({"started_at": ENDED, "ended_at": BEGAN}, "ended_at"),
        ({"started_at": "1990-01-01T00:00:00Z", "ended_at": ENDED}, "ended_at"),
        ({"ended_at": ENDED}, "started_at"),
        ({"started_at": "2126-03-01T09:00:00Z"}, "started_at"),
        ({"status": "planned", "started_at": BEGAN, "ended_at": ENDED}, "ended_at"),
        ({"status": "planned", "duration_seconds": 0}, "duration_seconds"),
        ({"status": "cancelled", "started_at": BEGAN, "ended_at": ENDED}, "ended_at"),
    ],
)
async def test_times_that_cannot_be_are_refused(twin: TestTenant, fields: dict[str, Any], pointer: str) -> None:
    planned = await make(twin.owner, status="planned")
    body = {"direction": "inbound", "status": "completed", **fields}

    for method, path in (("POST", CALLS), ("PUT", f"{CALLS}/{planned['id']}"), ("PATCH", f"{CALLS}/{planned['id']}")):
        answer = await twin.owner.request(method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "call_invalid"), method
        assert answer.json()["errors"][0]["pointer"] == f"/body/{pointer}"
    assert (await twin.owner.get(f"{CALLS}/{planned['id']}")).json() == planned


async def test_a_planned_call_is_made_and_its_duration_follows_its_times(twin: TestTenant) -> None:
    call = await make(twin.owner, status="planned", started_at=BEGAN)

    async def change(**fields: Any) -> Any:
        answer = await twin.owner.patch(f"{CALLS}/{call['id']}", json=fields)
        assert answer.status_code == 200, answer.text
        return answer.json()["duration_seconds"]

    assert await change(status="completed", ended_at=ENDED) == 90
    assert await change(duration_seconds=30) == 30
    assert await change(notes="Kept") == 30
    assert await change(ended_at="2026-03-01T09:10:00Z") == 600
    assert await change(status="missed") is None
    refused = await twin.owner.patch(f"{CALLS}/{call['id']}", json={"status": "planned"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/body/ended_at")
    assert await change(status="planned", ended_at=None) is None


@pytest.mark.promise("D4")
async def test_a_replay_is_answered_by_the_first(twin: TestTenant, staff: Staff, config: Config) -> None:
    name = word()
    body = {"direction": "inbound", "status": "completed", "external_id": name}

    answers = await asyncio.gather(
        *(staff.author.api.post(CALLS, json=body | {"notes": f"number {number}"}) for number in range(32))
    )

    assert sorted(answer.status_code for answer in answers) == [200] * 31 + [201]
    (first,) = (answer.json() for answer in answers if answer.status_code == 201)
    assert all(answer.json() == first and answer.headers["ETag"] == '"v1"' for answer in answers)
    async with owner_connection(config, twin.name) as owner:
        assert await owner.fetchval("SELECT count(*) FROM log_calls WHERE external_id = $1", name) == 1
        target = "SELECT count(*) FROM audit_logs WHERE target_id = $1"
        assert await owner.fetchval(target, first["id"]) == 1


@pytest.mark.promise("T1")
async def test_a_replay_may_have_an_idempotency_key_of_its_own(twin: TestTenant) -> None:
    """Nothing is changed then, but an answer is kept."""
    body = {"direction": "inbound", "status": "missed", "external_id": word()}

    answers = [
        await twin.owner.post("/tools/calls", json=body, headers={"Idempotency-Key": key}) for key in ("a", "b", "b")
    ]

    assert [answer.status_code for answer in answers] == [201, 200, 200]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert [answer.headers.get("Idempotency-Replayed") for answer in answers] == [None, None, "true"]


async def test_an_external_id_is_one_s_tenant_s(
    alpha: TestTenant, beta: TestTenant, all_staff: dict[str, Staff]
) -> None:
    name = word()
    theirs, ours = [await make(tenant.owner, external_id=name) for tenant in (beta, alpha)]
    assert theirs["id"] != ours["id"]

    body = {"direction": "inbound", "status": "missed", "external_id": name}
    reader, stranger = all_staff[alpha.name].reader, all_staff[alpha.name].outsider
    allowed = await reader.api.post(CALLS, json=body)
    refused = await stranger.api.post(CALLS, json=body)

    assert (allowed.status_code, allowed.json()) == (200, ours)
    assert (refused.status_code, refused.json()["code"]) == (409, "external_id_taken")
    assert ours["id"] not in refused.text


async def test_an_external_id_is_one_call_s(twin: TestTenant) -> None:
    name = word()
    first, other = await make(twin.owner, external_id=name), await make(twin.owner)

    taken = await twin.owner.patch(f"{CALLS}/{other['id']}", json={"external_id": name})
    assert (taken.status_code, taken.json()["code"]) == (409, "external_id_taken")
    assert (await twin.owner.delete(f"{CALLS}/{first['id']}")).status_code == 204
    second = await make(twin.owner, external_id=name)
    back = await twin.owner.post(f"{CALLS}/{first['id']}/restore")
    assert (back.status_code, back.json()["code"]) == (409, "external_id_taken")
    assert (await twin.owner.get(CALLS, params={"external_id": name})).json()["items"] == [second]


async def test_lists_are_narrowed_and_ordered_by_when_calls_began(tenant: TestTenant) -> None:
    moments = [f"2026-03-0{day}T09:00:00Z" for day in range(1, 5)]
    statuses = ("completed", "missed", "busy", "completed")
    for number, (moment, status) in enumerate(zip(moments, statuses, strict=True)):
        direction = "inbound" if number % 2 else "outbound"
        await make(tenant.owner, contact_name=str(number), started_at=moment, status=status, direction=direction)
    await make(tenant.owner, contact_name="now", outcome="Booked", contact_ref="customer:7")
    soon = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    await make(tenant.owner, contact_name="soon", status="planned", started_at=soon)

    assert await found(tenant.owner) == ["soon", "now", "3", "2", "1", "0"]
    assert await found(tenant.owner, sort="started_at", limit=2) == ["0", "1"]
    assert await found(tenant.owner, direction="outbound") == ["2", "0"]
    assert await found(tenant.owner, status=["missed", "busy"]) == ["2", "1"]
    assert await found(tenant.owner, started_after=moments[0], started_before=moments[3]) == ["2", "1"]
    assert await found(tenant.owner, outcome="Booked") == ["now"]
    assert await found(tenant.owner, contact_ref="customer:7", q="boo") == ["now"]
    for query in ({"status": "lost"}, {"direction": "up"}, {"phone_number": "5"}, {"started_after": "monday"}):
        assert (await tenant.owner.get(CALLS, params=query)).status_code == 422
