"""Alembic's entry into the ``tenant`` tree.

No schema is named anywhere: the search_path of the caller's transaction chooses the tenant. Without a connection the
statements are written as text (``migrations/tenant/schema.sql``).
"""

from __future__ import annotations

from alembic import context

import settings.models
import tools.models
import users.models
from shared_models import TenantBase

MODELS = (users.models, settings.models, tools.models)  # importing them has filled the metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=TenantBase.metadata,
    dialect_name="postgresql",
    literal_binds=context.is_offline_mode(),
    compare_server_default=True,
    transactional_ddl=False,
)
context.run_migrations()
