"""What the outbox worker's handlers have in common, whichever module they belong to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from common.audit import Actor, Origin
from common.errors import TenantMoving
from common.ids import TenantName
from common.mail.render import CalendarPart
from common.outbox.queries import Job
from common.shards import HOME
from database import Tenant, WriteUnit
from serving.services import Services

SYSTEM: Final = Actor("system")


async def find_tenant_of(services: Services, job: Job) -> Tenant | None:
    """The job's tenant, served or not; None when it is gone. Raises TenantMoving while the tenant is not, or not yet,
    where the job was ordered: of a job that was moved with its tenant, only the copy beside it is to be done."""
    name = TenantName.parse(job.tenant_id)
    tenant = await services.find_tenant(name) if name else None
    if (tenant.is_moving or tenant.shard != job.shard) if tenant else job.shard != HOME:
        raise TenantMoving
    return tenant


async def find_served_tenant(services: Services, job: Job) -> Tenant | None:
    """The job's tenant; None when it is gone or not served, and with it the reason for the job."""
    tenant = await find_tenant_of(services, job)
    return tenant if tenant is not None and tenant.status == "active" else None


def write_unit_of(services: Services, tenant: Tenant, job: Job) -> WriteUnit:
    """A unit in which the service itself changes something, traceable to the job."""
    return services.database.write(tenant, actor=SYSTEM, origin=Origin(request_id=str(job.id)))


def frontend_link(services: Services, page: str, tenant: Tenant, secret: str) -> str:
    """The frontend's page. Its address is configuration, never the Host header of some request."""
    return f"{services.config.app_base_url}/{page}?{urlencode({'tenant': tenant.name.schema, 'token': secret})}"


async def send_mail(
    services: Services, template: str, *, to: str, locale: str, calendar: CalendarPart | None = None, **values: Any
) -> None:
    """Render a mail in its reader's language and hand it over. Raises when it may not have left."""
    mail = services.mail_templates.render(template, to=to, locale=locale, **values)
    await services.mail_transport.send(replace(mail, calendar=calendar).message(services.config.mail_from))
