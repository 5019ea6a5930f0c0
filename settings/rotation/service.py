"""The rules of encrypting secrets anew: all of a tenant in one transaction, its history too; no more than needed."""

from __future__ import annotations

from uuid import UUID

from common.audit import Change, Target
from common.encryption import Renewal, Vault
from database import SYSTEM_SCHEMA, WriteUnit
from serving.visit import Visit
from settings.caching import SETTINGS
from settings.entries.queries import lock_settings
from settings.models import Setting, SettingChange
from settings.rotation import queries
from settings.system.queries import lock_settings as lock_system_settings
from settings.values.secrets import context_of


async def renew_secrets(unit: WriteUnit, schema: str, vault: Vault) -> Renewal:
    """Encrypt a tenant's secrets with the current key."""
    await lock_settings(unit)
    found = Renewal()
    for table in (Setting, SettingChange):
        await _renew_table(unit, table, schema, vault, found)
    if found.renewed:
        unit.invalidate(SETTINGS)
        unit.audit("settings.secrets.renewed", target=Target("settings", schema), changes=_changes(found))
    return found


async def renew_system_secrets(visit: Visit) -> Renewal:
    """Encrypt the system's secrets with the current key."""
    found, vault = Renewal(), visit.services.settings_vault
    async with visit.system(read_only=False) as unit:
        await lock_system_settings(unit)
        for row in await queries.list_system_sealed(unit):
            sealed = found.renew(vault, row.secret_value, context_of(SYSTEM_SCHEMA, row.key))
            if sealed is not None:
                await queries.put_system_sealed(unit, row.key, sealed)
        if found.renewed:
            unit.invalidate(SETTINGS)
            target = Target("settings", SYSTEM_SCHEMA)
            unit.audit("settings.system_secrets.renewed", target=target, changes=_changes(found))
    return found


async def _renew_table(unit: WriteUnit, table: queries.Table, schema: str, vault: Vault, found: Renewal) -> None:
    after = UUID(int=0)
    while rows := await queries.list_sealed(unit, table, after):
        renewed = [(row.id, found.renew(vault, row.secret_value, context_of(schema, row.key))) for row in rows]
        changed = [(row_id, sealed) for row_id, sealed in renewed if sealed is not None]
        if changed:
            await queries.put_sealed(unit, table, changed)
        after = rows[-1].id


def _changes(found: Renewal) -> list[Change]:
    return [Change("renewed", None, found.renewed)]
