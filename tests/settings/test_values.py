"""What a value may be, and what is said of one that may not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.world import Api, TestTenant

GOOD: list[tuple[str, Any]] = [
    ("string", ""),
    ("string", "Ωραία\nμέρα 🌞"),
    ("string", "x" * 65_534),
    ("integer", -(2**63) + 1),
    ("number", 1.5),
    ("number", 3),
    ("number", 10**22),
    ("boolean", False),
    ("json", None),
    ("json", {"b": [1, 2.5, None, True], "a": {"": "x"}}),
    ("json", "text"),
]
BAD: list[tuple[str, Any, str]] = [
    ("string", 1, "wrong_type"),
    ("string", None, "wrong_type"),
    ("string", "a\0b", "bad_text"),
    ("string", "x" * 65_535, "too_long"),
    ("integer", 1.0, "wrong_type"),
    ("integer", True, "wrong_type"),
    ("integer", "1", "wrong_type"),
    ("integer", 2**63, "out_of_range"),
    ("number", 10**309, "out_of_range"),
    ("number", "1", "wrong_type"),
    ("number", False, "wrong_type"),
    ("boolean", 0, "wrong_type"),
    ("boolean", None, "wrong_type"),
    ("json", {"a": ["b\0"]}, "bad_text"),
    ("json", {"a\0": 1}, "bad_text"),
    ("json", ["x" * 65_533], "too_long"),
    ("secret", {"a": 1}, "wrong_type"),
    ("secret", "é" * 32_769, "too_long"),
]


async def test_a_value_comes_back_as_it_was_sent(tenant: TestTenant) -> None:
    for number, (kind, value) in enumerate(GOOD):
        key = f"good.n{number}"
        made = await tenant.owner.post("/settings", json={"key": key, "value": value, "value_type": kind})
        assert made.status_code == 201, (kind, made.text[:200])
        found = (await tenant.owner.get(f"/settings/{key}")).json()
        assert (found["value"], type(found["value"])) == (value, type(value)), kind
        same = await tenant.owner.put(f"/settings/{key}", json={"value": value})
        assert same.json()["version"] == 1, "nothing changed"

    changed = await tenant.owner.put("/settings/good.n8", json={"value": 0})
    turned = await tenant.owner.put("/settings/good.n8", json={"value": False})
    assert (changed.json()["version"], turned.json()["version"], turned.json()["value"]) == (2, 3, False)


@pytest.mark.promise("S1")
async def test_a_value_that_may_not_be_is_refused_with_its_reason(alpha: TestTenant) -> None:
    for kind, value, reason in BAD:
        answer = await alpha.owner.post("/settings", json={"key": "bad.key", "value": value, "value_type": kind})
        assert (answer.status_code, answer.json()["code"]) == (422, "setting_invalid"), (kind, reason)
        assert answer.json()["errors"][0] | {"message": ""} == {"pointer": "/body/value", "code": reason, "message": ""}

    typed = {"Content-Type": "application/json"}
    head = b'{"key": "bad.key", "value_type": "json", "value": '
    for raw in (b"NaN", b"-Infinity", b"1e999", b'"\\ud800"', b"9" * 5000, b"[" * 100_000, b"[" * 33 + b"]" * 33):
        answer = await alpha.owner.post("/settings", content=head + raw + b"}", headers=typed)
        assert answer.status_code in {400, 422}, raw[:20]
    deep: Any = []
    for _ in range(31):
        deep = [deep]
    made = await alpha.owner.post("/settings", json={"key": "deep.key", "value": deep, "value_type": "json"})
    assert made.status_code == 201
    assert (await alpha.owner.get("/settings/bad.key")).status_code == 404
    assert (await alpha.owner.delete("/settings/deep.key")).status_code == 204


async def test_a_declared_key_has_its_own_rules(alpha: TestTenant, operator: Api) -> None:
    """For the tenant and for the platform alike."""
    for key, value, reason in (
        ("passwords.min_length", 7, "too_small"),
        ("passwords.min_length", 129, "too_large"),
        ("passwords.min_length", "12", "wrong_type"),
        ("tenant.default_locale", "xx", "not_a_choice"),
        ("tenant.time_zone", "Mars/Olympus", "refused"),
    ):
        for api, path in ((alpha.owner, f"/settings/{key}"), (operator, f"/platform/settings/{key}")):
            answer = await api.put(path, json={"value": value})
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, reason), (key, path)
    answer = await alpha.owner.put("/settings/tenant.time_zone", json={"value": 3, "value_type": "integer"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/body/value_type")
    (declared,) = (await alpha.owner.get("/settings/registry", params={"q": "min_length"})).json()["items"]
    assert declared | {"description": ""} == {
        "key": "passwords.min_length",
        "value_type": "integer",
        "default": 12,
        "description": "",
        "is_public": True,
        "minimum": 8.0,
        "maximum": 128.0,
        "choices": [],
        "pattern": None,
    }


async def test_words_of_the_addresses_are_no_keys(alpha: TestTenant, operator: Api) -> None:
    for word in ("audit-logs", "feature-flags", "effective", "public", "registry", "import", "export"):
        made = await alpha.owner.post("/settings", json={"key": word, "value": "x", "value_type": "string"})
        assert (made.status_code, made.json()["errors"][0]["code"]) == (422, "reserved"), word
        above = await operator.put(f"/platform/settings/{word}", json={"value": "x", "value_type": "string"})
        assert (above.status_code, above.json()["errors"][0]["pointer"]) == (422, "/path/key"), word
    for key in ("Upper", "1st", "a b", "a\n", "", "a" * 129, "а"):
        made = await alpha.owner.post("/settings", json={"key": key, "value": "x", "value_type": "string"})
        assert (made.status_code, made.json()["errors"][0]["pointer"]) == (422, "/body/key"), key


@pytest.mark.promise("S7")
async def test_there_is_room_for_so_much_and_no_more(tenant: TestTenant) -> None:
    """A thousand keys and a mebibyte; what would be too much changes nothing."""
    many = {f"many.n{number}": {"value": number, "value_type": "integer"} for number in range(1000)}
    assert (await tenant.owner.post("/settings/import", json={"settings": many})).json()["created"] == 1000
    full = await tenant.owner.post("/settings", json={"key": "one.more", "value": 1, "value_type": "integer"})
    assert (full.status_code, full.json()["code"]) == (409, "settings_full")
    page = await tenant.owner.get("/settings", params={"limit": 1, "include_total": True, "source": "tenant"})
    assert page.json()["total"] == 1000
    assert (await tenant.owner.delete("/settings/many.n0")).status_code == 204
    long = {f"many.n{number}": {"value": "x" * 65_000, "value_type": "string"} for number in range(1, 18)}
    heavy = await tenant.owner.post("/settings/import", json={"settings": long})
    assert (heavy.status_code, heavy.json()["code"]) == (409, "settings_full")
    assert (await tenant.owner.get("/settings/many.n1")).json()["value"] == 1
