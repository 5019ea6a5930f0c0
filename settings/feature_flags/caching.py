"""A tenant's flags, kept near: one value in the bucket ``{schema}/flags``, compiled once for each version."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Final

from common.cache.local import MOMENT_SECONDS, LocalCache
from common.cache.two_level import Caches, TwoLevelCache
from database import Database, Tenant
from settings.feature_flags.evaluation import FlagSet, compile_set
from settings.feature_flags.queries import load_flag_set

FLAGS: Final = "flags"  # the kind of bucket; its one field is WHOLE
WHOLE: Final = "set"
COMPILED: Final = 500  # sets kept compiled, the least recently used dropped first

Raw = dict[str, Any]


def cached_flag_sets(database: Database, caches: Caches) -> Callable[[Tenant], Awaitable[FlagSet]]:
    """Look-ups of a tenant's flags."""
    local = LocalCache[Raw](seconds=MOMENT_SECONDS, size=500)
    cache = TwoLevelCache("flags", caches, local, encode=_same, decode=_same)
    compiled = CompiledSets()

    async def find(tenant: Tenant) -> FlagSet:
        async def load() -> Raw | None:
            async with database.read(tenant) as unit:
                return await load_flag_set(unit)

        raw = await cache.get(f"{tenant.name.schema}/{FLAGS}", WHOLE, load, tenant.shard)
        assert raw is not None
        return compiled.get(tenant, raw)

    return find


class CompiledSets:
    """What became of the raw sets. L1 forgets a set every moment; one that did not change is not compiled again."""

    def __init__(self) -> None:
        self._sets: OrderedDict[str, tuple[Raw, FlagSet]] = OrderedDict()

    def get(self, tenant: Tenant, raw: Raw) -> FlagSet:
        """The set of this very content, compiled if need be."""
        schema = tenant.name.schema
        known = self._sets.get(schema)
        # Compared as a whole, not by version: a tenant that was dropped and made again counts from the beginning.
        if known is None or (known[0] is not raw and known[0] != raw):
            known = (raw, compile_set(raw, _digest(raw), tenant))
        self._sets[schema] = (raw, known[1])
        self._sets.move_to_end(schema)
        if len(self._sets) > COMPILED:
            self._sets.popitem(last=False)
        return known[1]


def _digest(raw: Raw) -> str:
    text = json.dumps(raw, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _same(raw: Raw) -> Raw:
    return raw
