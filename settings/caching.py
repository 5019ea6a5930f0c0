"""The effective settings of a tenant, kept near.

Two values are cached: what a tenant has stored, and what the system has. Whoever changes one has it forgotten with
``unit.invalidate(SETTINGS)``. The two merged are remembered for as long as neither changes, so that the usual request
merges nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from common.cache.local import ADMITTING_SECONDS, LocalCache
from common.cache.two_level import Caches, TwoLevelCache
from common.config import Config
from common.registry import Registry
from database import SYSTEM_SCHEMA, Database, Tenant
from settings.entries import queries as entries
from settings.system import queries as system
from settings.values.stored import Layer, decode_layer, encode_layer
from settings.values.view import View, declared_in

SETTINGS: Final = "settings"  # the bucket, of a tenant and of the system
ALL: Final = "all"  # its one field
NOTHING: Final[Layer] = {}
TENANTS_KEPT: Final = 1_000  # with up to a mebibyte of values each, though hardly any has a tenth of that

FindSettings = Callable[[Tenant | None], Awaitable[View]]
"""Without a tenant: what would count for one that has stored nothing yet."""


def cached_settings(database: Database, caches: Caches, registry: Registry, config: Config) -> FindSettings:
    """Look-ups of what counts for a tenant."""
    local = LocalCache[Layer](seconds=ADMITTING_SECONDS, size=TENANTS_KEPT)
    layers = TwoLevelCache("settings", caches, local, encode=encode_layer, decode=decode_layer)
    declared = declared_in(registry, config)
    views: OrderedDict[str, View] = OrderedDict()

    async def load_system() -> Layer:
        async with database.system() as unit:
            return await system.list_stored(unit)

    async def find_own(tenant: Tenant) -> Layer | None:
        async def load() -> Layer:
            async with database.read(tenant) as unit:
                return await entries.list_stored(unit)

        return await layers.get(f"{tenant.name.schema}/{SETTINGS}", ALL, load, tenant.shard)

    async def find(tenant: Tenant | None) -> View:
        schema = tenant.name.schema if tenant else SYSTEM_SCHEMA
        above = await layers.get(f"{SYSTEM_SCHEMA}/{SETTINGS}", ALL, load_system)
        own = await find_own(tenant) if tenant else NOTHING
        assert above is not None
        assert own is not None
        view = views.get(schema)
        if view is None or not view.is_made_of(above, own):
            view = views[schema] = View(declared, above, own)
        views.move_to_end(schema)
        if len(views) > TENANTS_KEPT:
            views.popitem(last=False)
        return view

    return find
