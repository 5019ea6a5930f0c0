"""A switch that was scheduled: done once, by itself, unless it was moved or taken back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.flags.flags import FLAGS, explained, faults, flag, make, set_version
from tests.support.post import PostOffice, entries
from tests.support.probes import owner_connection
from tests.support.servers import PLATFORM_KEY
from tests.support.world import Api, TestTenant


def at(**ahead: float) -> str:
    return (datetime.now(UTC) + timedelta(**ahead)).isoformat()


async def shown(branch: TestTenant, key: str) -> dict[str, Any]:
    found: dict[str, Any] = (await branch.owner.get(f"{FLAGS}/{key}")).json()
    return found


async def switches(office: PostOffice, branch: TestTenant, key: str) -> list[dict[str, Any]]:
    """The audit entries of this flag's switches."""
    found = await entries(office.config, branch, "settings.flag.switched")
    return [entry for entry in found if entry["target_name"] == key]


@pytest.mark.promise("D2")
async def test_a_switch_is_done_once_and_by_nobody(office: PostOffice, branch: TestTenant) -> None:
    """With an audit entry and a version like any change, and evaluations know of it at once."""
    item = await make(branch.owner, switch_at=at(hours=1), switch_to="DISABLED")
    await office.deliver()
    assert (await explained(branch.owner, item["key"]))["reason"] == "STATIC"
    version = await set_version(branch.owner)

    await office.skip_waits()
    await office.deliver()

    after = await shown(branch, item["key"])
    assert [after[name] for name in ("state", "switch_at", "switch_to", "version", "updated_by")] == [
        "DISABLED", None, None, 2, None,
    ]  # fmt: skip
    assert await set_version(branch.owner) == version + 1
    assert (await explained(branch.owner, item["key"]))["reason"] == "DISABLED"
    (entry,) = await switches(office, branch, item["key"])
    assert (entry["actor_type"], entry["actor_id"], entry["outcome"]) == ("system", None, "success")
    assert {change["path"] for change in json.loads(entry["changes"])} == {"state", "switch_at", "switch_to"}


async def test_a_job_that_comes_twice_or_late_does_no_harm(office: PostOffice, branch: TestTenant) -> None:
    """A worker that died after its commit has its job done again: by then somebody may have turned the flag on."""
    item = await make(branch.owner, switch_at=at(hours=1), switch_to="DISABLED")
    (job,) = [job for job in await office.jobs() if job["kind"] == "flags.switch"]
    await office.skip_waits()
    await office.deliver()
    await branch.owner.post(f"{FLAGS}/{item['key']}/toggle")
    before = await shown(branch, item["key"])
    async with owner_connection(office.config, "system") as owner:
        await owner.execute(
            """INSERT INTO outbox (id, tenant_id, kind, payload, run_at)
               SELECT gen_random_uuid(), id, 'flags.switch', $1, now() FROM tenants WHERE schema_name = $2""",
            job["payload"], branch.name,
        )  # fmt: skip

    await office.deliver()

    assert await office.jobs() == []
    assert await shown(branch, item["key"]) == before
    assert len(await switches(office, branch, item["key"])) == 1


@pytest.mark.parametrize("change", ["moved", "other_state", "cleared", "deleted", "replaced"])
async def test_a_switch_that_was_changed_voids_the_old_job(office: PostOffice, branch: TestTenant, change: str) -> None:
    item = await make(branch.owner, switch_at=at(hours=1), switch_to="DISABLED")
    path, moved = f"{FLAGS}/{item['key']}", at(hours=2)
    changes: dict[str, tuple[str, dict[str, Any] | None]] = {
        "moved": ("PATCH", {"switch_at": moved}),
        "other_state": ("PATCH", {"switch_to": "ENABLED"}),
        "cleared": ("PATCH", {"switch_at": None}),
        "deleted": ("DELETE", None),
        "replaced": ("PUT", {"variants": item["variants"]}),
    }
    method, body = changes[change]
    answer = await branch.owner.request(method, path, json=body)
    assert answer.status_code in {200, 204}, answer.text
    if change == "deleted":
        await make(branch.owner, key=item["key"])
    orders = [json.loads(job["payload"]) for job in await office.jobs() if job["kind"] == "flags.switch"]
    before = await shown(branch, item["key"])

    async with owner_connection(office.config, "system") as owner:  # the first order's time has come, not a second's
        await owner.execute(
            "UPDATE outbox SET run_at = now() WHERE payload ->> 'switch_at' = $1 AND payload ->> 'switch_to' = $2",
            orders[0]["switch_at"], orders[0]["switch_to"],
        )  # fmt: skip
    await office.deliver()

    assert await shown(branch, item["key"]) == before
    assert len(orders) == (2 if change in {"moved", "other_state"} else 1)
    await office.skip_waits()
    await office.deliver()
    expected = "DISABLED" if change == "moved" else "ENABLED"
    assert ((await shown(branch, item["key"]))["state"], await office.jobs()) == (expected, [])


async def test_a_switch_has_a_time_to_come_and_a_state(branch: TestTenant) -> None:
    item = await make(branch.owner)
    path = f"{FLAGS}/{item['key']}"

    for body, place, code in (
        ({"switch_at": at(hours=1)}, "switch_to", "switch_incomplete"),
        ({"switch_to": "DISABLED"}, "switch_at", "switch_incomplete"),
        ({"switch_at": at(hours=-1), "switch_to": "DISABLED"}, "switch_at", "switch_out_of_range"),
        ({"switch_at": at(days=4000), "switch_to": "DISABLED"}, "switch_at", "switch_out_of_range"),
        ({"switch_at": "0001-01-01T00:00:00+14:00", "switch_to": "ENABLED"}, "switch_at", "switch_out_of_range"),
        ({"switch_at": "9999-12-31T23:59:59-14:00", "switch_to": "ENABLED"}, "switch_at", "switch_out_of_range"),
    ):
        answer = await branch.owner.patch(path, json=body)
        assert faults(answer) == {(f"/body/{place}", code)}, body
    naive = await branch.owner.post(FLAGS, json=flag(switch_at="2030-01-01T00:00:00", switch_to="ENABLED"))

    assert naive.status_code == 422
    assert await shown(branch, item["key"]) == item


async def test_other_changes_leave_the_switch_as_it_is(office: PostOffice, branch: TestTenant) -> None:
    """Also one whose time has passed while no worker was running: the job is late, the flag can be edited all the
    same."""
    item = await make(branch.owner, switch_at=at(hours=1), switch_to="DISABLED")
    past = datetime.now(UTC) - timedelta(hours=1)
    async with owner_connection(office.config, branch.name) as owner:
        await owner.execute("UPDATE feature_flags SET switch_at = $1 WHERE key = $2", past, item["key"])

    answer = await branch.owner.patch(f"{FLAGS}/{item['key']}", json={"description": "Late"})

    assert (answer.status_code, answer.json()["switch_to"]) == (200, "DISABLED")
    assert len([job for job in await office.jobs() if job["kind"] == "flags.switch"]) == 1


@pytest.mark.parametrize("way", ["clone", "import"])
async def test_a_copy_of_the_tenant_does_its_own_switches(office: PostOffice, branch: TestTenant, way: str) -> None:
    """Also one whose time went by in the archive: late, as when no process was running. The original does its own."""
    operator = Api(office.http, {"X-Platform-Key": PLATFORM_KEY})
    source, copy_name = branch.name.removeprefix("tenant_"), f"{branch.name.removeprefix('tenant_')}_{way}"
    ahead = await make(branch.owner, switch_at=at(hours=1, microseconds=1), switch_to="DISABLED")
    late = await make(branch.owner, switch_at=at(hours=1), switch_to="DISABLED")
    plain = await make(branch.owner)
    async with owner_connection(office.config, branch.name) as owner:
        past = datetime.now(UTC) - timedelta(days=1)
        await owner.execute("UPDATE feature_flags SET switch_at = $1 WHERE key = $2", past, late["key"])
    await office.clear()

    if way == "clone":
        made = await operator.post(f"/platform/tenants/{source}/clone", json={"target": copy_name})
    else:
        archive = await operator.post(f"/platform/tenants/{source}/export")
        made = await operator.post("/platform/tenants/import", params={"tenant": copy_name}, content=archive.content)

    assert (made.status_code, made.json()["status"]) == (201, "suspended"), made.text
    assert await states(office, f"tenant_{copy_name}", ahead, late, plain) == ["ENABLED", "ENABLED", "ENABLED"]
    await office.deliver()
    assert await states(office, f"tenant_{copy_name}", ahead, late, plain) == ["ENABLED", "DISABLED", "ENABLED"]
    await office.skip_waits()
    await office.deliver()
    assert await states(office, f"tenant_{copy_name}", ahead, late, plain) == ["DISABLED", "DISABLED", "ENABLED"]
    assert await states(office, branch.name, ahead, late, plain) == ["ENABLED", "ENABLED", "ENABLED"]
    assert await office.jobs() == []


async def states(office: PostOffice, schema: str, *flags: dict[str, Any]) -> list[str]:
    """What state these flags have in a tenant that need not be served."""
    async with owner_connection(office.config, schema) as owner:
        stored = {row["key"]: row["state"] for row in await owner.fetch("SELECT key, state FROM feature_flags")}
    return [stored[item["key"]] for item in flags]
