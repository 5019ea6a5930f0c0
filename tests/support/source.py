"""The product's source as syntax trees, for the tests that guard how the house is built."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
# From the bottom up: a unit may import those below it. Units of one row do not know each other.
ROWS: Final = (
    {"common"},
    {"shared_models"},
    {"shared_auth", "database"},
    {"serving"},
    {"dependencies"},
    {"users"},
    {"settings"},
    {"tools"},
    {"migrations"},
    {"main", "manage"},
)
UNITS: Final = frozenset[str]().union(*ROWS)


@dataclass(frozen=True)
class Module:
    """One file: ``users/auth/service.py`` is the module ``users.auth.service``."""

    path: str
    text: str
    tree: ast.Module

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """The whole tree, one node after the other."""
        return tuple(ast.walk(self.tree))

    @property
    def name(self) -> str:
        """The dotted name; a package has that of its folder."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def unit(self) -> str:
        """The part of the house it belongs to."""
        return self.name.partition(".")[0]

    @property
    def file(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Import:
    """One imported module, and the line that imports it."""

    module: str
    line: int


def parse(path: str, text: str) -> Module:
    """A module, also one that no file holds."""
    return Module(path, text, ast.parse(text))


@cache
def product() -> tuple[Module, ...]:
    """Every module of the product; migrations that Alembic runs by itself are not part of the house."""
    paths = [path for unit in sorted(UNITS) for path in (ROOT / f"{unit}.py", *sorted((ROOT / unit).rglob("*.py")))]
    found = [path.relative_to(ROOT).as_posix() for path in paths if path.is_file()]
    alembic = [path for path in found if "/versions/" in path or path.endswith("/env.py")]
    return tuple(parse(path, (ROOT / path).read_text()) for path in found if path not in alembic)


def imports_of(module: Module, known: frozenset[str] = frozenset()) -> Iterator[Import]:
    """What a module imports. ``from a import b`` imports ``a.b`` where ``known`` says that this is a module."""
    for node in module.nodes:
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module.path}:{node.lineno}: a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield Import(inner if inner in known else node.module or "", node.lineno)


def is_below(name: str, *packages: str) -> bool:
    """Whether a dotted name is one of the packages or inside one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def functions_of(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method."""
    for node in module.nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def texts_of(module: Module) -> Iterator[tuple[int, str]]:
    """Every string that is no docstring, with its line. What an f-string fills in is shown as ``{}``."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in module.nodes
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    formatted = [node for node in module.nodes if isinstance(node, ast.JoinedStr)]
    pieces = {id(piece) for node in formatted for piece in node.values}
    for node in formatted:
        yield node.lineno, "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    for found in module.nodes:
        if isinstance(found, ast.Constant) and isinstance(found.value, str) and id(found) not in docstrings | pieces:
            yield found.lineno, found.value
