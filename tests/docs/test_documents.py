"""What the documents point to exists: files, anchors, commands, routes, variables, tests."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from fastapi.routing import iter_route_contexts

import main
from common.config import Config
from manage.app import app as command_line
from tests.docs.documents import DECISIONS, DOCUMENTS, ROOT, headings

SECTIONS = ("## Context", "## Decision", "## Consequences", "## A change violates this when", "## Guarded by")


def name_of(document: Path) -> str:
    return str(document.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        if not file.exists() or (anchor and anchor not in headings(file)):
            broken.append(target)

    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_command_of_ours_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = {
        command.name or (command.callback.__name__ if command.callback else "")
        for command in command_line.registered_commands
    }

    assert set(re.findall(r"(?:`|^)make ([a-z][a-z-]*)", text, re.MULTILINE)) <= targets
    assert set(re.findall(r"python -m manage ([a-z][a-z-]*)", text)) <= {name.replace("_", "-") for name in commands}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_no_document_tells_the_path_of_a_machine(document: Path) -> None:
    assert re.findall(r"(?<![\w.])/(?:root|home|work|Users)/\S*", document.read_text(encoding="utf-8")) == []


def test_the_readme_lists_the_routes_that_exist() -> None:
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Endpoints")[2].partition("\n## ")[0]
    listed = set()
    for quoted in re.findall(r"((?:`[A-Z]+` )*`[A-Z]+ /[^`]*`)", table):
        path = quoted.rpartition(" ")[2].strip("`")
        listed |= {(method, path) for method in re.findall(r"[A-Z]{3,}", quoted.replace(path, ""))}

    assert listed == {route for route in routes() if not route[1].startswith("/docs/")}


def routes() -> set[tuple[str, str]]:
    application = main.create_app(Config(environment="development", log_level="warning"))  # of the whole process
    contexts = iter_route_contexts(application.routes)
    return {(method, context.path or "") for context in contexts for method in (context.methods or set()) - {"HEAD"}}


def test_the_readme_names_variables_that_exist_with_their_defaults() -> None:
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Configuration")[2].partition("\n## ")[0]
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[A-Z_`, or]+) \|.*\| ([^|]+) \|$", table, re.MULTILINE)
    assert len(rows) >= 8

    for names, shown in rows:
        defaults = re.findall(r"`([^`]+)`", shown)
        for number, name in enumerate(re.findall(r"[A-Z][A-Z_]+", names)):
            found = re.search(rf"^# {name}=(.*)$", example, re.MULTILINE)
            assert found, name
            if number < len(defaults) and defaults[number] != "DATABASE_URL":
                assert found[1] == defaults[number]


def test_the_map_has_every_file_at_the_top_and_every_folder() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w.-]+(?:/[\w.-]+)*)/?`", text))

    assert sorted(top_of_the_tree() - named) == []


def top_of_the_tree() -> set[str]:
    """What stands at the top and the folders one level down, of everything that Git knows or would add."""
    parts = [Path(path).parts for path in known_files() if not path.startswith(".")]
    return {path[0] for path in parts} | {"/".join(path[:2]) for path in parts if len(path) > 2}


def known_files() -> list[str]:
    """By their paths. A source archive holds nothing else when it is unpacked, but for what was made there since."""
    if not (ROOT / ".git").exists():
        found = [path for top in ROOT.glob("[!.]*") for path in (top, *top.rglob("*")) if path.is_file()]
        made = {"build", "__pycache__"}
        return [str(path.relative_to(ROOT)) for path in found if made.isdisjoint(path.parts)]
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return listed.stdout.splitlines()


@pytest.mark.parametrize("decision", DECISIONS, ids=name_of)
def test_a_decision_says_what_would_violate_it_and_which_tests_notice(decision: Path) -> None:
    text = decision.read_text(encoding="utf-8")
    places = [text.find(f"\n{section}\n") for section in SECTIONS]
    guards = re.findall(r"`(tests/[\w/]+\.py)`", text.partition("## Guarded by")[2])

    assert places == sorted(places)
    assert -1 not in places
    assert guards
    assert [guard for guard in guards if not (ROOT / guard).is_file()] == []


def test_the_decisions_are_numbered_without_gaps_and_all_listed() -> None:
    index = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")

    assert [int(decision.name[:4]) for decision in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    assert re.findall(r"\((\d{4}[\w-]+\.md)\)", index) == [decision.name for decision in DECISIONS]
