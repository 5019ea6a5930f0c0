"""What settings promise as all resources do."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from common.config import Config
from tests.support import things
from tests.support.contracts import (
    ConcurrencyContract,
    CrudContract,
    IdempotencyContract,
    ListContract,
    PermissionContract,
    Resource,
    TenantIsolationContract,
)
from tests.support.contracts.resource import WORDS, WRITES, Body
from tests.support.probes import owner_connection
from tests.support.servers import PLATFORM_KEY
from tests.support.world import Api, Person, TestTenant, create_tenant


def setting(word: str) -> Body:
    """A valid body."""
    return {"key": f"contract.{word}", "value": word, "value_type": "string"}


@pytest.fixture(autouse=True, scope="module")
async def _strangers(
    http: httpx.AsyncClient, config: Config, alpha: TestTenant, beta: TestTenant
) -> AsyncIterator[None]:
    """Every system role may read settings, so somebody without one is needed."""
    for tenant in (alpha, beta):
        async with owner_connection(config, tenant.name) as owner:
            role_id = await things.insert_role(owner, "users:read")
            role = await owner.fetchval("SELECT name FROM roles WHERE id = $1::text::uuid", role_id)
            tenant.people["stranger"] = await things.insert_person(http, owner, tenant, role)
    yield
    for tenant in (alpha, beta):
        del tenant.people["stranger"]


class TestSettings(CrudContract, ConcurrencyContract, IdempotencyContract, PermissionContract, TenantIsolationContract):
    """One setting, of a key that nobody above knows."""

    resource = Resource(
        path="/settings",
        permission="settings",
        body=setting,
        replacement=lambda word: {"value": word},
        change={"description": "Changed", "is_public": True},
        defaults={"description": "", "is_public": False},
        refused={"read": "stranger", "create": "manager", "update": "member", "delete": "viewer"},
        identity="key",
    )

    @pytest.mark.parametrize("method", ["GET", *WRITES])
    async def test_an_id_is_a_uuid_and_must_exist(self, api: Api, method: str) -> None:
        """It is a key."""
        unknown = await api.request(method, f"/settings/{next(WORDS)}", json=self.valid(method))
        assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")

        for malformed in ("Upper", "1st", "a%20b", "a%0A", "a" * 129, "%E2%84%AA"):
            answer = await api.request(method, f"/settings/{malformed}", json=self.valid(method))
            error = answer.json()["errors"][0]
            assert (answer.status_code, error["code"]) == (422, "string_pattern_mismatch"), malformed


@pytest.fixture(scope="module")
async def listed(http: httpx.AsyncClient) -> TestTenant:
    """A tenant with some settings, one of which has a history."""
    tenant = await create_tenant(http)
    for number in range(11):
        assert (await tenant.owner.post("/settings", json=setting(f"e{number}"))).status_code == 201
        changed = await tenant.owner.put("/settings/contract.e0", json={"value": f"e {number}"})
        assert changed.status_code == 200
    return tenant


class TestListOfSettings(ListContract):
    """All that counts for a tenant, from memory."""

    path = "/settings"
    sorts = ("key",)
    identity = "key"


class TestListOfDeclaredSettings(ListContract):
    """The registry."""

    path = "/settings/registry"
    sorts = ("key",)
    identity = "key"


class TestHistory(ListContract):
    """The history of one key."""

    path = "/settings/contract.e0/history"
    template = "/settings/{key}/history"
    sorts = ("version", "changed_at")
    identity = "version"


class TestListOfSystemSettings(ListContract):
    """The system's settings, which are of no tenant."""

    path = "/platform/settings"
    sorts = ("key",)
    identity = "key"

    @pytest.fixture
    async def listed(self, operator: Api) -> TestTenant:
        """The operator in an owner's place."""
        for number in range(7):
            body = {"value": number, "value_type": "integer", "is_public": False}
            assert (await operator.put(f"/platform/settings/listed.e{number}", json=body)).status_code == 200
        return TestTenant("", "", operator, {"owner": Person("", "", "", {}, operator)})

    async def test_a_cursor_is_good_for_its_list_only(self, listed: TestTenant, beta: TestTenant) -> None:
        cursor = (await listed.owner.get(self.path, params={"limit": 1})).json()["next_cursor"]
        abroad = Api(beta.owner._http, beta.owner.headers | {"X-Platform-Key": PLATFORM_KEY})

        for api, path, changed in (
            (listed.owner, "/platform/tenants", {}),
            (listed.owner, self.path, {"sort": "-key"}),
            (listed.owner, self.path, {"q": "e"}),
            (abroad, "/settings", {}),
        ):
            answer = await api.get(path, params={"limit": "1", "cursor": cursor, **changed})
            assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid"), (path, changed)
