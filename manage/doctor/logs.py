"""Audit logs: the end of each since its newest checkpoint, or with ``--deep`` every entry."""

from __future__ import annotations

import settings
from common.errors import ServiceError
from common.ids import TenantName
from common.postgresql.errors import DATABASE_ERRORS
from manage.doctor.databases import Advance
from manage.doctor.findings import Finding, error, ok
from serving.services import Services

MEND = "see docs/audit.md: find out who may write as the owner, keep a copy of the database, restore a backup beside it"


async def examine_logs(services: Services, *, deep: bool, advance: Advance) -> list[Finding]:
    """Every tenant's log and the platform's own."""
    names = await services.audit_keeper.list_tenants()
    verify = settings.operators.verify_chain if deep else settings.operators.verify_end
    found, checked = list[Finding](), 0
    for number, name in enumerate([None, *names]):
        advance(number, len(names) + 1)
        chain = await _chain(services, name)
        if chain is None:
            continue
        try:
            result = await verify(chain)
        except (*DATABASE_ERRORS, ServiceError) as problem:  # outdated, or on a server that is not known here
            found.append(error(chain.tenant, f"its audit log cannot be read: {type(problem).__name__}", MEND))
            continue
        checked += result.checked
        if result.first_break is not None:
            broken = result.first_break
            found.append(error(chain.tenant, f"its audit log is broken: {broken.kind} at entry {broken.seq}", MEND))
    return found or [ok("audit logs", f"{len(names) + 1} logs are whole, of which {checked} entries were recomputed")]


async def _chain(services: Services, name: TenantName | None) -> settings.operators.Chain | None:
    if name is None:
        return settings.operators.platform_chain(services)
    tenant = await services.find_tenant(name)
    return settings.operators.chain_of(services, tenant) if tenant is not None else None
