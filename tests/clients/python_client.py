"""The Python client: generated from docs/openapi.json, checked by mypy, and used against a running service.

Not among the files that `make test` collects: `make test-clients` runs it, because it installs the generator.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.support.node import run
from tests.support.source import ROOT
from tests.support.world import PASSWORD, TestTenant

PROJECT = ROOT / "clients/python"
# Their bodies are files of text, for which the generator has no words.
LEFT_OUT = {"import_users", "import_events"}


@pytest.fixture(scope="module")
async def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the package is."""
    folder = tmp_path_factory.mktemp("python_client")
    await run(ROOT, sys.executable, str(PROJECT / "generate.py"), str(folder))
    return folder


def test_every_operation_is_generated(generated: Path) -> None:
    document = json.loads((ROOT / "docs/openapi.json").read_text())
    told = {operation["operationId"] for path in document["paths"].values() for operation in path.values()}

    made = {path.stem for path in (generated / "system_service_client/api").glob("*/*.py")} - {"__init__"}
    assert told - made == LEFT_OUT


async def test_the_types_fit(generated: Path) -> None:
    mypy = (sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(generated / ".cache"))

    await run(generated, *mypy, "--package", "system_service_client")
    await run(
        generated, "env", f"MYPYPATH={generated}", *mypy, str(PROJECT / "example.py"), str(PROJECT / "generate.py")
    )


async def test_the_example_runs(generated: Path, base: str, alpha: TestTenant, beta: TestTenant) -> None:
    for tenant in (alpha, beta):
        program = (sys.executable, str(PROJECT / "example.py"), base, tenant.name, "member", PASSWORD)
        output = await run(generated, "env", f"PYTHONPATH={generated}", *program)

        assert output.splitlines() == [
            "wrong password: invalid_credentials",
            f"me: member {tenant.name}",
            "made once: True From Python",
            "notes: ['From Python']",
            "refused: validation_failed /body/title",
            "late: version_conflict",
        ]
