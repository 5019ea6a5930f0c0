"""Folders that also the user running PostgreSQL can reach, and one running cluster for tests that only look."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from manage.embedded import EmbeddedPostgres

FAST = {"fsync": "off"}


def open_folder() -> Path:
    """pytest's own ``tmp_path`` is closed to other users, and long."""
    folder = Path(tempfile.mkdtemp(prefix="ss-"))
    folder.chmod(0o755)
    return folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder with a short name."""
    path = open_folder()
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def cluster() -> Iterator[EmbeddedPostgres]:
    """A running server."""
    path = open_folder()
    with EmbeddedPostgres(path / "postgres", settings=FAST) as server:
        yield server
    shutil.rmtree(path)
