"""What fails, and what changes nothing, leaves no audit entry and no row."""

from __future__ import annotations

from typing import Final

import pytest

from tests.audit.stage import Act, Stage, as_anonymous, body_of_user, on_user
from tests.support.servers import PLATFORM_KEY
from tests.support.world import PASSWORD

pytestmark = pytest.mark.promise("D2")

UNKNOWN: Final = "01a2070b-d702-75af-a80e-ace08e3a517f"
TAKEN: Final = body_of_user("y", username="target")

FAILING: Final[dict[str, tuple[Act, int]]] = {
    "taken_email": (lambda stage: stage.post("/users", {**body_of_user("new"), "email": "OWNER@twin.example"}), 409),
    "taken_username": (lambda stage: stage.post("/users", TAKEN), 409),
    "taken_name_in_a_repeatable_request": (
        lambda stage: stage.post("/users", TAKEN, **{"Idempotency-Key": "k"}), 409,
    ),
    "unknown_role": (
        lambda stage: stage.post("/users", body_of_user("new", role_ids=[UNKNOWN])), 422,
    ),
    "unknown_team": (
        lambda stage: stage.post("/users", body_of_user("new", team_ids=[UNKNOWN])), 422,
    ),
    "short_password": (lambda stage: stage.post("/users", body_of_user("new", password="short")), 422),
    "stale_patch": (on_user("PATCH", {"full_name": "x"}, {"If-Match": '"v9"'}), 412),
    "stale_put": (on_user("PUT", body_of_user("target", full_name="x"), {"If-Match": '"v9"'}), 412),
    "stale_delete": (on_user("DELETE", None, {"If-Match": '"v9"'}), 412),
    "renamed_to_a_taken_name": (on_user("PATCH", {"username": "OWNER"}), 409),
    "last_owner_deleted": (
        lambda stage: stage.tenant.owner.delete(f"/users/{stage.tenant.people['owner'].id}"), 409,
    ),
    "taken_role_name": (lambda stage: stage.post("/users/roles", {"name": "Owner"}), 409),
    "unknown_permission": (lambda stage: stage.post("/users/roles", {"name": "x", "permissions": ["no:such"]}), 422),
    "unknown_parent": (lambda stage: stage.post("/users/teams", {"name": "x", "parent_id": UNKNOWN}), 422),
    "key_that_has_expired": (
        lambda stage: stage.post(
            "/users/api-keys",
            {"name": "x", "permissions": ["users:read"], "expires_at": "2020-01-01T00:00:00Z"},
        ), 422,
    ),
    "invited_member": (lambda stage: stage.post("/users/invitations", {"email": "owner@twin.example"}), 409),
    "unknown_reset_token": (
        as_anonymous("/auth/password/reset", {"token": "unknown", "new_password": PASSWORD}), 400,
    ),
    "unknown_mailed_token": (as_anonymous("/auth/email/verify", {"token": "unknown"}), 400),
    "unknown_refresh_token": (as_anonymous("/auth/refresh", {"refresh_token": "ssr_AAAA"}), 401),
    "tenant_exists": (
        lambda stage: stage.tenant.anonymous.post(
            "/auth/initialize-tenant",
            json={"name": "x", "admin": body_of_user("second", password=PASSWORD)},
            headers={"X-Platform-Key": PLATFORM_KEY},
        ), 409,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FAILING)
async def test_what_fails_writes_no_entry_and_no_row(case: str, still: Stage) -> None:
    act, status = FAILING[case]
    before = await still.sizes()

    answer, entries = await still.entries_of(act)

    assert answer.status_code == status, answer.text
    assert entries == []
    assert await still.sizes() == before


async def test_a_change_that_changes_nothing_writes_nothing(still: Stage) -> None:
    _, entries = await still.entries_of(on_user("PATCH", {"username": "target"}))

    assert entries == []
