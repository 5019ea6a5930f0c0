"""Who may import whom (docs/architecture.md). Each rule is tried on a snippet that breaks it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from graphlib import CycleError, TopologicalSorter

from tests.support.source import ROWS, UNITS, Module, functions_of, imports_of, is_below, parse, product

MODULES = {"users", "settings", "tools"}
# Roles and tables are declared where they belong, and the migrations gather them.
OPEN_TO_MIGRATIONS = {"users.permissions", "settings.permissions", "tools.permissions"}


# Parts of the tools module that each tool may use. Every other folder is a tool, which can be taken out alone.
SHARED_BY_TOOLS = {"records", "reminders", "recurrence", "mailing"}


def names(modules: Iterable[Module]) -> frozenset[str]:
    return frozenset(module.name for module in modules)


def upward_imports(modules: Sequence[Module]) -> list[str]:
    """Imports of a unit that does not lie below the importing one."""
    row = {unit: number for number, units in enumerate(ROWS) for unit in units}
    return [
        f"{module.path}:{found.line} imports {found.module}"
        for module in modules
        if module.unit not in {"main", "manage"}
        for found in imports_of(module)
        if (unit := found.module.partition(".")[0]) in UNITS
        if unit != module.unit and row[unit] >= row[module.unit]
    ]


def back_doors(modules: Sequence[Module]) -> list[str]:
    """Imports that reach into a business module past its ``__init__``."""
    known = names(modules)
    return [
        f"{module.path}:{found.line} imports {found.module}"
        for module in modules
        for found in imports_of(module, known)
        if (unit := found.module.partition(".")[0]) in MODULES and unit not in {found.module, module.unit}
        if not (module.unit == "migrations" and found.module in OPEN_TO_MIGRATIONS)
    ]


def entangled_tools(modules: Sequence[Module]) -> list[str]:
    """Imports of one tool by another, or by what all of them share."""
    known = names(modules)
    folders = {name.split(".")[1] for name in known if name.startswith("tools.") and name.count(".") > 1}
    tools = folders - SHARED_BY_TOOLS
    return [
        f"{module.path}:{found.line} imports {found.module}"
        for module in modules
        if module.path.startswith("tools/") and module.path != "tools/endpoints.py"
        for found in imports_of(module, known)
        if found.module.startswith("tools.") and (tool := found.module.split(".")[1]) in tools
        if not module.path.startswith(f"tools/{tool}/")
    ]


def cycle(modules: Sequence[Module]) -> list[str]:
    """One circle of imports, if there is any."""
    known = names(modules)
    graph = {module.name: {found.module for found in imports_of(module, known)} & known for module in modules}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def late_imports(modules: Sequence[Module]) -> list[str]:
    """Imports inside functions, which hide circles."""
    return [
        f"{module.path}:{node.lineno}"
        for module in modules
        for function in functions_of(module)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]


def foreign(modules: Sequence[Module], packages: Sequence[str], homes: Sequence[str]) -> list[str]:
    """Imports of a library outside the files that may know it; a home ending in / is a folder."""
    return [
        f"{module.path}:{found.line} imports {found.module}"
        for module in modules
        if not any(module.path.startswith(home) if home.endswith("/") else is_file(module, home) for home in homes)
        for found in imports_of(module)
        if is_below(found.module, *packages)
    ]


def is_file(module: Module, home: str) -> bool:
    """Whether the module is that file, or, for a bare name in a resource's folder, one of those files."""
    return module.path == home or (home == "endpoints.py" and module.file == home)


HOMES = {
    ("fastapi", "starlette"): ("endpoints.py", "dependencies.py", "serving/", "common/http/", "main.py"),
    ("jose", "passlib"): ("shared_auth.py",),
    ("redis",): ("common/cache/",),
    ("alembic",): ("migrations/", "manage/revision.py"),
}


def test_no_unit_imports_one_above_it() -> None:
    assert upward_imports(product()) == []


def test_a_module_is_used_through_its_front_door() -> None:
    assert back_doors(product()) == []


def test_there_is_no_circle() -> None:
    assert cycle(product()) == []


def test_every_tool_can_be_taken_out_alone() -> None:
    assert entangled_tools(product()) == []


def test_imports_stand_at_the_top() -> None:
    assert late_imports(product()) == []


def test_a_library_is_known_where_it_belongs() -> None:
    assert [fault for packages, homes in HOMES.items() for fault in foreign(product(), packages, homes)] == []


def test_all_of_it_was_looked_at() -> None:
    found = {module.unit for module in product()}

    assert found == UNITS
    assert len(product()) > 80


def test_an_upward_import_is_found() -> None:
    for path, text in (
        ("common/x.py", "from shared_models import Page"),
        ("database.py", "import shared_auth"),
        ("users/x.py", "from tools.notes import service"),
        ("tools/x.py", "from migrations.seed import digest"),
    ):
        assert upward_imports([parse(path, text)]), path
    assert upward_imports([parse("tools/x.py", "import users, common.ids, re")]) == []


def test_a_back_door_is_found() -> None:
    assert back_doors([parse("tools/x.py", "from users.accounts.service import get_user")])
    assert back_doors([parse("main.py", "from users import models"), parse("users/models.py", "")])
    assert back_doors([parse("migrations/seed.py", "import users.models")])
    assert back_doors([parse("main.py", "from users import find_tenant"), parse("users/x.py", "import users.y")]) == []


def test_a_tool_that_uses_another_is_found() -> None:
    tools = [parse(f"tools/{name}/service.py", "") for name in ("notes", "tasks", "records")]

    for path in ("tools/notes/kind.py", "tools/records/kinds.py", "tools/declarations.py"):
        assert entangled_tools([*tools, parse(path, "from tools.tasks import service")]), path
    assert entangled_tools([*tools, parse("tools/notes/kind.py", "from tools.records import service")]) == []
    assert entangled_tools([*tools, parse("tools/endpoints.py", "from tools import tasks")]) == []


def test_a_circle_is_found() -> None:
    first, second = parse("common/a.py", "from common import b"), parse("common/b.py", "import common.a")

    assert set(cycle([first, second])) == {"common.a", "common.b"}
    assert cycle([first, parse("common/b.py", "")]) == []


def test_a_late_import_is_found() -> None:
    assert late_imports([parse("users/x.py", "async def f():\n    if 1:\n        from tools import y")])
    assert late_imports([parse("users/x.py", "from tools import y")]) == []


def test_a_library_away_from_home_is_found() -> None:
    text = "from fastapi.responses import Response"

    assert foreign([parse("users/roles/service.py", text)], ("fastapi",), HOMES["fastapi", "starlette"])
    assert foreign([parse("users/dependencies.py", text)], ("fastapi",), HOMES["fastapi", "starlette"])
    assert foreign([parse("users/roles/endpoints.py", text)], ("fastapi",), HOMES["fastapi", "starlette"]) == []
    assert foreign([parse("common/http/x.py", text)], ("fastapi",), HOMES["fastapi", "starlette"]) == []
    assert foreign([parse("users/x.py", "import fastapi_offline")], ("fastapi",), ()) == []
