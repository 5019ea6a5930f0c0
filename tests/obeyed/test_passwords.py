"""``passwords.*``: which passwords a tenant accepts."""

from __future__ import annotations

import itertools

import httpx
import pytest

from tests.obeyed.conftest import Obey
from tests.support.servers import PLATFORM_KEY
from tests.support.world import PASSWORD, Api, TestTenant, add_person

_numbers = itertools.count(1)
STRONG = "quick-otter-71"  # 14 characters


async def reason(owner: Api, password: str) -> str | None:
    """Why a new user cannot have this password; None if he can."""
    name = f"pass{next(_numbers)}"
    body = {"email": f"{name}@obeyed.example", "username": name, "password": password}
    answer = await owner.post("/users", json=body)
    return None if answer.status_code == 201 else str(answer.json()["errors"][0]["code"])


@pytest.mark.promise("T1")
async def test_the_least_length_is_the_tenants_own(tenant: TestTenant, alpha: TestTenant, obey: Obey) -> None:
    assert await reason(tenant.owner, STRONG) is None

    await obey("passwords.min_length", 20)

    assert await reason(tenant.owner, STRONG) == "password_too_short"
    assert await reason(alpha.owner, STRONG) is None
    change = {"current_password": PASSWORD, "new_password": STRONG}
    refused = await tenant.owner.post("/auth/password/change", json=change)
    assert refused.json()["errors"][0]["code"] == "password_too_short"
    public = (await tenant.anonymous.get("/settings/public")).json()["items"]
    assert {item["key"]: item["value"] for item in public}["passwords.min_length"] == 20

    assert (await tenant.owner.delete("/settings/passwords.min_length")).status_code == 204
    assert await reason(tenant.owner, STRONG) is None
    for value in (7, 129, "20", 12.5, None):
        assert (await tenant.owner.put("/settings/passwords.min_length", json={"value": value})).status_code == 422


async def test_how_hard_to_guess_it_must_be_is_the_tenants_own(
    tenant: TestTenant, alpha: TestTenant, obey: Obey
) -> None:
    common, fair = "aaaaaaaaaaaaaa", "horse1battery2"  # zxcvbn's scores 0 and 3
    assert (await reason(tenant.owner, common), await reason(tenant.owner, fair)) == ("password_guessable", None)

    await obey("passwords.min_score", 4)
    assert await reason(tenant.owner, fair) == "password_guessable"
    await obey("passwords.min_score", 0)
    assert await reason(tenant.owner, common) is None
    assert await reason(alpha.owner, common) == "password_guessable"


async def test_what_the_platform_sets_holds_for_the_first_owner_too(
    http: httpx.AsyncClient, alpha: TestTenant, tenant: TestTenant, above: Obey, obey: Obey
) -> None:
    await above("passwords.min_length", 30)
    await obey("passwords.min_length", 10)

    assert await reason(alpha.owner, STRONG) == "password_too_short"
    assert await reason(tenant.owner, STRONG) is None
    admin = {"email": "a@new.example", "username": "first", "password": STRONG}
    headers = {"X-Platform-Key": PLATFORM_KEY, "X-Tenant-ID": "tenant_never_made"}
    answer = await Api(http, headers).post("/auth/initialize-tenant", json={"name": "Never", "admin": admin})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "password_too_short")
    await add_person(http, tenant, "member")  # by the tenant's own, shorter rule
