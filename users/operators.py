"""What the platform's operator does himself, from the command line: to tenants, and to the users of one.

He has no account, so no rank stands in his way; the rules that keep a tenant usable hold for him too. Whatever he does
is written to the tenant's audit log, as done by the platform.
"""

from __future__ import annotations

import sys
from typing import Final
from uuid import UUID

from common.audit import Actor, Change, Target
from common.clock import now
from common.errors import NotFound, TenantNotFound, TenantOutdated
from common.ids import TenantName
from common.paging import ListQuery
from database import ReadUnit, Tenant, WriteUnit
from serving.visit import Visit
from shared_auth import Principal
from shared_models import Page
from users.accounts import queries as accounts
from users.accounts.service import get_user, list_users
from users.auth.principals import forget_rights, load_owner
from users.auth.queries import end_sessions, find_login
from users.auth.schemas import Session
from users.grants import queries as grants
from users.mfa.service import renew_secrets as renew_second_factors
from users.models import PRINCIPALS
from users.passwords.service import forgive_failures, mail_reset_link
from users.platform.jobs import Job, drop_job, list_jobs, retry_job
from users.platform.log import list_log
from users.platform.queries import LogFilter
from users.platform.schemas import FleetState, PlatformAuditLog, PlatformTenant, PlatformTenantPatch
from users.platform.service import (
    clone_tenant,
    delete_tenant,
    describe_fleet,
    get_tenant,
    list_tenants,
    read_name,
    update_tenant,
)
from users.rights import queries as rights
from users.rights.rules import keep_an_owner, lock_user
from users.schemas import User
from users.sessions import service as sessions
from users.tenants.schemas import FirstAdministrator, TenantCreate, TenantCreated
from users.tenants.service import create_tenant
from users.transfers.queries import find_role_ids

__all__ = [
    "FirstAdministrator",
    "FleetState",
    "Intervention",
    "Job",
    "LogFilter",
    "PlatformAuditLog",
    "PlatformTenant",
    "PlatformTenantPatch",
    "Session",
    "TenantCreate",
    "TenantCreated",
    "User",
    "clone_tenant",
    "create_tenant",
    "delete_tenant",
    "describe_fleet",
    "drop_job",
    "end_all_sessions",
    "end_everybodys_sessions",
    "end_session",
    "find_account",
    "get_tenant",
    "grant_role",
    "intervene",
    "list_jobs",
    "list_log",
    "list_sessions",
    "list_tenants",
    "list_users",
    "order_new_password",
    "read_name",
    "renew_second_factors",
    "retry_job",
    "set_active",
    "stand_for_owner",
    "unlock",
    "update_tenant",
]

OPERATOR: Final = Actor("platform")


class Intervention(Visit):
    """A visit of one tenant by the operator."""

    def __init__(self, visit: Visit, tenant: Tenant) -> None:
        super().__init__(visit.services, visit.origin)
        self.name, self.tenant = tenant.name, tenant

    def write(self) -> WriteUnit:
        """A unit that may change things, on behalf of the platform."""
        assert self.tenant is not None
        return self.services.database.write(self.tenant, actor=OPERATOR, origin=self.origin)


async def intervene(visit: Visit, tenant_id: str) -> Intervention:
    """Enter a tenant, suspended or not. Raises TenantInvalid, TenantNotFound or TenantOutdated."""
    tenant = await visit.services.find_tenant(read_name(tenant_id))
    if tenant is None:
        raise TenantNotFound
    if tenant.revision != visit.services.expected_revision:
        raise TenantOutdated
    intervention = Intervention(visit, tenant)
    intervention.settings = await visit.services.find_settings(tenant)
    return intervention


async def stand_for_owner(unit: ReadUnit, visit: Intervention) -> Principal:
    """An owner of the tenant, by whose rights it is judged what may be loaded. Raises NotFound."""
    assert visit.tenant is not None
    owner_id = await rights.find_an_owner(unit)
    owner = await load_owner(unit, tenant=visit.tenant.name, user_id=owner_id) if owner_id else None
    if owner is None:
        raise NotFound("The tenant has no owner: python -m manage users grant-role makes somebody one.")
    return owner


async def find_account(unit: ReadUnit, name: str) -> User:
    """The user of this id, user name or address. Raises NotFound."""
    try:
        return await get_user(unit, UUID(name))
    except ValueError:
        pass  # no id
    row = await find_login(unit, name, None)
    if row is None:
        raise NotFound("There is no such user.")
    return await get_user(unit, row.id)


async def unlock(visit: Intervention, user: User) -> None:
    """Let somebody who failed too often try again at once."""
    assert visit.tenant is not None
    await forgive_failures(visit, _above_all(visit.tenant.name), user.id)


async def order_new_password(visit: Intervention, user: User) -> None:
    """Have a link for a new password mailed: not even the operator sets another's. Raises Conflict."""
    assert visit.tenant is not None
    async with visit.write() as unit:
        await mail_reset_link(unit, _above_all(visit.tenant.name), user.id)


async def set_active(unit: WriteUnit, user_id: UUID, is_active: bool) -> User:
    """Activate or deactivate. Sessions and keys end with a deactivation. Raises NotFound or LastOwner."""
    before = await accounts.lock_user(unit, user_id)
    if before is None:
        raise NotFound("There is no such user.")
    await rights.lock_rights(unit)
    if before.is_active != is_active:
        moment = now()
        await accounts.update_user(unit, user_id, {"is_active": is_active, "updated_at": moment})
        if not is_active:
            await accounts.end_access(unit, user_id, moment, "user_deactivated")
            await keep_an_owner(unit)
        changes = [Change("is_active", before.is_active, is_active)]
        unit.audit("users.user.updated", target=Target("user", str(user_id), before.username), changes=changes)
        forget_rights(unit)
    return await get_user(unit, user_id)


async def grant_role(unit: WriteUnit, user_id: UUID, role: str) -> User:
    """Have a user hold a role directly: how a tenant without a reachable owner gets one. Raises NotFound."""
    user = await lock_user(unit, user_id)
    await rights.lock_rights(unit)
    found = await find_role_ids(unit, [role.lower()])
    if not found:
        raise NotFound(f"There is no role {role}.")
    role_id = found[role.lower()]
    if role_id not in await grants.list_role_ids(unit, user_id):
        moment = now()
        await grants.insert_roles(unit, user_id, [role_id], None, moment)
        await rights.touch_user(unit, user_id, moment)
        changes = [Change("role", None, role.lower())]
        unit.audit("users.user.role_granted", target=Target("user", str(user_id), user.username), changes=changes)
        forget_rights(unit)
    return await get_user(unit, user_id)


async def list_sessions(visit: Intervention, user: User, query: ListQuery) -> Page[Session]:
    """Where a user is logged in."""
    assert visit.tenant is not None
    async with visit.read() as unit:
        return await sessions.list_sessions(unit, _above_all(visit.tenant.name), user.id, query, visit.settings)


async def end_all_sessions(visit: Intervention, user: User) -> None:
    """End every session of a user, on every process."""
    assert visit.tenant is not None
    async with visit.write() as unit:
        await sessions.end_sessions_of(unit, _above_all(visit.tenant.name), user.id)


async def end_everybodys_sessions(visit: Intervention) -> int:
    """End every session of every user, on every process; answers how many."""
    assert visit.tenant is not None
    async with visit.write() as unit:
        return await sessions.end_everybodys(unit, visit.tenant.name.tenant_id)


async def end_session(visit: Intervention, user: User, session_id: UUID) -> None:
    """End one living session of a user. Raises NotFound."""
    async with visit.write() as unit:
        if not await end_sessions(unit, user.id, now(), only=session_id, reason="ended_by_operator"):
            raise NotFound("The user has no such session.")
        unit.audit("users.sessions.ended", target=Target("user", str(user.id), user.username))
        unit.invalidate(PRINCIPALS, str(session_id))


def _above_all(tenant: TenantName) -> Principal:
    """The operator as the rules of ranks see him. It is nobody's: what he does is written down by the unit's actor."""
    return Principal(
        tenant=tenant,
        user_id=UUID(int=0),
        username="platform",
        session_id=None,
        via="token",
        roles=(),
        rank=sys.maxsize,
        permissions={},
    )
