"""Runs of schemathesis against the live service: who fuzzes it, which of its operations, and what came of it."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
TENANT: Final = "^(tenant_)?[a-z0-9][a-z0-9_]{0,47}$"
ANY_TENANT: Final = frozenset({"verify_tenant", "initialize_tenant"})  # also one that does not exist
TOO_LARGE: Final = {
    "description": "The address, or the headers, are too large.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
METHODS: Final = frozenset({"get", "put", "post", "patch", "delete"})


@dataclass(frozen=True)
class Campaign:
    """One run: the tenant, the credentials by their name in the document, and the operations that are left alone.

    ``thorough``: also what each field must not be, one after the other, which is nine of ten requests.
    """

    tenant: str
    credentials: Mapping[str, str]
    spared: frozenset[str] = frozenset()
    hooks: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    thorough: bool = True


@dataclass(frozen=True)
class Result:
    """What schemathesis reports, and what it printed: every failure as a curl command."""

    report: Mapping[str, Any]
    output: str

    @property
    def accepted(self) -> set[str]:
        """The operations that said yes at least once."""
        rates: Mapping[str, Mapping[str, Mapping[str, int]]] = self.report["valid_rates"]
        return {name for name, phases in rates.items() if any(phase["accepted"] for phase in phases.values())}

    @property
    def phases(self) -> set[str]:
        """The phases that ran to their end."""
        return {name for name, phase in self.report["phases"].items() if phase["status"] == "success"}

    @property
    def figures(self) -> str:
        """How much it was."""
        cases, operations = self.report["test_cases"]["generated"], self.report["operations"]["tested"]
        return f"{cases} requests and more to {operations} operations in {self.report['running_time']:.0f} s"


def for_fuzzing(document: dict[str, Any], tenant: str) -> dict[str, Any]:
    """The document with what it says once for all operations said for each.

    ``X-Tenant-ID`` is described beside the credentials, so that the documentation page asks for it once; to a fuzzer it
    is a header that must name this tenant. And what is refused before anybody knows the operation has no place in it.
    """
    changed = copy.deepcopy(document)
    del changed["components"]["securitySchemes"]["Tenant"]
    for operation in (item[method] for item in changed["paths"].values() for method in METHODS & item.keys()):
        ways = operation.get("security", [])
        if any("Tenant" in way for way in ways):
            left = [{name: scopes for name, scopes in way.items() if name != "Tenant"} for way in ways]
            operation["security"] = [way for way in left if way]
            named = {"pattern": TENANT} if operation["operationId"] in ANY_TENANT else {"enum": [tenant]}
            header = {"name": "X-Tenant-ID", "in": "header", "required": True, "schema": {"type": "string", **named}}
            operation.setdefault("parameters", []).append(header)
        operation["responses"] |= dict.fromkeys(("414", "431"), TOO_LARGE)
    return changed


def run(campaign: Campaign, document: dict[str, Any], *, url: str, folder: Path, examples: int) -> Result:
    """Fuzz until schemathesis has nothing more to try."""
    described, settings, report = folder / "openapi.json", folder / "schemathesis.toml", folder / "report.json"
    described.write_text(json.dumps(for_fuzzing(document, campaign.tenant)))
    settings.write_text((HERE / "schemathesis.toml").read_text() + _settings(campaign))
    command = [
        *(str(Path(sys.executable).with_name("st")), "--config-file", str(settings), "run", str(described)),
        *("--url", url, "--max-examples", str(examples)),
        *("--report", "json", "--report-json-path", str(report)),
    ]
    hooks = {"SCHEMATHESIS_HOOKS": campaign.hooks, "PYTHONPATH": str(HERE.parents[1])} if campaign.hooks else {}
    environment = {"PATH": os.environ["PATH"], **hooks, **campaign.environment}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert report.exists(), ended.stdout + ended.stderr
    return Result(json.loads(report.read_text()), ended.stdout)


def _settings(campaign: Campaign) -> str:
    """Those of one run, as TOML. JSON writes strings and lists as TOML does."""
    lines = [] if campaign.thorough else ["[phases.coverage.generation]", 'mode = "positive"']
    for name, secret in campaign.credentials.items():
        lines += [f"[auth.openapi.{name}]", f'{"bearer" if name == "AccessToken" else "api_key"} = "{secret}"']
    if campaign.spared:
        lines += ["[[operations]]", f"include-operation-id = {json.dumps(sorted(campaign.spared))}", "enabled = false"]
    return "\n" + "\n".join(lines) + "\n"
