"""The requirement files are what ``make requirements`` writes from pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
RUNTIME: list[str] = PROJECT["dependencies"]
FILES = {
    "requirements.txt": [*RUNTIME, *(line for lines in EXTRAS.values() for line in lines)],
    "requirements-service.txt": [*RUNTIME, *EXTRAS["tracing"]],
}


@dataclass(frozen=True)
class Pin:
    """One package of a requirement file."""

    requirement: Requirement
    hashes: tuple[str, ...]

    @property
    def version(self) -> str:
        (specifier,) = self.requirement.specifier
        assert specifier.operator == "=="
        return specifier.version


def read_pins(text: str) -> list[Pin]:
    """Undo the line continuations, drop the comments."""
    joined = text.replace("\\\n", " ")
    lines = [line.strip() for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return [Pin(Requirement(line.split(" --hash=")[0]), tuple(re.findall(r"--hash=(\S+)", line))) for line in lines]


@pytest.fixture(params=FILES)
def file(request: pytest.FixtureRequest) -> str:
    """One of the requirement files."""
    return str(request.param)


@pytest.fixture
def text(file: str) -> str:
    """Its text."""
    return (ROOT / file).read_text()


@pytest.fixture
def pins(text: str) -> dict[str, Pin]:
    """Its packages by canonical name."""
    return {canonicalize_name(pin.requirement.name): pin for pin in read_pins(text)}


def test_every_dependency_is_pinned_to_a_version_that_pyproject_allows(file: str, pins: dict[str, Pin]) -> None:
    """A bound raised in pyproject.toml without ``make requirements`` shows here."""
    for requirement in map(Requirement, FILES[file]):
        pin = pins.get(canonicalize_name(requirement.name))
        assert pin is not None, f"{requirement.name} is missing in {file}: run `make requirements`"
        assert requirement.specifier.contains(pin.version), f"{requirement} but {pin.version}: run `make requirements`"


def test_every_package_has_hashes(pins: dict[str, Pin]) -> None:
    """A changed file on an index is refused by pip."""
    for name, pin in pins.items():
        assert pin.hashes, f"{name} has no hash"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in pin.hashes), name


def test_the_pins_are_exactly_what_the_dependencies_need(file: str, pins: dict[str, Pin]) -> None:
    """A dependency taken out of pyproject.toml leaves no package behind, and no needed one is unpinned."""
    here = {name for name, pin in pins.items() if pin.requirement.marker is None or pin.requirement.marker.evaluate()}
    assert here == {name for name, _ in needed_by(map(Requirement, FILES[file]))}


def test_pins_name_the_extras_they_are_needed_with(file: str, pins: dict[str, Pin]) -> None:
    """Older pip takes ``x[extra]`` for unpinned beside ``x==1``, and refuses it once there is a newer ``x``."""
    for name, extra in needed_by(map(Requirement, FILES[file])):
        known = {canonicalize_name(found) for found in metadata.metadata(name).get_all("Provides-Extra", [])}
        assert not extra or extra not in known or extra in pins[name].requirement.extras, f"{name}[{extra}]"


def test_no_index_and_no_url_is_written_down(text: str) -> None:
    """Where packages come from is a matter of the machine that installs them."""
    assert not re.search(r"://|^\s*--(?!hash)|^-", text, re.MULTILINE)
    assert not re.search(r"^[^#\n]*\s@\s", text, re.MULTILINE)


def test_the_file_says_how_it_is_made(text: str) -> None:
    """Nobody edits it by hand."""
    assert "make requirements" in text.splitlines()[1]


def needed_by(requirements: Iterable[Requirement]) -> set[tuple[str, str]]:
    """The packages, each with "" and its extras, that these pull in here: from the metadata of the installed ones."""
    waiting, seen = list(requirements), set[tuple[str, str]]()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        for extra in ("", *requirement.extras):
            if (name, extra) not in seen:
                seen.add((name, extra))
                found = map(Requirement, metadata.requires(name) or [])
                waiting += [item for item in found if not item.marker or item.marker.evaluate({"extra": extra})]
    return seen
