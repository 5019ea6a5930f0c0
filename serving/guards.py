"""Guards: what a request must show before its body is read."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Request

from common.audit import Actor
from common.clock import now
from common.errors import (
    PlatformKeyInvalid,
    SecondFactorRequired,
    SessionRequired,
    TenantMismatch,
    TenantMoving,
    TenantNotFound,
    TenantOutdated,
    TenantSuspended,
    Unauthenticated,
)
from common.http.headers import INDEXED, IndexedHeaders, read_credential, read_tenant
from common.ids import TenantName
from common.observability.context import bind
from database import Tenant
from serving.admissions import Admission
from serving.services import Services
from serving.visit import Visit, visit_of
from shared_auth import (
    KeySecret,
    PlatformKeySecret,
    Principal,
    authorize,
    same_secret,
)

FIRST_KEY: Final = Actor("platform", name="PLATFORM_API_KEY")


class Guard:
    """Base of all guards. Every route has exactly one; without any it cannot be built."""

    documented_security: tuple[str, ...] = ()
    documented_statuses: tuple[int, ...] = (400, 422)
    takes_tenant_header = True

    async def admit(self, visit: Visit, request: Request) -> None:
        """Let the request in, noting on the visit what was found, or raise."""
        raise NotImplementedError

    async def __call__(self, request: Request) -> Any:
        """What the endpoint's parameter receives."""
        return visit_of(request)


class Open(Guard):
    """Anybody, about no tenant."""

    documented_statuses: tuple[int, ...] = ()
    takes_tenant_header = False

    async def admit(self, visit: Visit, request: Request) -> None:
        """Nothing to show."""


class NamedTenant(Guard):
    """Anybody, about a tenant that need not exist."""

    documented_statuses: tuple[int, ...] = (400, 422, 429, 503)

    async def admit(self, visit: Visit, request: Request) -> None:
        """Read the name."""
        visit.name = read_tenant(request.headers)


class ActiveTenant(Guard):
    """Anybody, in a tenant that is served."""

    documented_statuses: tuple[int, ...] = (400, 403, 404, 422, 429, 503)

    async def admit(self, visit: Visit, request: Request) -> None:
        """Find the tenant."""
        visit.name = self.read_name(visit, request)
        await _enter(visit, visit.name)

    def read_name(self, visit: Visit, request: Request) -> TenantName:
        """Which tenant it is."""
        return read_tenant(request.headers)


class SignedAddress(ActiveTenant):
    """Whoever has an address that carries its own secret, as ``token`` in its path or its query: clients that cannot
    send headers. It names the tenant; a header, if sent, must agree."""

    takes_tenant_header = False

    def read_name(self, visit: Visit, request: Request) -> TenantName:
        """Verify the secret, then compare."""
        in_path = request.path_params.get("token")
        given = [in_path] if in_path is not None else request.query_params.getlist("token")
        name = self.read_secret(visit.services, given[0] if len(given) == 1 else "")
        if "x-tenant-id" in request.headers and read_tenant(request.headers) != name:
            raise TenantMismatch
        return name

    def read_secret(self, services: Services, secret: str) -> TenantName:
        """The tenant that a good secret names. Raises Unauthenticated for every other."""
        raise NotImplementedError


class SignedIn(Guard):
    """Somebody with a valid credential of the tenant. ``by_key=False`` wants a login: an API key is not enough where
    its holder could free it from its limits, or reach for its owner's account. ``restricted=True`` also admits who must
    do something first, such as enrolling a second factor: how else could it be done?"""

    documented_security: tuple[str, ...] = ("AccessToken", "ApiKey")
    documented_statuses: tuple[int, ...] = (400, 401, 403, 404, 422, 503)

    def __init__(self, *, by_key: bool = True, restricted: bool = False) -> None:
        self.by_key = by_key
        self.restricted = restricted
        if not by_key:
            self.documented_security = ("AccessToken",)

    async def admit(self, visit: Visit, request: Request) -> None:
        """Find out who it is, unless that is known since a moment ago."""
        headers: IndexedHeaders = request.scope["state"][INDEXED]
        admission = visit.services.admissions.find(headers)
        if admission is not None:
            bind(**admission.logged)
            visit.name, visit.tenant, visit.settings = admission.name, admission.tenant, admission.settings
            principal = visit.principal = admission.principal
        else:
            principal = visit.principal = await _identify(visit, headers)
        if principal.api_key is not None and not self.by_key:
            raise SessionRequired
        if principal.required_action is not None and not self.restricted:
            raise SecondFactorRequired

    async def __call__(self, request: Request) -> Principal:
        principal = visit_of(request).principal
        assert principal is not None
        return principal


class SignedInVisiting(SignedIn):
    """The same, for endpoints that open their own units, or none."""

    async def __call__(self, request: Request) -> Visit:  # type: ignore[override] # what FastAPI hands over differs
        return visit_of(request)


class LoggedInVisiting(SignedIn):
    """Somebody who logged in, for endpoints that open their own units."""

    def __init__(self) -> None:
        super().__init__(by_key=False)

    async def __call__(self, request: Request) -> Visit:  # type: ignore[override] # what FastAPI hands over differs
        return visit_of(request)


class Requires(SignedIn):
    """Somebody with a permission. A refusal is written to the audit log, by the route."""

    def __init__(self, permission: str, *, by_key: bool = True) -> None:
        super().__init__(by_key=by_key)
        self.permission = permission

    async def admit(self, visit: Visit, request: Request) -> None:
        """Also check the permission."""
        await super().admit(visit, request)
        assert visit.principal is not None
        authorize(visit.principal, self.permission)


class RequiresVisiting(Requires):
    """The same, for endpoints that open their own units, or none."""

    async def __call__(self, request: Request) -> Visit:  # type: ignore[override] # what FastAPI hands over differs
        return visit_of(request)


class PlatformKey(Guard):
    """Somebody with a platform key, about a tenant that need not exist."""

    documented_security = ("PlatformKey",)
    documented_statuses: tuple[int, ...] = (400, 401, 422, 503)

    async def admit(self, visit: Visit, request: Request) -> None:
        """Compare the key, then read the name."""
        visit.operator = await read_operator(visit, request)
        visit.name = read_tenant(request.headers)


class PlatformOperator(Guard):
    """Somebody with a platform key, about the platform as a whole: no tenant header."""

    documented_security = ("PlatformKey",)
    documented_statuses: tuple[int, ...] = (400, 401, 422, 503)
    takes_tenant_header = False

    async def admit(self, visit: Visit, request: Request) -> None:
        """Compare the key."""
        visit.operator = await read_operator(visit, request)


async def read_operator(visit: Visit, request: Request) -> Actor:
    """Whose ``X-Platform-Key`` the request carries: the configured one, or one made later. Raises PlatformKeyInvalid.

    What has not the form of a key asks no database, and a wrong one is noted without it.
    """
    given = request.headers.getlist("x-platform-key")
    operator = await _find_operator(visit.services, given[0]) if len(given) == 1 else None
    if operator is None:
        if given:
            visit.services.platform_keys.note_refusal(visit.origin)
        raise PlatformKeyInvalid
    return operator


async def _find_operator(services: Services, given: str) -> Actor | None:
    expected = services.config.platform_api_key
    if expected is not None and same_secret(given, expected.get_secret_value()):
        return FIRST_KEY
    key = PlatformKeySecret.read(given)
    return await services.platform_keys.find_operator(key.digest) if key is not None else None


async def _identify(visit: Visit, headers: IndexedHeaders) -> Principal:
    """Verify the credential. What can be told without the database is: a token names its tenant, which the header may
    only confirm; a key has a checksum."""
    name = visit.name = read_tenant(headers)
    credential = read_credential(headers)
    if credential is None:
        raise Unauthenticated
    if credential.kind == "token":
        return await _admit_token(visit, name, credential.secret, headers)
    return await _admit_key(visit, name, credential.secret)


async def _admit_token(visit: Visit, name: TenantName, token: str, headers: IndexedHeaders) -> Principal:
    admissions, drops = visit.services.admissions, visit.services.admissions.drops
    claims = visit.services.access_tokens.verify(token)
    if claims.tenant != name:
        raise TenantMismatch
    tenant = await _enter(visit, name)
    bearer = await visit.services.find_bearer(tenant, claims, visit.settings)
    if bearer is None:
        raise Unauthenticated
    principal, ends_at = bearer.principal, min(claims.expires_at, bearer.session_ends_at)
    logged = {"tenant": name.schema, "user_id": str(principal.user_id)}
    bind(**logged)
    admissions.keep(headers, Admission(name, tenant, visit.settings, principal, ends_at, logged), drops)
    return principal


async def _admit_key(visit: Visit, name: TenantName, text: str) -> Principal:
    """Keys are looked up in the tenant that the header names: there, another tenant's key is simply unknown."""
    key = KeySecret.read(text)
    if key is None:
        raise Unauthenticated
    tenant = await _enter(visit, name)
    holder = await visit.services.find_key_holder(tenant, key, visit.settings)
    if holder is None or not (holder.is_alive(now()) and holder.may_come_from(visit.origin.ip_address)):
        raise Unauthenticated
    principal = holder.principal
    assert principal.api_key is not None
    bind(api_key_id=str(principal.api_key.id), user_id=str(principal.user_id))
    visit.services.key_usage.note(tenant, principal.api_key.id)
    return principal


async def _enter(visit: Visit, name: TenantName) -> Tenant:
    bind(tenant=name.schema)
    tenant = await visit.services.find_tenant(name)
    if tenant is None or tenant.status == "deleting":
        raise TenantNotFound
    if tenant.status == "suspended":
        raise TenantSuspended
    if tenant.is_moving:
        raise TenantMoving
    if tenant.revision != visit.services.expected_revision:
        raise TenantOutdated
    visit.tenant, visit.settings = tenant, await visit.services.find_settings(tenant)
    return tenant
