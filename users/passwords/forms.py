"""Which forms of password hashes a tenant has: what a failed login has to try, so that all of them take as long."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Collection
from typing import Final

from database import Database, Tenant
from users.passwords.queries import list_hash_forms

# Asked for by failed logins only, which are limited; a tenant is loaded before it is served, and rarely.
KEPT_SECONDS: Final = 60.0
MAX_TENANTS: Final = 10_000


class HashForms:
    """Remembers them, for a minute and in this process."""

    def __init__(self, database: Database, usual: str) -> None:
        self._database = database
        self._usual = usual
        self._known: OrderedDict[str, tuple[float, Collection[str]]] = OrderedDict()

    async def __call__(self, tenant: Tenant) -> Collection[str]:
        """The forms of a tenant's hashes, but for the usual one."""
        key, moment = tenant.version_key, time.monotonic()
        found = self._known.get(key)
        if found is not None and moment - found[0] < KEPT_SECONDS:
            return found[1]
        async with self._database.read(tenant) as unit:
            forms = await list_hash_forms(unit, self._usual)
        self._known[key] = (moment, forms)
        self._known.move_to_end(key)
        if len(self._known) > MAX_TENANTS:
            self._known.popitem(last=False)
        return forms
