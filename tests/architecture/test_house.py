"""Where things are done: SQL, the environment, session state; and how large and how named the parts are."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Sequence

from tests.support.source import ROOT, Module, functions_of, imports_of, parse, product, texts_of

STATEMENTS = {"select", "insert", "update", "delete", "text", "union", "exists"}
METHODS = {"execute", "executemany", "fetch", "fetchval", "fetchrow", "exec_driver_sql", "cursor", "copy_from_query"}
WITH_SQL = {
    "database.py",
    "shared_models.py",
    "common/paging.py",
    "common/idempotency.py",
    "common/limits.py",  # one algorithm, half of which is its statement
    "tools/records/single.py",  # each statement beside the one function that asks it
    "common/cache/listener.py",  # LISTEN and NOTIFY are what it is
    "manage/psql.py",
    "manage/revision.py",
}

MAX_FUNCTION_LINES = 40
MAX_FILE_LINES = 300
LONG_FILES = {
    "database.py": "the transaction and the three units are read together",
    "shared_auth.py": "everything about credentials, so that one file holds what must be reviewed",
    "common/config.py": "every variable of the environment on one page, each with its meaning",
    "common/errors.py": "every error, so that its docstring can draw the whole tree",
    "settings/audit/verify_export.py": "stands alone: one file to copy, to read and to run",
    "tools/models.py": "a module's whole data model on one page",
    "users/models.py": "a module's whole data model on one page",
}
LONG_FUNCTIONS: dict[str, str] = {"build_services": "a list of what there is, a line for each; no logic"}
UNTELLING = {"utils", "util", "helpers", "helper", "base", "misc", "common_utils", "functions", "lib"}


def stray_sql(modules: Sequence[Module]) -> list[str]:
    """SQL outside the files for it: built with SQLAlchemy, or written as a string."""
    faults = []
    for module in modules:
        if module.file in {"queries.py", "models.py"} or module.path in WITH_SQL or module.unit == "migrations":
            continue
        for node in module.nodes:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy"):
                faults += [f"{module.path}:{node.lineno}" for name in node.names if name.name in STATEMENTS]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
                literal = node.args and isinstance(node.args[0], ast.Constant | ast.JoinedStr)
                faults += [f"{module.path}:{node.lineno}"] if literal else []
    return faults


def lasting_settings(modules: Sequence[Module]) -> list[str]:
    """``SET`` without ``LOCAL``: it would outlive its transaction on a pooled connection."""
    pattern = re.compile(r"(?:\A|;)\s*SET\s+(?!LOCAL\b|TRANSACTION\b|NULL\b)")
    return [
        f"{module.path}:{line}"
        for module in modules
        for line, text in texts_of(module)
        if pattern.search(text) or re.search(r"set_config\((?![^)]*true)", text)
    ]


def environment_readers(modules: Sequence[Module]) -> list[str]:
    """Who asks for environment variables."""
    found = []
    for module in modules:
        for node in module.nodes:
            asked = isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"}
            named = (
                isinstance(node, ast.ImportFrom) and node.module == "os" and "environ" in {a.name for a in node.names}
            )
            found += [module.path] if asked or named else []
    return found


def long_functions(modules: Sequence[Module]) -> list[str]:
    """Functions of more lines than one takes in at a glance."""
    return [
        function.name
        for module in modules
        for function in functions_of(module)
        if (function.end_lineno or 0) - function.lineno + 1 > MAX_FUNCTION_LINES
    ]


def long_files(modules: Sequence[Module]) -> list[str]:
    """Files of more lines than one concept needs."""
    return [module.path for module in modules if len(module.text.splitlines()) > MAX_FILE_LINES]


def untelling_names(modules: Sequence[Module]) -> list[str]:
    """Files and folders whose names do not say what is in them."""
    return [module.path for module in modules if set(module.name.split(".")) & UNTELLING]


def undocumented(modules: Sequence[Module]) -> list[str]:
    """Modules, public classes and public functions without a docstring."""
    faults = [module.path for module in modules if module.text.strip() and not ast.get_docstring(module.tree)]
    for module in modules:
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_":
                obvious = isinstance(node, ast.ClassDef) and module.path == "common/errors.py"  # the text says it
                faults += [] if obvious or ast.get_docstring(node) else [f"{module.path}:{node.lineno} {node.name}"]
    return faults


def test_sql_is_written_where_it_is_looked_for() -> None:
    assert stray_sql(product()) == []


def test_no_setting_outlives_its_transaction() -> None:
    assert lasting_settings(product()) == []


def test_the_environment_is_read_by_the_configuration_and_the_command_that_starts_everything() -> None:
    assert set(environment_readers(product())) <= {"common/config.py", "manage/up.py"}


def test_functions_are_short() -> None:
    assert sorted(set(long_functions(product())) - LONG_FUNCTIONS.keys()) == []


def test_files_are_short() -> None:
    assert sorted(set(long_files(product())) - LONG_FILES.keys()) == []


def test_no_exception_is_listed_in_vain() -> None:
    """One that became short again leaves the list."""
    assert LONG_FILES.keys() - set(long_files(product())) == set()
    assert LONG_FUNCTIONS.keys() - set(long_functions(product())) == set()


def test_names_tell_what_is_inside() -> None:
    assert untelling_names(product()) == []


def test_what_others_use_is_documented() -> None:
    assert undocumented(product()) == []


def test_no_library_is_imported_from_two_places_by_two_names() -> None:
    """The token library is one: its competitor would bring a second set of defaults."""
    rivals = {"jwt", "bcrypt", "argon2", "psycopg", "psycopg2", "requests", "orjson", "ujson"}

    found = {one.module.partition(".")[0] for module in product() for one in imports_of(module)}
    assert found & rivals == set()


def test_nothing_that_is_made_here_is_committed() -> None:
    """A committed ``.venv``, even as a link, leaves a fresh clone with one that does not work."""
    ignored = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    staged = ["git", "ls-files", "--stage"]

    if (ROOT / ".git").exists():  # a source archive has no index, and nothing to ask
        assert subprocess.run(ignored, cwd=ROOT, capture_output=True, text=True, check=True).stdout == ""
        listed = subprocess.run(staged, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert [line for line in listed.splitlines() if line.startswith("120000")] == []


def test_stray_sql_is_found() -> None:
    for text in (
        "from sqlalchemy import ColumnElement, select",
        "from sqlalchemy.dialects.postgresql import insert",
        "async def f(c):\n    await c.execute('SELECT 1')",
        "async def f(c, x):\n    await c.fetchval(f'SELECT {x}')",
    ):
        assert stray_sql([parse("users/roles/service.py", text)]), text
        assert stray_sql([parse("users/roles/queries.py", text)]) == []
    assert stray_sql([parse("users/roles/service.py", "async def f(u, s):\n    await u.execute(s)")]) == []


def test_a_lasting_setting_is_found() -> None:
    for text in (
        'x = "SET search_path TO a"',
        'x = f"BEGIN; SET ROLE {y}"',
        "x = \"SELECT set_config('a', 'b', false)\"",
    ):
        assert lasting_settings([parse("x.py", text)]), text
    for text in ('x = "BEGIN; SET LOCAL ROLE a"', 'x = "UPDATE t SET a = 1"', '"""SET is a word."""', 'x = "Set it"'):
        assert lasting_settings([parse("x.py", text)]) == [], text


def test_a_reader_of_the_environment_is_found() -> None:
    for text in ("import os\nx = os.environ['A']", "import os\nx = os.getenv('A')", "from os import environ"):
        assert environment_readers([parse("x.py", text)]) == ["x.py"]
    assert environment_readers([parse("x.py", "import os\nos.getpid()")]) == []


def test_length_is_measured() -> None:
    body = "    pass\n" * MAX_FUNCTION_LINES

    assert long_functions([parse("x.py", f"def f():\n{body}")]) == ["f"]
    assert long_functions([parse("x.py", f"def f():\n{body[9:]}")]) == []
    assert long_files([parse("x.py", "\n" * (MAX_FILE_LINES + 1))]) == ["x.py"]
    assert long_files([parse("x.py", "\n" * MAX_FILE_LINES)]) == []


def test_untelling_names_and_missing_docstrings_are_found() -> None:
    assert untelling_names(
        [parse("users/utils.py", ""), parse("common/base/x.py", ""), parse("common/clock.py", "")]
    ) == [
        "users/utils.py",
        "common/base/x.py",
    ]
    assert undocumented([parse("x.py", '"""D."""\ndef f(): pass')]) == ["x.py:2 f"]
    assert undocumented([parse("x.py", "x = 1")]) == ["x.py"]
    assert undocumented([parse("x.py", '"""D."""\ndef _f(): pass')]) == []
