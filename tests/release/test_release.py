"""A release has one version, and its archive has what is committed: all of it and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
import tomllib
from pathlib import Path
from typing import Final

import pytest

import main
from tests.support.source import ROOT

LEFT_OUT: Final[dict[str, str]] = {}  # a path that Git has and a release does not, and why; .gitattributes does it


def git(*arguments: str) -> str:
    """What Git says."""
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """Of what would be committed just now. Nobody can make one from an unpacked one, which has no repository."""
    if not (ROOT / ".git").exists():
        return None
    path = tmp_path_factory.mktemp("release") / "archive.tar.gz"
    subprocess.run([ROOT / ".ci/release", "archive", git("write-tree").strip(), path], check=True)
    return path


def test_there_is_one_version() -> None:
    """It is that of ``main.py``; all else follows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    document = json.loads((ROOT / "docs/openapi.json").read_text(encoding="utf-8"))
    newest = re.search(r"^## \[([^]]+)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    image = re.search(r"newTag: (\S+)", (ROOT / "deploy/kubernetes/kustomization.yaml").read_text(encoding="utf-8"))

    assert newest is not None
    assert image is not None
    assert {project["version"], document["info"]["version"], newest[1], image[1]} == {main.VERSION}
    assert re.fullmatch(r"\d+\.\d+\.\d+", main.VERSION)


def test_the_archive_has_every_file_that_git_has_and_no_other(archive: Path | None) -> None:
    if archive is None:
        return
    prefix = f"system-service-{main.VERSION}/"
    with tarfile.open(archive) as opened:
        members = opened.getmembers()
    staged = re.findall(r"^(\d{6}) \S+ 0\t(.*)$", git("ls-files", "--stage"), re.MULTILINE)
    modes = {path: mode for mode, path in staged}

    assert all(member.isfile() or member.isdir() for member in members)
    files = {member.name.removeprefix(prefix): member for member in members if member.isfile()}
    assert files.keys() == modes.keys() - LEFT_OUT.keys()
    assert LEFT_OUT.keys() <= modes.keys()
    assert [path for path, member in files.items() if bool(member.mode & 0o100) != (modes[path] == "100755")] == []


def test_the_same_commit_gives_the_same_bytes(archive: Path | None, tmp_path: Path) -> None:
    if archive is None:
        return
    first, second = tmp_path / "first.tar.gz", tmp_path / "second.tar.gz"
    for path in (first, second):
        subprocess.run([ROOT / ".ci/release", "archive", "HEAD", path], check=True)

    assert first.read_bytes() == second.read_bytes()
