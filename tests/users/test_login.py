"""Logging in and out."""

from __future__ import annotations

from tests.support.world import PASSWORD, TestTenant


async def test_who_logs_in_is_who_he_is(alpha: TestTenant) -> None:
    answer = await alpha.member.get("/auth/me")

    assert answer.status_code == 200
    assert answer.json()["user"]["username"] == "member"
    assert answer.json()["tenant_id"] == "tenant_alpha"
    assert [role["name"] for role in answer.json()["roles"]] == ["member"]


async def test_logout_ends_the_access_token_at_once(tenant: TestTenant) -> None:
    assert (await tenant.owner.post("/auth/logout")).status_code == 204

    answer = await tenant.owner.get("/auth/me")

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    again = await tenant.anonymous.post("/auth/login", json={"username": "OWNER", "password": PASSWORD})
    assert again.status_code == 200
