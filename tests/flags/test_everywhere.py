"""Many at once, and many processes."""

from __future__ import annotations

import asyncio
import time
from typing import Final
from uuid import UUID

import pytest
from fastapi import FastAPI

from common.config import Config
from tests.flags.flags import FLAGS, SWITCHED, explained, flag, make, set_version
from tests.support.apps import Wired, registered, services_of
from tests.support.post import entries
from tests.support.probes import owner_connection, watched
from tests.support.world import Api, TestTenant

WITHIN: Final = 1.0  # seconds: what the service promises of other processes


@pytest.mark.promise("D4")
async def test_of_many_changes_at_once_each_counts(tenant: TestTenant, config: Config) -> None:
    """32 toggles of 2 flags, the set not yet begun: as many versions and audit entries as changes, and each flag where
    an even number of turns leaves it."""
    made = await asyncio.gather(*(tenant.owner.post(FLAGS, json=flag(key=key)) for key in ("one", "two") * 4))
    assert sorted(answer.status_code for answer in made) == [201] * 2 + [409] * 6
    assert await set_version(tenant.owner) == 2

    answers = await asyncio.gather(*(tenant.owner.post(f"{FLAGS}/{key}/toggle") for key in ("one", "two") * 16))

    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.json()["version"] for answer in answers) == sorted([*range(2, 18), *range(3, 19)])
    assert await set_version(tenant.owner) == 34
    flags = (await tenant.owner.get(FLAGS)).json()["items"]
    assert {(item["state"], item["version"]) for item in flags} == {("ENABLED", 17), ("ENABLED", 18)}
    assert len(await entries(config, tenant, "settings.flag.updated")) == 32


@pytest.mark.promise("D4")
async def test_documents_and_single_changes_at_once_end_as_one_of_them(tenant: TestTenant) -> None:
    """No deadlock, no server error; whoever insists on a version wins alone."""
    await tenant.owner.put(f"{FLAGS}/definition", json={"flags": {}})
    document = {"flags": {f"f{n}": {"state": "ENABLED", "variants": SWITCHED} for n in range(5)}}
    first = {"If-Match": '"v1"'}

    answers = await asyncio.gather(
        *(tenant.owner.put(f"{FLAGS}/definition", json=document, headers=first) for _ in range(8)),
        *(tenant.owner.post(FLAGS, json=flag(key=f"f{n % 5}")) for n in range(8)),
    )

    documents, singles = answers[:8], answers[8:]
    assert sorted({answer.status_code for answer in documents}) in ([200, 412], [412])
    assert [answer.status_code for answer in documents].count(200) <= 1
    assert {answer.status_code for answer in singles} <= {201, 409}
    changes = [answer for answer in answers if answer.status_code in {200, 201}]
    assert await set_version(tenant.owner) == 1 + len(changes)


async def test_another_process_knows_within_a_second(tenant: TestTenant, wired: Wired) -> None:
    elsewhere = Api(wired.http, tenant.owner.headers)
    item = await make(tenant.owner)
    for api in (elsewhere, tenant.owner) * 2:
        assert (await explained(api, item["key"]))["reason"] == "STATIC"

    for reason in ("DISABLED", "STATIC"):
        assert (await tenant.owner.post(f"{FLAGS}/{item['key']}/toggle")).status_code == 200
        changed_at = time.monotonic()
        assert (await explained(tenant.owner, item["key"]))["reason"] == reason
        while (await explained(elsewhere, item["key"]))["reason"] != reason:
            assert time.monotonic() - changed_at < WITHIN
            await asyncio.sleep(0.01)


async def test_evaluating_what_is_cached_asks_no_database(app: FastAPI, tenant: TestTenant) -> None:
    item = await make(tenant.owner)
    await explained(tenant.owner, item["key"])

    with watched(app) as traffic:
        for _ in range(3):
            await explained(tenant.owner, item["key"])

    assert traffic.checkouts == 0


async def test_a_change_that_changes_nothing_counts_nothing(tenant: TestTenant) -> None:
    item = await make(tenant.owner)
    path, version = f"{FLAGS}/{item['key']}", await set_version(tenant.owner)

    for body in ({}, {"state": "ENABLED"}, {"variants": {"off": False, "on": True}}):
        assert (await tenant.owner.patch(path, json=body)).json() == item
    document = (await tenant.owner.get(f"{FLAGS}/definition")).json()
    await tenant.owner.put(f"{FLAGS}/definition", json=document)

    assert await set_version(tenant.owner) == version


async def test_uses_are_noted_without_a_version(app: FastAPI, tenant: TestTenant) -> None:
    """And what nobody has used for days can be found."""
    used, unused = await make(tenant.owner), await make(tenant.owner)
    usage = services_of(app).flag_usage
    await usage.flush()
    usage.note_all(await registered(app, tenant.name), [UUID(used["id"])])
    version = await set_version(tenant.owner)

    with watched(app) as traffic:
        await usage.flush()
        await usage.flush()

    assert len(traffic.statements) == 1
    after = {item["key"]: item for item in (await tenant.owner.get(FLAGS)).json()["items"]}
    noted = after[used["key"]]
    assert (noted["last_evaluated_at"] > used["created_at"], noted["version"]) == (True, 1)
    assert {name for name in noted if noted[name] != used[name]} == {"last_evaluated_at"}
    assert after[unused["key"]] == unused
    assert await set_version(tenant.owner) == version


async def test_what_nobody_asks_for_is_stale(tenant: TestTenant, config: Config) -> None:
    """Counted from the last evaluation, or from the beginning if there was none."""
    ages = {"old": (50, None), "asked lately": (50, 3), "asked long ago": (50, 40), "new": (0, None)}
    flags = {name: await make(tenant.owner) for name in ages}
    async with owner_connection(config, tenant.name) as owner:
        for name, (made, asked) in ages.items():
            await owner.execute(
                """UPDATE feature_flags SET created_at = now() - $2 * interval '1 day',
                          last_evaluated_at = now() - $3 * interval '1 day' WHERE key = $1""",
                flags[name]["key"], made, asked,
            )  # fmt: skip

    for days, names in ((1, {"old", "asked lately", "asked long ago"}), (30, {"old", "asked long ago"}), (45, {"old"})):
        answer = await tenant.owner.get(FLAGS, params={"stale_days": days})
        found = {item["key"] for item in answer.json()["items"]}
        assert found == {flags[name]["key"] for name in names}, days
    for wrong in ("0", "-1", "3651", "x"):
        assert (await tenant.owner.get(FLAGS, params={"stale_days": wrong})).status_code == 422
