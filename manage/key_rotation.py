"""``python -m manage settings rotate-key``: what an earlier key encrypted is encrypted with the current one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import typer

import settings
import users
from common.encryption import Renewal
from common.errors import TenantNotFound, TenantOutdated
from manage.intervention import act, collect
from manage.output import AsJson, Columns, counted_work, say, show_list
from serving.visit import Visit
from shared_models import Shape

ALL: Final = 1_000_000  # more tenants than a database holds
SYSTEM: Final = "system"


class RenewedPlace(Shape):
    """What became of the secrets of one tenant, or of the system."""

    place: str
    renewed: int
    current: int
    unreadable: int


COLUMNS: Final[Columns[RenewedPlace]] = {
    "where": lambda item: item.place,
    "encrypted anew": lambda item: item.renewed,
    "up to date": lambda item: item.current,
    "unreadable": lambda item: item.unreadable,
}


def rotate_key(*, as_json: AsJson = False) -> None:
    """Encrypt every stored secret with the current key: secret settings and second factors, of the system and of every
    tenant. Run it when all processes have the new SETTINGS_KEY or SECRET_KEY; only then is the previous one of no more
    use. Safe to repeat."""
    with counted_work("Encrypting") as advance:
        found, outdated = act(lambda visit: _everywhere(visit, advance))
    show_list(found, COLUMNS, as_json=as_json)
    if any(item.unreadable for item in found):
        say("The unreadable ones open with no key there is, as in a clone of a tenant. They have to be set anew.")
    if outdated:
        say(f"Left out, for want of a migration: {', '.join(outdated)}. Run `manage migrate`, then this again.")
        raise typer.Exit(1)


async def _everywhere(visit: Visit, advance: Callable[[int, int], None]) -> tuple[list[RenewedPlace], list[str]]:
    tenants, _ = await collect(
        visit.services, lambda query: users.operators.list_tenants(visit, query, status=None), limit=ALL
    )
    found = [_describe(SYSTEM, await settings.operators.renew_system_secrets(visit))]
    outdated = []
    for number, tenant in enumerate(tenants):
        advance(number, len(tenants))
        try:
            found.append(_describe(tenant.tenant_id, *await _in_tenant(visit, tenant.tenant_id)))
        except TenantOutdated:
            outdated.append(tenant.tenant_id)
        except TenantNotFound:
            continue  # dropped meanwhile
    return found, outdated


async def _in_tenant(visit: Visit, tenant_id: str) -> tuple[Renewal, Renewal]:
    """Both kinds in one transaction: a tenant is renewed as a whole, or not at all."""
    intervention = await users.operators.intervene(visit, tenant_id)
    assert intervention.name is not None
    services = visit.services
    async with intervention.write() as unit:
        factors = await users.operators.renew_second_factors(unit, services.totp_vault)
        return factors, await settings.operators.renew_secrets(unit, intervention.name.schema, services.settings_vault)


def _describe(place: str, *parts: Renewal) -> RenewedPlace:
    return RenewedPlace(
        place=place,
        renewed=sum(part.renewed for part in parts),
        current=sum(part.current for part in parts),
        unreadable=sum(part.unreadable for part in parts),
    )
