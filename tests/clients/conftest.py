"""The shared application behind a real socket, and the TypeScript client, generated and compiled."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from tests.support.listening import listening
from tests.support.node import npm_command, packages_of, run
from tests.support.source import ROOT


@pytest.fixture(scope="session")
async def base(app: FastAPI) -> AsyncIterator[str]:
    """Its address."""
    async with listening(app) as address:
        yield address


@pytest.fixture(scope="session")
async def typescript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of ``clients/typescript`` in which the scripts of its package.json were run, as a developer runs them."""
    top = tmp_path_factory.mktemp("typescript")
    (top / "docs").mkdir()
    shutil.copy(ROOT / "docs/openapi.json", top / "docs")
    project = top / "clients/typescript"
    ours = shutil.ignore_patterns("node_modules", "dist", "schema.d.ts")
    shutil.copytree(ROOT / "clients/typescript", project, ignore=ours)
    (project / "node_modules").symlink_to(await packages_of(project))
    for script in ("generate", "build"):
        await run(project, *npm_command(), "run", script)
    return project
