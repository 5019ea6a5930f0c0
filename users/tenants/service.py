"""Creating tenants and looking after their state."""

from __future__ import annotations

from common.errors import ServiceError, TenantNotFound
from common.ids import TenantName
from common.postgresql.errors import DATABASE_ERRORS
from common.shards import HOME
from database import SystemUnit, Tenant
from serving.services import NewOwner, Services
from serving.visit import Visit
from shared_models import TenantBase
from users.accounts.service import get_user
from users.declarations import DEFAULT_LOCALE, TIME_ZONE
from users.passwords.rules import check_password
from users.schemas import normalize_email, normalize_username
from users.tenants import queries
from users.tenants.schemas import TenantCreate, TenantCreated, TenantDetails, TenantState


async def find_tenant(unit: SystemUnit, name: TenantName) -> Tenant | None:
    """A tenant as transactions need it."""
    row = await queries.find_tenant(unit, name)
    if row is None:
        return None
    is_moving = row.moving_to is not None
    return Tenant(name, row.role_name, row.status, row.revision, row.created_at, row.shard, is_moving)


async def has_outdated_tenants(services: Services, shard: str = HOME) -> bool | None:
    """Whether tenants wait for their migration, of all that the home registry has or of a shard's; None when the
    database cannot say."""
    try:
        async with services.database.system_of(shard) as unit:
            return await queries.has_outdated(unit, services.expected_revision)
    except (*DATABASE_ERRORS, ServiceError):
        return None


async def create_tenant(visit: Visit, payload: TenantCreate, *, shard: str | None = None) -> TenantCreated:
    """Create the named tenant and its owner, on that shard or where new ones go. Raises TenantExists or
    PasswordRefused."""
    services, name = visit.services, visit.name
    assert name is not None
    about = (payload.admin.username, payload.admin.email, payload.admin.full_name, name.tenant_id, payload.name)
    settings = await services.find_settings(None)

    async def owner() -> NewOwner:
        await check_password(services, settings, payload.admin.password, about, pointer="/body/admin/password")
        return NewOwner(
            email=payload.admin.email,
            email_normalized=normalize_email(payload.admin.email),
            username=payload.admin.username,
            username_normalized=normalize_username(payload.admin.username),
            password_hash=await services.passwords.hash(payload.admin.password),
            full_name=payload.admin.full_name,
            locale=settings[DEFAULT_LOCALE],
            timezone=settings[TIME_ZONE],
        )

    user_id = await services.provisioner.create(
        name, title=payload.name, owner=owner, origin=visit.origin, actor=visit.operator, shard=shard
    )
    visit.tenant = await services.find_tenant(name)
    if visit.tenant is None:
        raise TenantNotFound
    async with visit.read() as unit:
        admin = await get_user(unit, user_id)
    return TenantCreated(tenant_id=name.schema, schema_name=name.schema, revision=visit.tenant.revision, admin=admin)


async def describe_state(visit: Visit) -> TenantState:
    """What anybody may know of a tenant. Never from the cache: it is asked right before or after a change."""
    tenant = await _look_up(visit)
    assert visit.name is not None
    return TenantState(tenant_id=visit.name.schema, exists=tenant is not None, ready=_is_ready(visit, tenant))


async def describe_details(visit: Visit) -> TenantDetails:
    """What the platform's operator may know of a tenant."""
    name = visit.name
    assert name is not None
    async with visit.system() as unit:
        tenant = await find_tenant(unit, name)
    async with visit.services.database.system_of(tenant.shard if tenant else HOME) as unit:
        tables = await queries.list_tables(unit, name, TenantBase.metadata.tables)
    missing = sorted(set(TenantBase.metadata.tables) - tables)
    return TenantDetails(
        tenant_id=name.schema,
        exists=tenant is not None,
        ready=_is_ready(visit, tenant) and not missing,
        status=tenant.status if tenant else None,
        schema_name=name.schema,
        revision=tenant.revision if tenant else None,
        expected_revision=visit.services.expected_revision,
        missing_tables=missing,
    )


async def _look_up(visit: Visit) -> Tenant | None:
    assert visit.name is not None
    async with visit.system() as unit:
        return await find_tenant(unit, visit.name)


def _is_ready(visit: Visit, tenant: Tenant | None) -> bool:
    return (
        tenant is not None
        and tenant.status == "active"
        and tenant.revision == visit.services.expected_revision
        and not tenant.is_moving
    )
