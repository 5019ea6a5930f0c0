"""Whoever may edit users cannot make himself master of those who may do more than he."""

from __future__ import annotations

import httpx
import pytest

from tests.support.world import TestTenant, add_person

pytestmark = pytest.mark.promise("R2")


async def test_the_address_of_one_who_may_do_more_cannot_be_redirected(
    http: httpx.AsyncClient, tenant: TestTenant
) -> None:
    """The address gets the link that sets the password."""
    role = await tenant.owner.post("/users/roles", json={"name": "auditor", "permissions": ["audit:read"]})
    auditor = await add_person(http, tenant, "viewer", "auditor")
    clerk = await add_person(http, tenant, "viewer", "clerk")
    given = await tenant.owner.put(f"/users/{auditor.id}/roles", json={"role_ids": [role.json()["id"]]})
    allowed = {"permissions": [{"permission": "users:update", "effect": "allow"}]}
    assert (await tenant.owner.put(f"/users/{clerk.id}/permissions", json=allowed)).status_code == 200
    assert given.status_code == 200

    refused = await clerk.api.patch(f"/users/{auditor.id}", json={"email": "clerk@elsewhere.example"})
    harmless = await clerk.api.patch(f"/users/{auditor.id}", json={"full_name": "The Auditor"})
    by_owner = await tenant.owner.patch(f"/users/{auditor.id}", json={"email": "auditor@elsewhere.example"})

    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    assert "audit:read" in refused.json()["detail"]
    assert harmless.status_code == 200
    assert by_owner.status_code == 200
