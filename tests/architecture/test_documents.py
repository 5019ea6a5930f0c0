"""Documents name only files that exist."""

from __future__ import annotations

import re
from functools import cache
from pathlib import PurePosixPath

from tests.support.source import ROOT

QUOTED = re.compile(r"`([A-Za-z0-9_.][A-Za-z0-9_./-]*)`")
LINKED = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
SUFFIXES = {".py", ".md", ".toml"}  # of names without a folder; others are mostly examples
# Files that somebody makes, and that are not in the repository.
MADE = {"docs/openapi.json", ".env"}


@cache
def files() -> frozenset[str]:
    """Every file of the repository: of folders with a dot only that which is part of it, none that was built."""
    there = [path for path in ROOT.iterdir() if path.is_dir() and path.name != "build"]
    folders = [path for path in there if path.name == ".ci" or path.name[0] != "."]
    inside = [path for folder in folders for path in folder.rglob("*") if "__pycache__" not in path.parts]
    found = [path for path in (*ROOT.iterdir(), *inside) if path.is_file()]
    return frozenset(path.relative_to(ROOT).as_posix() for path in found)


@cache
def known() -> frozenset[str]:
    """Files, their folders, and both by their last names only."""
    folders = {str(parent) for path in files() for parent in PurePosixPath(path).parents}
    return files() | folders | {PurePosixPath(path).name for path in files() | folders}


def missing(text: str, folder: str = ".") -> list[str]:
    """Paths in backticks, and targets of links, that lead nowhere."""
    tops = {path.split("/")[0] for path in files() if "/" in path}
    named = [
        path.rstrip("/")
        for path in QUOTED.findall(text)
        if (path.split("/")[0] in tops and "/" in path) or PurePosixPath(path).suffix in SUFFIXES
    ]
    linked = [target.rstrip("/") for target in LINKED.findall(text)]
    there = [path for path in linked if not (ROOT / folder / path).exists() and not path.startswith("http")]
    return sorted({path for path in named if path not in known() | MADE} | set(there))


def documents() -> list[str]:
    """Every document."""
    return sorted(path for path in files() if path.endswith(".md"))


def test_a_document_names_only_what_exists() -> None:
    texts = {path: (ROOT / path).read_text(encoding="utf-8") for path in documents()}
    faults = {path: missing(text, str(PurePosixPath(path).parent)) for path, text in texts.items()}

    assert len(faults) >= 10
    assert {path: names for path, names in faults.items() if names} == {}


def test_a_name_of_nothing_is_found() -> None:
    assert missing("see `common/nothing.py` and `manage/gone/`") == ["common/nothing.py", "manage/gone"]
    assert missing("[the map](docs/nowhere.md#x)") == ["docs/nowhere.md"]
    assert missing("`nothing.toml`") == ["nothing.toml"]
    assert missing("`common/paging.py`, `manage/embedded/`, `pyproject.toml`, `application/json`, `GET /users`") == []
    assert missing("[out](https://example.org/x.md) `tests/support`") == []
