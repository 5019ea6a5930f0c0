"""The effective settings of a tenant, kept near."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from common.cache.two_level import Caches
from common.config import Config
from common.registry import Effective, Registry
from database import Database, Tenant


def cached_settings(
    database: Database, caches: Caches, registry: Registry, config: Config
) -> Callable[[Tenant], Awaitable[Effective]]:
    """Look-ups of what the service obeys."""
    defaults = {key: declaration.default_in(config) for key, declaration in registry.items()}

    async def find(_tenant: Tenant) -> Effective:
        return defaults

    return find
