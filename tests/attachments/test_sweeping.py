"""What is removed for good, and what is not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI

from common.clock import now
from common.config import Config
from common.ids import new_id
from tests.attachments.conftest import Stored
from tests.support.apps import registered, services_of
from tests.support.probes import owner_connection
from tests.support.things import word
from tests.support.uploads import ATTACHMENTS, download, upload
from tests.support.world import Api, TestTenant
from tools import housekeeping
from tools.attachments.sweeping import sweep

Sweep = Callable[..., Awaitable[None]]


@pytest.fixture
def swept(app: FastAPI) -> Sweep:
    """Sweeps a tenant some days from now."""

    async def later(tenant: TestTenant, days: float) -> None:
        await sweep(services_of(app), await registered(app, tenant.name), now() + timedelta(days=days))

    return later


async def used(config: Config, tenant: TestTenant) -> tuple[int, int]:
    """How many rows there are, and how many bytes are counted."""
    async with owner_connection(config, tenant.name) as owner:
        found = await owner.fetchrow(
            "SELECT (SELECT count(*) FROM attachments), (SELECT used_bytes FROM attachment_usage)"
        )
    return tuple(found)


async def delete(api: Api, made: dict[str, Any]) -> None:
    """Delete an attachment."""
    assert (await api.delete(f"{ATTACHMENTS}/{made['id']}")).status_code == 204


@pytest.mark.promise("D2")
async def test_what_was_deleted_is_removed_when_its_time_is_over(
    tenant: TestTenant, config: Config, stored: Stored, swept: Sweep
) -> None:
    await tenant.owner.put("/settings/attachments.retention_days", json={"value": 7})
    shared, kept = word().encode() * 100, word().encode() * 10
    deleted = [await upload(tenant.owner, content) for content in (shared, kept, word().encode())]
    still = await upload(tenant.owner, kept)
    for made in deleted:
        await delete(tenant.owner, made)
    assert await used(config, tenant) == (4, sum((await stored(tenant)).values()))

    await swept(tenant, 6.9)
    assert len(await stored(tenant)) == 3
    assert (await tenant.owner.post(f"{ATTACHMENTS}/{deleted[0]['id']}/restore")).status_code == 200
    await delete(tenant.owner, deleted[0])
    await swept(tenant, 7.1)

    assert list((await stored(tenant)).values()) == [len(kept)]
    assert await used(config, tenant) == (1, len(kept))
    assert (await download(tenant.owner, still)).content == kept
    assert (await tenant.owner.post(f"{ATTACHMENTS}/{deleted[1]['id']}/restore")).status_code == 404
    async with owner_connection(config, tenant.name) as owner:
        entries = await owner.fetch(
            "SELECT target_id, actor_type FROM audit_logs WHERE action = 'tools.attachment.purged'"
        )
    assert {str(entry["target_id"]) for entry in entries} == {made["id"] for made in deleted}
    assert {entry["actor_type"] for entry in entries} == {"system"}
    again = await upload(tenant.owner, shared)
    assert (await download(tenant.owner, again)).content == shared


@pytest.mark.promise("D2")
async def test_a_file_without_a_row_is_removed_but_not_while_it_may_get_one(
    app: FastAPI, tenant: TestTenant, stored: Stored, swept: Sweep
) -> None:
    made = await upload(tenant.owner, b"has a row")
    folder = services_of(app).storage.folder((await registered(app, tenant.name)).name)
    async with folder.writing(new_id()) as writer:
        await writer.write(b"has none")

    await swept(tenant, 0.9)
    assert len(await stored(tenant)) == 2
    await swept(tenant, 1.5)  # once a day: this is not its time yet
    assert len(await stored(tenant)) == 2
    await swept(tenant, 2)

    assert list((await stored(tenant)).values()) == [len(b"has a row")]
    assert (await download(tenant.owner, made)).content == b"has a row"


async def test_every_tenant_is_tended_and_one_that_fails_does_not_stop_the_others(
    app: FastAPI, tenant: TestTenant, alpha: TestTenant, config: Config, stored: Stored
) -> None:
    made = [await upload(each.owner, word().encode()) for each in (tenant, alpha)]
    await delete(tenant.owner, made[0])
    async with owner_connection(config, alpha.name) as owner:
        await owner.execute("ALTER TABLE attachment_usage RENAME TO hidden")
    try:
        await housekeeping.clean_up(services_of(app), now() + timedelta(days=40))
    finally:
        async with owner_connection(config, alpha.name) as owner:
            await owner.execute("ALTER TABLE hidden RENAME TO attachment_usage")

    assert await stored(tenant) == {}
    assert (await download(alpha.owner, made[1])).status_code == 200
