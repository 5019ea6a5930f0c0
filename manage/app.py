"""The commands of ``python -m manage``. One function per command, which only translates options and calls a module.

That module is loaded when its command is run: most bring the whole service, which takes a second or two, and ``--help``
and ``psql`` need none of it.
"""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from manage.nouns import NOUNS
from manage.problems import run
from manage.psql import psql

app = typer.Typer(
    help="Run and look after the System Service.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # an unexpected error keeps its plain traceback; expected ones have none
    rich_markup_mode="markdown",
)


@app.callback()
def commands() -> None:
    """Run and look after the System Service."""


@app.command()
def up(
    *,
    demo: Annotated[
        bool, typer.Option("--demo/--no-demo", help="Create the demonstration tenant (development only).")
    ] = True,
) -> None:
    """Start the service with everything it needs; Ctrl-C stops it all.

    Without `DATABASE_URL` it brings its own PostgreSQL, without `REDIS_URL` or `REDIS_HOST` its own Valkey; their
    data and the secrets it makes are kept in `DATA_DIR`. Every variable of `.env.example` is obeyed.
    """
    _work("up").run_everything(demo=demo)


@app.command()
def migrate(
    *,
    tenant: Annotated[
        str | None, typer.Option("--tenant", "-t", metavar="ID", help="Only this tenant, such as `acme`.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first so many that are behind, to see how they fare.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="How many tenants at the same time.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say who is behind, and by which SQL; change nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with the outcome for each tenant.")] = False,
) -> None:
    """Upgrade the system schema and every tenant that is behind. Safe to repeat; a killed run is simply run again.

    Ctrl-C finishes the tenants in hand. Exit code 1 if a tenant or a shard could not be upgraded, or was left because
    of Ctrl-C.
    """
    work = _work("migrate")
    if dry_run:
        work.show_plan(tenant, limit, as_json=as_json)
    else:
        work.migrate(tenant, limit, workers, as_json=as_json)


@app.command()
def openapi(
    path: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("docs/openapi.json"),
) -> None:
    """Write the API's description (OpenAPI 3.1)."""
    sys.exit(subprocess.run([sys.executable, "-m", "manage.openapi", str(path)], check=False).returncode)


@app.command("env-example")
def env_example(path: Annotated[Path, typer.Argument(help="Where to write it.")] = Path(".env.example")) -> None:
    """Write every variable of the configuration, with its default."""
    _work("env_example").write_env_example(path)


@app.command()
def promises(path: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("docs/promises.md")) -> None:
    """Write what must never break, with the tests that guard it."""
    _work("promises").write_promises(path)


@app.command()
def revision(
    *,
    tree: Annotated[Literal["system", "tenant"], typer.Option(help="Which schema changes.")],
    message: Annotated[str, typer.Option(help="What the migration does, such as `add x to y`.")],
) -> None:
    """Draft the next migration of a tree from what the models have and the migrations lack."""
    print(f"{_work('revision').make_revision(tree, message)} is written. Read and correct it, then run make schema.")


@app.command()
def schema() -> None:
    """Write migrations/tenant/schema.sql, which builds an empty tenant in one message, from the migrations."""
    print(f"{_work('revision').write_schema_sql()} is written.")


@app.command()
def doctor(
    *,
    deep: Annotated[bool, typer.Option("--deep", help="Recompute every entry of every audit log.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Look at configuration, servers, roles, schemas, audit logs and jobs; say what is wrong and how to mend it.

    Changes nothing. Exit code 1 if anything is an error.
    """
    _work("doctor.command").examine(deep=deep, as_json=as_json)


app.command(context_settings={"ignore_unknown_options": True})(psql)


def _work(name: str) -> Any:
    """The module that does a command's work."""
    return import_module(f"manage.{name}")


def _listed() -> None:
    """Never run: ``manage/__main__.py`` hands these commands to ``manage.operations``. Here they are only listed."""


for noun, purpose in NOUNS.items():
    app.command(noun, help=purpose)(_listed)


def main() -> None:
    """Run a command; expected trouble is a sentence on stderr and exit code 1."""
    run(app)
