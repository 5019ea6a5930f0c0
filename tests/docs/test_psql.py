"""``python -m manage psql`` says in one sentence what keeps it from opening; docs/isolation.md tries what it opens."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from manage.kept_secrets import kept_secrets
from manage.problems import CommandError
from manage.psql import embedded_url
from tests.docs.documents import ROOT


@pytest.fixture
def folder() -> Iterator[Path]:
    """Open to the user that would run PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="ss-psql-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_folder_where_nothing_was_started_is_named(folder: Path) -> None:
    with pytest.raises(CommandError, match=rf"Nothing was ever started in {folder}"):
        embedded_url(folder)


def test_a_server_that_does_not_run_is_named(folder: Path) -> None:
    kept_secrets(folder)

    with pytest.raises(CommandError, match=rf"PostgreSQL does not run in {folder}"):
        embedded_url(folder)


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({}, "Nothing was ever started in"),
        (
            {"PORT": "many", "DATABASE_URL": "mysql://"},
            "The configuration is wrong, see .env.example for: DATABASE_URL, PORT.",
        ),
        ({"DATABASE_URL": "postgresql://a:b@127.0.0.1/c"}, "SECRET_KEY is not set"),
    ],
)
def test_trouble_is_one_sentence(folder: Path, variables: dict[str, str], sentence: str) -> None:
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(folder), **variables}
    command = [sys.executable, "-m", "manage", "psql", "-c", "SELECT 1"]

    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert ended.stderr.startswith(sentence)
    assert len(ended.stderr.splitlines()) == 1
