"""``tenant.*`` and ``invitations.*``: what new people get where nothing else is said."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.obeyed.conftest import Obey
from tests.support.post import PostOffice
from tests.support.world import PASSWORD, TestTenant, create_tenant


@pytest.fixture
async def tenant(office: PostOffice) -> TestTenant:
    """A Greek tenant of the test's own, with a day for every invitation."""
    made = await create_tenant(office.http)
    for key, value in (
        ("tenant.default_locale", "el"),
        ("tenant.time_zone", "Europe/Athens"),
        ("invitations.lifetime_hours", 24),
    ):
        assert (await made.owner.put(f"/settings/{key}", json={"value": value})).status_code == 200
    await office.clear()
    return made


def place(user: dict[str, Any]) -> tuple[str, str]:
    return user["locale"], user["timezone"]


@pytest.mark.promise("T1")
async def test_new_users_get_the_tenants_language_and_time_zone(
    tenant: TestTenant, branches: dict[str, TestTenant]
) -> None:
    body = {"email": "new@obeyed.example", "username": "new-here"}
    chosen = {"email": "own@obeyed.example", "username": "own-way", "locale": "de", "timezone": "Europe/Berlin"}
    made = (await tenant.owner.post("/users", json=body)).json()
    own = (await tenant.owner.post("/users", json=chosen)).json()
    there = (await branches["north"].owner.post("/users", json=body)).json()

    assert (place(made), place(own), place(there)) == (
        ("el", "Europe/Athens"),
        ("de", "Europe/Berlin"),
        ("en", "UTC"),
    )
    bare = {"email": "own@obeyed.example", "username": "own-way"}
    replaced = await tenant.owner.put(f"/users/{own['id']}", json=bare)
    assert place(replaced.json()) == ("el", "Europe/Athens")
    sheet = "email,username,locale\nsheet1@obeyed.example,sheet-one,\nsheet2@obeyed.example,sheet-two,fr\n"
    imported = await tenant.owner.post("/users/import", content=sheet, headers={"Content-Type": "text/csv"})
    assert imported.json()["created"] == 2, imported.text
    found = (await tenant.owner.get("/users", params={"q": "sheet", "sort": "username"})).json()["items"]
    assert [place(user) for user in found] == [("el", "Europe/Athens"), ("fr", "Europe/Athens")]
    await branches["north"].owner.delete(f"/users/{there['id']}")


async def test_the_first_owner_gets_what_the_platform_has_set(http: httpx.AsyncClient, above: Obey) -> None:
    """There is no tenant yet that could have settings of its own."""
    await above("tenant.default_locale", "el")
    await above("tenant.time_zone", "Europe/Athens")

    made = await create_tenant(http)

    assert place((await made.owner.get("/auth/me")).json()["user"]) == ("el", "Europe/Athens")


async def test_an_invitation_lasts_as_long_as_the_tenant_says(tenant: TestTenant, office: PostOffice) -> None:
    invited = (await tenant.owner.post("/users/invitations", json={"email": "guest@obeyed.example"})).json()
    created, expires = (datetime.fromisoformat(invited[name]) for name in ("created_at", "expires_at"))
    assert ((expires - created).total_seconds(), invited["locale"]) == (86_400, "el")

    letter = await office.letter("guest@obeyed.example")
    for kind in ("plain", "html"):
        assert "(Europe/Athens)" in letter.body(kind)
        assert "Αποδεχθείτε πριν από 20" in letter.body(kind)
    body = {"token": letter.token, "username": "guest", "password": PASSWORD}
    joined = await tenant.anonymous.post("/auth/invitations/accept", json=body)
    assert place(joined.json()) == ("el", "Europe/Athens")

    second = (await tenant.owner.post("/users/invitations", json={"email": "late@obeyed.example"})).json()
    assert (await tenant.owner.put("/settings/invitations.lifetime_hours", json={"value": 1})).status_code == 200
    resent = (await tenant.owner.post(f"/users/invitations/{second['id']}/resend")).json()
    times = [datetime.fromisoformat(resent[name]) for name in ("updated_at", "expires_at")]
    assert (times[1] - times[0]).total_seconds() == 3600


async def test_only_languages_and_time_zones_that_there_are(tenant: TestTenant) -> None:
    for key, value in (
        ("tenant.default_locale", "tlh"),
        ("tenant.time_zone", "Mars/Olympus"),
        ("tenant.time_zone", ""),
        ("invitations.lifetime_hours", 0),
    ):
        answer = await tenant.owner.put(f"/settings/{key}", json={"value": value})
        assert (answer.status_code, answer.json()["code"]) == (422, "setting_invalid"), key
    public = (await tenant.anonymous.get("/settings/public")).json()["items"]
    shown = {item["key"]: item["value"] for item in public}
    assert (shown["tenant.default_locale"], shown["tenant.time_zone"]) == ("el", "Europe/Athens")
    assert "invitations.lifetime_hours" not in shown
