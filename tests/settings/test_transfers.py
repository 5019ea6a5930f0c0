"""Settings as a file: out of one tenant, into another."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import yaml

from common.config import Config
from tests.support.audit_chain import assert_chain_whole
from tests.support.probes import owner_connection
from tests.support.world import Api, TestTenant

MASK = "********"
VALUES: dict[str, tuple[str, Any]] = {
    "file.text": ("string", "no"),
    "file.time": ("string", "12:30"),
    "file.number": ("string", "1e5"),
    "file.lines": ("string", "a: b\n# ε 🌞\n'\"\t"),
    "file.date": ("string", "2026-01-01"),
    "file.float": ("number", 1e22),
    "file.flag": ("boolean", True),
    "file.none": ("json", None),
    "file.tree": ("json", {"on": ["~", 0, -1.5, None, {"yes": ""}]}),
}


def entry(kind: str, value: Any) -> dict[str, Any]:
    """A setting in a file."""
    return {"value": value, "value_type": kind}


async def send(api: Api, document: Any, **query: Any) -> httpx.Response:
    """Import a document as JSON, or a text as it is."""
    content = document if isinstance(document, str | bytes) else json.dumps(document)
    return await api.post("/settings/import", content=content, params=query)


@pytest.mark.parametrize("form", ["json", "yaml"])
async def test_what_goes_out_comes_in(alpha: TestTenant, tenant: TestTenant, form: str) -> None:
    given = {key: entry(*value) for key, value in VALUES.items()}
    given["file.secret"] = entry("secret", "hush")
    await send(alpha.owner, {"settings": given})

    exported = await alpha.owner.get("/settings/export", params={"format": form})

    assert exported.headers["Content-Disposition"].startswith('attachment; filename="settings-alpha-')
    assert exported.headers["Content-Type"].startswith(f"application/{form}")
    read = json.loads(exported.content) if form == "json" else yaml.safe_load(exported.content)
    assert read["settings"]["file.secret"]["value"] == MASK
    assert "hush" not in exported.text
    report = (await send(tenant.owner, exported.content, format=form)).json()
    statuses = {item["key"]: item["status"] for item in report["results"]}
    assert (report["failed"], statuses.pop("file.secret")) == (0, "unchanged")
    assert set(statuses.values()) == {"created"}
    for key, (kind, value) in VALUES.items():
        found = (await tenant.owner.get(f"/settings/{key}")).json()
        assert (found["value"], found["value_type"]) == (value, kind), key
    assert (await tenant.owner.get("/settings/file.secret")).status_code == 404
    again = (await send(alpha.owner, exported.content, format=form)).json()
    assert (again["unchanged"], again["created"] + again["updated"]) == (len(again["results"]), 0)


async def test_all_of_a_file_or_nothing_of_it(tenant: TestTenant, operator: Api, config: Config) -> None:
    await operator.put("/platform/settings/in.locked", json={"value": 1, "value_type": "integer", "is_locked": True})
    await send(tenant.owner, {"settings": {"in.old": entry("integer", 1), "in.same": entry("integer", 1)}})
    good = {"in.old": entry("integer", 2), "in.same": entry("integer", 1), "in.new": entry("string", "x")}
    bad = {
        "in.typed": entry("integer", "x"),
        "in.untyped": {"value": 1},
        "in.locked": entry("integer", 2),
        "in.empty": {},
        "in.more": {**entry("integer", 1), "id": 1},
        "in.kind": entry("colour", 1),
        "in.flat": 1,
        "public": entry("integer", 1),
        "No Key": entry("integer", 1),
        "passwords.min_length": {"value": 1},
    }
    codes = ["wrong_type", "missing", "setting_locked", "missing", "extra_forbidden", "enum", "model_type"]
    codes += ["reserved", "key_invalid", "too_small"]

    tried = (await send(tenant.owner, {"settings": good}, dry_run=True)).json()
    refused = (await send(tenant.owner, {"settings": good | bad})).json()

    assert [item["status"] for item in tried["results"]] == ["would_update", "unchanged", "would_create"]
    assert [item["status"] for item in refused["results"]] == [
        "would_update", "unchanged", "would_create", *["error"] * len(bad),
    ]  # fmt: skip
    assert [item["error"]["code"] for item in refused["results"][3:]] == codes
    assert (refused["created"], refused["updated"], refused["failed"]) == (0, 0, len(bad))
    assert (await tenant.owner.get("/settings/in.old")).json()["value"] == 1
    done = (await send(tenant.owner, {"settings": good})).json()
    assert (done["created"], done["updated"], done["unchanged"]) == (1, 1, 1)
    async with owner_connection(config, tenant.name) as owner:
        actions = await owner.fetch(
            "SELECT action, target_id FROM audit_logs WHERE target_type = 'setting' ORDER BY seq"
        )
        assert [tuple(row) for row in actions][-2:] == [
            ("settings.setting.updated", "in.old"), ("settings.setting.created", "in.new"),
        ]  # fmt: skip
        await assert_chain_whole(owner)


@pytest.mark.promise("S7")
async def test_a_file_that_is_none_is_refused(alpha: TestTenant) -> None:
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\nsettings: *b\n"
    for form, text in (
        ("json", ""),
        ("json", "[]"),
        ("json", "{"),
        ("json", '{"settings": []}'),
        ("json", '{"settings": {}, "more": 1}'),
        ("json", '{"settings": {"a": {"value": 1}, "a": {"value": 2}}}'),
        ("json", '{"settings":' * 20_000),
        ("json", b"\xff"),
        ("yaml", ""),
        ("yaml", "settings: [}"),
        ("yaml", "a\0b"),
        ("yaml", bomb),
        ("yaml", "settings: !!python/object/apply:os.system ['true']"),
        ("yaml", "settings: {a: !!int '1:2'}"),
        ("yaml", "settings: {a: {}, a: {}}"),
        ("yaml", "settings: {a: {}}\n---\nsettings: {}"),
        ("yaml", "settings: " + "[" * 20_000),
        ("yaml", "settings: " + "{a: " * 65),
        ("yaml", json.dumps({"settings": {f"k{number}": {} for number in range(1001)}})),
    ):
        answer = await send(alpha.owner, text, format=form)
        assert (answer.status_code, answer.json()["code"]) == (422, "import_invalid"), (form, text[:40])
    for value, code in ((".inf", "wrong_type"), ("1e999", "out_of_range"), ("{1: 2}", "wrong_type")):
        file = f"settings:\n  odd.key: {{value_type: {'number' if code else ''}, value: {value}}}\n"
        report = (await send(alpha.owner, file, format="yaml")).json()
        assert [item["error"]["code"] for item in report["results"]] == [code], value
    assert (await send(alpha.owner, b" " * (4 * 1024**2 + 1))).status_code == 413


@pytest.mark.promise("R2")
async def test_importing_new_keys_needs_the_right_to_create(http: httpx.AsyncClient, tenant: TestTenant) -> None:
    await send(tenant.owner, {"settings": {"mine.old": entry("integer", 1)}})
    body = {"name": "editor", "permissions": ["settings:read", "settings:update"]}
    key = (await tenant.owner.post("/users/api-keys", json=body)).json()["key"]
    editor = Api(http, {"X-Tenant-ID": tenant.name, "X-API-Key": key})

    changed = await send(editor, {"settings": {"mine.old": entry("integer", 2)}})
    created = await send(editor, {"settings": {"mine.old": entry("integer", 3), "mine.new": entry("integer", 1)}})

    assert (changed.json()["updated"], created.status_code) == (1, 403)
    assert "settings:create" in created.json()["detail"]
    assert (await tenant.owner.get("/settings/mine.old")).json()["value"] == 2
