"""The TypeScript client: generated from docs/openapi.json, compiled strictly, and used against a running service.

Not among the files that `make test` collects: `make test-clients` runs it, because it needs Node.js.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from tests.docs.documents import code_to_run
from tests.support.node import run
from tests.support.source import ROOT
from tests.support.world import PASSWORD, TestTenant


async def said_by(project: Path, *arguments: str) -> dict[str, Any]:
    """What the example program finds, by heading."""
    output = await run(project, "node", "dist/example.js", *arguments)
    return {line["heading"]: line["found"] for line in map(json.loads, output.splitlines())}


@pytest.mark.parametrize("twin", ["alpha", "beta"])
async def test_the_example_does_what_a_page_does(
    twin: str, base: str, typescript: Path, alpha: TestTenant, beta: TestTenant
) -> None:
    tenant = {"alpha": alpha, "beta": beta}[twin]
    public = await tenant.owner.post(
        "/settings", json={"key": "web.title", "value": twin, "value_type": "string", "is_public": True}
    )
    assert public.status_code == 201, public.text

    found = await said_by(typescript, base, tenant.name, "member", PASSWORD)

    assert "web.title" in found.pop("public settings")
    assert found == {
        "wrong password": "invalid_credentials",
        "logged in": True,
        "me": "member",
        "made": "From TypeScript",
        "notes": ["From TypeScript"],
        "refused": ["validation_failed", "/body/title"],
        "late": "version_conflict",
        "two tabs": [1, True],
        "the second tab": True,
        "logged out": True,
    }


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ('service.POST("/api/v1/tools/notes", { body: { titel: "x" } });', "titel"),
        ('service.POST("/api/v1/tools/nots", { body: { title: "x" } });', "/api/v1/tools/nots"),
        ('service.GET("/api/v1/tools/notes/{note_id}", {});', "params"),
        ("(await service.GET('/api/v1/auth/me')).data?.user.pasword;", "pasword"),
    ],
)
async def test_the_compiler_finds_what_the_service_would_refuse(typescript: Path, wrong: str, complaint: str) -> None:
    program = typescript / "src/wrong.ts"
    program.write_text(
        f'import {{ connect }} from "./client.js";\n'
        f'const service = connect({{ baseUrl: "", tenant: "" }});\nawait {wrong}\n'
    )
    try:
        with pytest.raises(AssertionError, match=complaint):
            await run(typescript, "node_modules/.bin/tsc", "--noEmit")
    finally:
        program.unlink()


# What a browser has and Node.js has not, or only in its newest versions.
LOCAL_STORAGE: Final = """
const kept = new Map();
globalThis.localStorage = {
  getItem: (key) => kept.get(key) ?? null,
  setItem: (key, value) => void kept.set(key, value),
  removeItem: (key) => void kept.delete(key),
};
"""


# Other tabs hear of it a moment later; then the program ends.
END: Final = "setTimeout(() => [session, otherTab].forEach((one) => one.close()), 1000);\n"


async def keys_and_flags(tenant: TestTenant) -> str:
    """A public setting, a flag, and a key that may do nothing but ask for flags."""
    setting = {"key": "web.color", "value": "#0a6cc4", "value_type": "string", "is_public": True}
    flag = {"key": "new-search", "variants": {"on": True}, "default_variant": "on"}
    key = {"name": "flags", "permissions": ["flags:evaluate"]}
    made = [
        await tenant.owner.post(path, json=body)
        for path, body in (("/settings", setting), ("/settings/feature-flags", flag), ("/users/api-keys", key))
    ]
    assert [answer.status_code for answer in made] == [201] * 3
    return str(made[2].json()["key"])


@pytest.mark.parametrize("twin", ["alpha", "beta"])
async def test_the_quickstart_for_pages_does_what_it_says(
    twin: str, base: str, typescript: Path, alpha: TestTenant, beta: TestTenant
) -> None:
    tenant = {"alpha": alpha, "beta": beta}[twin]
    flags_key = await keys_and_flags(tenant)
    shipped = tenant.anonymous.headers | {"X-API-Key": flags_key}
    refused = await tenant.anonymous.get("/tools/notes", headers=shipped)
    assert refused.status_code == 403  # it opens nothing else
    names = {
        "http://127.0.0.1:8008": base,
        "tenant_demo": tenant.name,
        "ssk_...": flags_key,
        '"admin"': '"member"',
        "the password": PASSWORD,
    }
    program = "".join([*code_to_run(ROOT / "docs/quickstart-spa.md", "typescript"), END])
    for name, ours in names.items():
        assert name in program
        program = program.replace(name, ours)
    (typescript / "src/quickstart.ts").write_text(program)
    (typescript / "storage.mjs").write_text(LOCAL_STORAGE)
    await run(typescript, "node_modules/.bin/tsc")

    said = await run(typescript, "node", "--import", "./storage.mjs", "dist/quickstart.js")

    assert "web.color=#0a6cc4" in said.splitlines()[0]
    assert "new-search=true" in said.splitlines()[1]
    assert said.splitlines()[2:5] == [
        "logged in: member true",
        "made: Vegetarian meals",
        "same tokens in both tabs: true",
    ]
    assert {"show the login: true", "the other tab hears: logged out"} <= set(said.splitlines()[5:])
