"""What the owner's transactions write into the audit logs: the tenant's own, and the platform's, which outlives it."""

from __future__ import annotations

import json
from collections.abc import Sequence

import asyncpg

from common.audit import PLATFORM, Actor, Change, Origin, Target, entry
from common.ids import TenantName


async def note_for_tenant(
    connection: asyncpg.Connection, action: str, target: Target, origin: Origin, changes: Sequence[Change] = ()
) -> None:
    """An entry in the log of the tenant on the search_path, whom the platform does not tell which operator it was."""
    item = entry(action, actor=PLATFORM, origin=origin, target=target, changes=changes)
    await connection.execute("SELECT audit_append($1::jsonb)", json.dumps([item]))


async def note_for_platform(  # noqa: PLR0917 - connection first, as everywhere
    connection: asyncpg.Connection,
    action: str,
    name: TenantName,
    title: str,
    actor: Actor,
    origin: Origin,
    changes: Sequence[Change] = (),
) -> None:
    """An entry in the platform's log about a tenant. To be written late: whoever writes there next waits for the
    commit."""
    target = Target("tenant", name.tenant_id, title)
    item = entry(action, actor=actor, origin=origin, target=target, changes=changes, tenant_id=name.tenant_id)
    await connection.execute("SELECT system.audit_append($1::jsonb)", json.dumps([item]))
