"""Running Alembic from code: one tree, one connection, no command line and no configuration file."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Final, Literal

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from common.lean_imports import without

with without("pygments"):  # 4 MB, for the colours of mistakes in Mako's templates
    from alembic import command
    from alembic.config import Config as AlembicConfig
    from alembic.script import ScriptDirectory

Tree = Literal["system", "tenant"]
FOLDER: Final = Path(__file__).parent
_TURN: Final = asyncio.Lock()


def configuration(tree: Tree, connection: Connection | None = None) -> AlembicConfig:
    """Alembic's configuration of one tree; ``env.py`` finds the connection among its attributes."""
    alembic = AlembicConfig(output_buffer=io.StringIO(), stdout=io.StringIO())
    alembic.set_main_option("script_location", str(FOLDER / tree))
    alembic.set_main_option("path_separator", "os")
    alembic.attributes["connection"] = connection
    return alembic


def head(tree: Tree) -> str:
    """The newest revision of a tree."""
    revision = ScriptDirectory.from_config(configuration(tree)).get_current_head()
    assert revision is not None
    return revision


def newest_file(tree: Tree) -> str:
    """The same by the numbers that the files' names begin with, without loading them."""
    return max(path.name.partition("_")[0] for path in (FOLDER / tree / "versions").glob("[0-9]*.py"))


def upgrade(connection: Connection, tree: Tree, revision: str = "head") -> None:
    """Upgrade within the caller's transaction. For the tenant tree its search_path names the tenant's schema."""
    command.upgrade(configuration(tree, connection), revision)


async def upgrade_in_turn(connection: AsyncConnection, tree: Tree) -> None:
    """``upgrade`` to the head, after any other in this process.

    Alembic keeps the run it is in, with its connection, in module globals: of two at once, one would migrate the
    other's schema. Take every lock of the database's before this one.
    """
    async with _TURN:
        await connection.run_sync(upgrade, tree)


def downgrade(connection: Connection, tree: Tree, revision: str) -> None:
    """The way back, within the caller's transaction."""
    command.downgrade(configuration(tree, connection), revision)


def as_sql(tree: Tree, start: str = "base", end: str = "head") -> str:
    """Everything ``upgrade`` would run on a schema of that revision, by default an empty one, as text."""
    alembic = configuration(tree)
    command.upgrade(alembic, f"{start}:{end}", sql=True)
    assert isinstance(alembic.output_buffer, io.StringIO)
    return alembic.output_buffer.getvalue()


def downgrade_sql(tree: Tree, start: str, end: str) -> str:
    """Everything ``downgrade`` would run, as text."""
    alembic = configuration(tree)
    command.downgrade(alembic, f"{start}:{end}", sql=True)
    assert isinstance(alembic.output_buffer, io.StringIO)
    return alembic.output_buffer.getvalue()


async def upgrade_sql_in_turn(tree: Tree, start: str) -> str | None:
    """``as_sql`` up to the head, after any other run in this process; None when a revision on the way needs a
    connection: it says so, ``online = True``, or it fails for want of rows."""
    async with _TURN:
        scripts = ScriptDirectory.from_config(configuration(tree)).iterate_revisions("head", start)
        if any(getattr(script.module, "online", False) for script in scripts):
            return None
        try:
            return as_sql(tree, start)
        except Exception:  # whatever a revision does without a connection: with one it works, or says what is wrong
            return None
