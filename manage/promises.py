"""``docs/promises.md``: what must never break, and the tests that guard it, read from their markers."""

from __future__ import annotations

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
SENTENCES: Final = ROOT / "docs" / "promises.toml"
HEADER: Final = """\
# Promises

What must never break, and the tests that guard it: each carries the number, as in `@pytest.mark.promise("T1")`.
Made by `python -m manage promises` from `docs/promises.toml` and the tests. Do not edit.
"""

Groups = Mapping[str, Mapping[str, str]]
FIGURES: Final = "Figures"


@dataclass(frozen=True, slots=True)
class Guard:
    """One test of one promise."""

    promise: str
    file: str
    test: str


def read_sentences(path: Path = SENTENCES) -> Groups:
    """The sentence of every promise, by group and number."""
    groups = tomllib.loads(path.read_text(encoding="utf-8"))
    return {title: promises for title, promises in groups.items() if title != FIGURES}


def read_figures(path: Path = SENTENCES) -> Mapping[str, str]:
    """What was measured of a promise, by its number: not of each there is something to measure."""
    figures: Mapping[str, str] = tomllib.loads(path.read_text(encoding="utf-8"))[FIGURES]
    return figures


def find_guards(tests: Path = ROOT / "tests") -> list[Guard]:
    """Every test with the mark, in the order of files and lines. A mark on a class or file counts for all in it."""
    return [
        Guard(promise, path.relative_to(tests.parent).as_posix(), test)
        for path in sorted(tests.rglob("*.py"))
        for promise, test in _marked(ast.parse(path.read_text(encoding="utf-8")))
    ]


def render_promises(groups: Groups, guards: list[Guard], figures: Mapping[str, str]) -> str:
    """The whole page."""
    by_promise = defaultdict[str, list[Guard]](list)
    for guard in guards:
        by_promise[guard.promise].append(guard)
    parts = [HEADER]
    for title, promises in groups.items():
        parts.append(f"\n## {title}\n")
        for number, text in promises.items():
            measured = f"\nMeasured: {figures[number]}\n" if number in figures else ""
            parts.append(f"\n**{number}** {text}\n\n{_list(by_promise[number])}{measured}")
    return "".join(parts)


def write_promises(path: Path) -> None:
    """Write the page anew."""
    path.write_text(render_promises(read_sentences(), find_guards(), read_figures()), encoding="utf-8")


def _list(guards: list[Guard]) -> str:
    if not guards:
        return "No test yet.\n"
    files = dict.fromkeys(guard.file for guard in guards)
    tests = {file: dict.fromkeys(_sentence(guard.test) for guard in guards if guard.file == file) for file in files}
    return "".join(f"- `{file}`: {'; '.join(names)}\n" for file, names in tests.items())


def _sentence(test: str) -> str:
    """A test's name as the sentence it is."""
    return test.removeprefix("test_").replace("_", " ")


def _marked(tree: ast.Module) -> Iterator[tuple[str, str]]:
    everywhere = [
        promise
        for node in tree.body
        if isinstance(node, ast.Assign)
        and any(isinstance(to, ast.Name) and to.id == "pytestmark" for to in node.targets)
        for promise in _promises(node.value)
    ]
    yield from _tests(tree, everywhere)


def _tests(parent: ast.Module | ast.ClassDef, inherited: list[str]) -> Iterator[tuple[str, str]]:
    for node in parent.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        own = [promise for decorator in node.decorator_list for promise in _promises(decorator)]
        if isinstance(node, ast.ClassDef):
            yield from _tests(node, inherited + own)
        elif node.name.startswith("test_"):
            yield from ((promise, node.name) for promise in dict.fromkeys(inherited + own))


def _promises(expression: ast.expr) -> Iterator[str]:
    """The arguments of every ``pytest.mark.promise(...)`` in an expression."""
    for node in ast.walk(expression):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.promise":
            yield from (str(item.value) for item in node.args if isinstance(item, ast.Constant))
