"""An audit entry says what changed, before and after; secrets only that they did."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.audit.stage import Act, Stage, body_of_user, on_user

pytestmark = pytest.mark.promise("D2")

# what: (act, what the entry must say of the change)
CHANGES: Final[dict[str, tuple[Act, dict[str, tuple[Any, Any]]]]] = {
    "created": (
        lambda stage: stage.post("/users", body_of_user("fresh", full_name="Fresh")),
        {"full_name": (None, "Fresh"), "is_active": (None, True)},
    ),
    "replaced": (on_user("PUT", body_of_user("target", full_name="New")), {"full_name": (None, "New")}),
    "patched": (
        on_user("PATCH", {"email": "new@twin.example"}), {"email": ("target@twin.example", "new@twin.example")},
    ),
    "role": (
        lambda stage: stage.post("/users/roles", {"name": "audited", "permissions": ["tasks:read:own"]}),
        {"name": (None, "audited"), "permissions": (None, ["tasks:read:own"])},
    ),
    "team": (lambda stage: stage.post("/users/teams", {"name": "audited"}), {"name": (None, "audited")}),
    "key": (
        lambda stage: stage.post("/users/api-keys", {"name": "audited", "permissions": ["users:read"]}),
        {"permissions": (None, ["users:read"]), "key": (None, "********")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGES)
async def test_an_entry_says_what_changed(case: str, still: Stage) -> None:
    act, changed = CHANGES[case]

    answer, entries = await still.entries_of(act)

    assert answer.is_success, answer.text
    (entry,) = entries
    seen = {change["path"]: (change["old"], change["new"]) for change in entry["changes"]}
    assert changed.items() <= seen.items()


@pytest.mark.promise("I8")
async def test_a_new_password_is_in_no_entry(still: Stage) -> None:
    body = body_of_user("secretive", password="a canary of a password")

    _, entries = await still.entries_of(lambda stage: stage.post("/users", body))

    assert len(entries) == 1
    assert "canary" not in repr(entries)
    assert "argon2" not in repr(entries)
