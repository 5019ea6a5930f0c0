"""Alembic's entry into the ``system`` tree. The connection, and its transaction, are the caller's."""

from __future__ import annotations

from alembic import context

import settings.models
import users.models
from shared_models import SystemBase

MODELS = (settings.models, users.models)  # importing it has filled the metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SystemBase.metadata,
    version_table_schema="system",
    include_schemas=True,
    include_name=lambda name, kind, _: kind != "schema" or name == "system",
    dialect_name="postgresql",
    compare_server_default=True,
    transactional_ddl=False,
)
context.run_migrations()
