"""Who was let in a moment ago: a request with the same credential, of the same tenant, needs not be looked into again.

What a guard finds out about an access token takes four look-ups and a digest. All of it is copies, which live for L1's
moment; an admission is one more copy, of them together, and its time is taken from theirs (``common.cache.local``). It
is forgotten with them: by every message about its tenant, or about the system.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from common.cache.local import ADMISSION_SECONDS
from common.cache.two_level import Caches
from common.clock import now
from common.http.headers import IndexedHeaders
from common.ids import SCHEMA_PREFIX, TenantName
from common.registry import Effective
from database import SYSTEM_SCHEMA, Tenant
from shared_auth import Principal

MAX_ADMISSIONS: Final = 4_096  # some 2 kB each, which is mostly the token
AUTHORIZATION: Final = b"authorization"
TENANT: Final = b"x-tenant-id"
API_KEY: Final = b"x-api-key"


@dataclass(frozen=True, slots=True)
class Admission:
    """What a guard has found out. ``ends_at`` is when the token or the session ends, ``logged`` what the lines of the
    log say of the visitor."""

    name: TenantName
    tenant: Tenant
    settings: Effective
    principal: Principal
    ends_at: datetime
    logged: Mapping[str, str]


class Admissions:
    """The admissions of a process, by tenant and credential as the headers have them, byte by byte.

    ``drops`` counts what was forgotten, as ``LocalCache`` does, and for the same reason.
    """

    def __init__(self, caches: Caches) -> None:
        self._caches = caches
        self._kept: dict[bytes, dict[bytes, tuple[float, Admission]]] = {}
        self._size = 0
        self._lookups = {"l1": 0}
        self.drops = 0
        caches.add("admissions", self, self._lookups)

    def find(self, headers: IndexedHeaders) -> Admission | None:
        """The admission of whoever sends these headers, if it is still good."""
        sent = headers.once
        found = self._kept.get(sent.get(TENANT, b""))
        kept = found.get(sent.get(AUTHORIZATION, b"")) if found and API_KEY not in sent else None
        if kept is None or kept[0] <= time.monotonic() or kept[1].ends_at <= now():
            return None
        self._lookups["l1"] += 1
        return kept[1]

    def keep(self, headers: IndexedHeaders, admission: Admission, drops: int) -> None:
        """Remember one, unless something was forgotten since ``drops`` was read, before the first look-up."""
        if drops != self.drops or not self._caches.hears(admission.tenant.shard) or not headers.once:
            return
        if self._size >= MAX_ADMISSIONS:
            self._empty()
        admitted, credential = self._kept.setdefault(headers.once[TENANT], {}), headers.once[AUTHORIZATION]
        self._size += credential not in admitted
        admitted[credential] = time.monotonic() + ADMISSION_SECONDS, admission

    def drop(self, bucket: str, _field: str | None) -> None:
        """Forget the tenant of this bucket, or everybody if it is the system's."""
        self.drops += 1
        schema = bucket.partition("/")[0]
        if schema == SYSTEM_SCHEMA:
            self._empty()
        for spelling in (schema, schema.removeprefix(SCHEMA_PREFIX)):
            self._size -= len(self._kept.pop(spelling.encode(), ()))

    def clear(self) -> None:
        """Forget everybody."""
        self.drops += 1
        self._empty()

    def _empty(self) -> None:
        self._kept.clear()
        self._size = 0
