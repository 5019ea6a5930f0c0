"""Starting a migration: the next revision of a tree as autogenerate drafts it, and the batch that builds a tenant.

The draft compares the models with what the revisions so far make of an empty schema, on a PostgreSQL that lives for
that moment only: no database of anybody's is asked or changed.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Final

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from database import quote_identifier
from manage.embedded import EmbeddedPostgres
from manage.problems import CommandError
from migrations.tenant import FOLDER as TENANT_FOLDER
from migrations.tenant import render_schema_sql
from migrations.trees import FOLDER, Tree, as_sql, configuration, head

SCHEMAS: Final[dict[Tree, str]] = {"system": "system", "tenant": "tenant_draft"}
SCHEMA_FILE: Final = TENANT_FOLDER / "schema.sql"


def make_revision(tree: Tree, message: str) -> Path:
    """Write the next revision of a tree, numbered 0003, 0004 …; answers the file, which is meant to be edited."""
    if not message.strip():
        raise CommandError('A revision needs a message: MESSAGE="add x to y".')
    with tempfile.TemporaryDirectory(prefix="revision-") as name:
        home = Path(name)
        home.chmod(0o755)  # root's PostgreSQL runs as another user
        with EmbeddedPostgres(home / "postgres", settings={"fsync": "off"}) as server:
            return asyncio.run(draft_revision(server.url(), tree, message))


def write_schema_sql(path: Path = SCHEMA_FILE) -> Path:
    """Write the batch that builds an empty tenant from the revisions of its tree."""
    path.write_text(render_schema_sql(as_sql("tenant"), head("tenant")))
    return path


async def draft_revision(database_url: str, tree: Tree, message: str, folder: Path = FOLDER) -> Path:
    """Migrate a new schema of this database to the head of the tree in ``folder`` and draft what the models lack."""
    schema = SCHEMAS[tree]
    url = make_url(database_url).set(drivername="postgresql+asyncpg")
    # Tenant tables name no schema: theirs must be the connection's default, for which SQLAlchemy asks when it connects.
    path = schema if tree == "tenant" else "public"
    connect_args = {"server_settings": {"search_path": path}}
    async with create_async_engine(url, poolclass=NullPool).begin() as connection:
        await connection.execute(text(f"CREATE SCHEMA {quote_identifier(schema)}"))
    async with create_async_engine(url, poolclass=NullPool, connect_args=connect_args).connect() as connection:
        return await connection.run_sync(_draft, tree, message, folder)


def _draft(connection: Connection, tree: Tree, message: str, folder: Path) -> Path:
    alembic = configuration(tree, connection)
    alembic.set_main_option("script_location", str(folder / tree))
    command.upgrade(alembic, "head")
    newest = ScriptDirectory.from_config(alembic).get_current_head()
    script = command.revision(alembic, message, autogenerate=True, rev_id=f"{int(newest or 0) + 1:04}")
    assert script is not None
    assert not isinstance(script, list)
    return Path(script.path)
