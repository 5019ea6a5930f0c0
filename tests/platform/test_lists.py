"""The platform's lists do what all lists do; they are of no tenant."""

from __future__ import annotations

import httpx
import pytest

from common.config import Config
from common.ids import new_id
from tests.support.contracts import ListContract
from tests.support.contracts.resource import moment
from tests.support.probes import owner_connection
from tests.support.servers import PLATFORM_KEY
from tests.support.world import Api, Person, TestTenant, create_tenant


@pytest.fixture(scope="module")
async def listed(http: httpx.AsyncClient, config: Config) -> TestTenant:
    """The operator in an owner's place, with some tenants and keys to list."""
    for _ in range(3):
        await create_tenant(http)
    async with owner_connection(config, "system") as owner:
        await owner.executemany(
            "INSERT INTO platform_keys (id, name, prefix, digest, created_at) VALUES ($1, $2, 'spk_', $3, $4)",
            [(new_id(), f"key {number}", b"%d" % number, moment(number // 2)) for number in range(12)],
        )
    operator = Api(http, {"X-Platform-Key": PLATFORM_KEY})
    for number in range(6):
        assert (await operator.post("/platform/keys", json={"name": f"told {number}"})).status_code == 201
    return TestTenant("", "", operator, {"owner": Person("", "", "", {}, operator)})


class PlatformList(ListContract):
    """A list that needs no tenant's header."""

    async def test_a_cursor_is_good_for_its_list_only(self, listed: TestTenant, beta: TestTenant) -> None:
        other = "/platform/tenants" if self.path == "/platform/keys" else "/platform/keys"
        cursor = (await listed.owner.get(self.path, params={"limit": 1})).json()["next_cursor"]
        assert (await listed.owner.get(self.path, params={"limit": 1, "cursor": cursor})).status_code == 200

        for path, changed in ((other, {}), (self.path, {"sort": f"-{self.sorts[0]}"}), (self.path, {"q": "a"})):
            answer = await listed.owner.get(path, params={"limit": "1", "cursor": cursor, **changed})
            assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid"), (path, changed)
        abroad = await beta.owner.get("/users", params={"limit": 1, "cursor": cursor})
        assert (abroad.status_code, abroad.json()["code"]) == (400, "cursor_invalid")


class TestListOfTenants(PlatformList):
    """The registry."""

    path = "/platform/tenants"
    sorts = ("id", "created_at", "updated_at")


class TestListOfPlatformAuditLogs(PlatformList):
    """The platform's log. Creating tenants and keys has written into it."""

    path = "/platform/audit-logs"
    sorts = ("seq",)


class TestListOfPlatformKeys(PlatformList):
    """The operators' keys."""

    path = "/platform/keys"
    sorts = ("created_at",)
