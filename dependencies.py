"""What endpoints may ask for: an actor with a permission, a unit of work, paging, the caller's conditions.

``Route`` runs every request in one order: the guard (for which tenant, who is asking, with which permission) before the
body is read; the endpoint in its unit; COMMIT, in this one place, before anything is sent. A transaction that lost a
race, or whose connection broke before COMMIT, is run once more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Protocol
from uuid import UUID

import structlog
from fastapi import Depends, Query, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import AwareDatetime, BaseModel

from common.audit import ANONYMOUS, Origin
from common.cache.two_level import Caches
from common.clock import now
from common.config import Config
from common.encryption import Vault
from common.errors import (
    InvalidRequest,
    PermissionDenied,
    PlatformKeyInvalid,
    ServiceError,
    SessionRequired,
    TenantMismatch,
    TenantNotFound,
    TenantOutdated,
    TenantSuspended,
    Unauthenticated,
    UnknownParameter,
)
from common.http.headers import read_credential, read_path, read_tenant
from common.http.openapi import problem_responses, security
from common.http.problems import write_pointer
from common.http.replies import Reply
from common.idempotency import REPLAYED_HEADERS, IdempotentRequest, StoredAnswer, find_answer, keep_answer
from common.ids import TenantName
from common.limits import Limiter
from common.mail.render import MailTemplates
from common.mail.transport import Transport
from common.paging import DEFAULT_LIMIT, MAX_LIMIT, CursorCodec, ListQuery
from common.signing_keys import KeyRing
from database import DATABASE_ERRORS, Database, ReadUnit, SystemUnit, Tenant, WriteUnit, may_retry, translate
from shared_auth import (
    AccessTokens,
    Claims,
    KeyHolder,
    KeySecret,
    Passwords,
    Permission,
    PlatformKeySecret,
    Principal,
    RefreshTokens,
    authorize,
    same_secret,
)

MAX_CURSOR_LENGTH: Final = 6000  # an address folded by NFKC, 1,000 characters of up to 4 bytes, in base64url
MAX_SEARCH_LENGTH: Final = 200
MAX_KEY_LENGTH: Final = 255
UNBOUND: Final = frozenset({"cursor", "limit", "include_total"})  # may differ from one page of a list to the next


@dataclass(frozen=True, slots=True)
class NewOwner:
    """The person a tenant starts with, ready to be stored."""

    email: str
    email_normalized: str
    username: str
    username_normalized: str
    password_hash: str
    full_name: str | None


class Provisioner(Protocol):
    """Creates tenants; ``migrations.provision`` has the only one."""

    async def create(
        self, name: TenantName, *, title: str, owner: Callable[[], Awaitable[NewOwner]], origin: Origin
    ) -> UUID:
        """Create a tenant and its owner, whose id is the answer. Raises TenantExists.

        ``owner`` is asked for only when this creation's turn has come: a hundred at once would otherwise have a hundred
        passwords to hash at once, more than wait in line.
        """

    async def restore(self, name: TenantName, path: Path, *, status: str, origin: Origin) -> None:
        """Make a tenant from an archive. Raises TenantExists or ArchiveInvalid."""


class KeyUsage(Protocol):
    """Remembers when API keys were used; ``users.api_keys`` has the only one."""

    def note(self, tenant: Tenant, key_id: UUID) -> None:
        """The key was used just now."""

    async def run(self) -> None:
        """Write down what was noted every now and then, for ever."""

    async def flush(self) -> None:
        """Write down what was noted."""


class Lifecycle(Protocol):
    """Changes, exports, clones and drops tenants; ``migrations.lifecycle`` has the only one."""

    async def change(self, name: TenantName, values: Mapping[str, Any], origin: Origin) -> None:
        """Set ``name``, ``status`` or ``delete_after``. Raises TenantNotFound."""

    async def export(self, name: TenantName, path: Path, origin: Origin) -> None:
        """Write an archive. Raises TenantNotFound."""

    async def clone(self, source: TenantName, target: TenantName, folder: Path, *, status: str, origin: Origin) -> None:
        """Copy a tenant under another name. Raises TenantNotFound or TenantExists."""

    async def drop(self, name: TenantName) -> None:
        """Remove a tenant with all it owns. Raises TenantNotFound."""

    async def drop_due(self, moment: datetime) -> list[str]:
        """Drop every tenant whose time has come; answers their ids."""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a request may need, made once by ``main.create_app``."""

    config: Config
    database: Database
    keys: KeyRing
    access_tokens: AccessTokens
    refresh_tokens: RefreshTokens
    passwords: Passwords
    totp_vault: Vault
    cursors: CursorCodec
    caches: Caches
    find_tenant: Callable[[TenantName], Awaitable[Tenant | None]]
    find_principal: Callable[[Tenant, Claims], Awaitable[Principal | None]]
    find_key_holder: Callable[[Tenant, KeySecret], Awaitable[KeyHolder | None]]
    find_profile: Callable[[Tenant, Principal], Awaitable[BaseModel]]
    key_usage: KeyUsage
    limiter: Limiter
    mail_templates: MailTemplates
    mail_transport: Transport
    is_platform_key: Callable[[bytes], Awaitable[bool]]
    provisioner: Provisioner
    lifecycle: Lifecycle
    expected_revision: str
    constraints: Mapping[str, type[ServiceError]]
    catalogue: Mapping[str, Permission]


class Visit:
    """One request's way through the service: what its guard found out, and the units it may open."""

    def __init__(self, services: Services, origin: Origin) -> None:
        self.services = services
        self.origin = origin
        self.name: TenantName | None = None
        self.tenant: Tenant | None = None
        self.principal: Principal | None = None
        self.unit: ReadUnit | None = None
        self.headers: dict[str, str] = {}  # sent with the answer, whatever it is

    def read(self) -> ReadUnit:
        """A read-only unit of the visited tenant."""
        assert self.tenant is not None
        return self.services.database.read(self.tenant)

    def write(self) -> WriteUnit:
        """A unit of the visited tenant that may change things, on behalf of the visitor."""
        assert self.tenant is not None
        if self.principal is None:
            return self.services.database.write(self.tenant, actor=ANONYMOUS, origin=self.origin)
        origin = replace(self.origin, session_id=self.principal.session_id)
        return self.services.database.write(self.tenant, actor=self.principal.actor, origin=origin)

    def system(self, *, read_only: bool = True) -> SystemUnit:
        """A unit of the system schema."""
        return self.services.database.system(read_only=read_only)


# -- Guards: what a request must show before its body is read -------------------------------------------------------


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
        return _visit(request)


class Open(Guard):
    """Anybody, about no tenant."""

    documented_statuses = ()
    takes_tenant_header = False

    async def admit(self, visit: Visit, request: Request) -> None:
        """Nothing to show."""


class NamedTenant(Guard):
    """Anybody, about a tenant that need not exist."""

    async def admit(self, visit: Visit, request: Request) -> None:
        """Read the name."""
        visit.name = read_tenant(request.headers)


class ActiveTenant(Guard):
    """Anybody, in a tenant that is served."""

    documented_statuses = (400, 403, 404, 422, 503)

    async def admit(self, visit: Visit, request: Request) -> None:
        """Find the tenant."""
        visit.name = read_tenant(request.headers)
        await _enter(visit, visit.name)


class SignedIn(Guard):
    """Somebody with a valid credential of the tenant. ``by_key=False`` wants a login: an API key is not enough where
    its holder could free it from its limits, or reach for its owner's account."""

    documented_security: tuple[str, ...] = ("AccessToken", "ApiKey")
    documented_statuses = (400, 401, 403, 404, 422, 503)

    def __init__(self, *, by_key: bool = True) -> None:
        self.by_key = by_key
        if not by_key:
            self.documented_security = ("AccessToken",)

    async def admit(self, visit: Visit, request: Request) -> None:
        """Verify the credential. What can be told without the database is: a token names its tenant, which the header
        may only confirm; a key has a checksum."""
        visit.name = read_tenant(request.headers)
        credential = read_credential(request.headers)
        if credential is None:
            raise Unauthenticated
        find = _admit_token if credential.kind == "token" else _admit_key
        visit.principal = await find(visit, visit.name, credential.secret)
        structlog.contextvars.bind_contextvars(user_id=str(visit.principal.user_id))
        if visit.principal.api_key is not None and not self.by_key:
            raise SessionRequired

    async def __call__(self, request: Request) -> Principal:
        principal = _visit(request).principal
        assert principal is not None
        return principal


class SignedInVisiting(SignedIn):
    """The same, for endpoints that open their own units, or none."""

    async def __call__(self, request: Request) -> Visit:  # type: ignore[override] # what FastAPI hands over differs
        return _visit(request)


class LoggedInVisiting(SignedIn):
    """Somebody who logged in, for endpoints that open their own units."""

    def __init__(self) -> None:
        super().__init__(by_key=False)

    async def __call__(self, request: Request) -> Visit:  # type: ignore[override] # what FastAPI hands over differs
        return _visit(request)


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
        return _visit(request)


class PlatformKey(Guard):
    """Somebody with a platform key, about a tenant that need not exist."""

    documented_security = ("PlatformKey",)
    documented_statuses = (400, 401, 422, 503)

    async def admit(self, visit: Visit, request: Request) -> None:
        """Compare the key, then read the name."""
        if not await has_platform_key(visit.services, request):
            raise PlatformKeyInvalid
        visit.name = read_tenant(request.headers)


class PlatformOperator(Guard):
    """Somebody with a platform key, about the platform as a whole: no tenant header."""

    documented_security = ("PlatformKey",)
    documented_statuses = (400, 401, 422, 503)
    takes_tenant_header = False

    async def admit(self, visit: Visit, request: Request) -> None:
        """Compare the key."""
        if not await has_platform_key(visit.services, request):
            raise PlatformKeyInvalid


async def has_platform_key(services: Services, request: Request) -> bool:
    """Whether the request carries a right ``X-Platform-Key``: the configured one, or one made later. What has not the
    form of a key asks no database."""
    given = request.headers.getlist("x-platform-key")
    if len(given) != 1:
        return False
    expected = services.config.platform_api_key
    if expected is not None and same_secret(given[0], expected.get_secret_value()):
        return True
    key = PlatformKeySecret.read(given[0])
    return key is not None and await services.is_platform_key(key.digest)


async def _admit_token(visit: Visit, name: TenantName, token: str) -> Principal:
    claims = visit.services.access_tokens.verify(token)
    if claims.tenant != name:
        raise TenantMismatch
    tenant = await _enter(visit, name)
    principal = await visit.services.find_principal(tenant, claims)
    if principal is None:
        raise Unauthenticated
    return principal


async def _admit_key(visit: Visit, name: TenantName, text: str) -> Principal:
    """Keys are looked up in the tenant that the header names: there, another tenant's key is simply unknown."""
    key = KeySecret.read(text)
    if key is None:
        raise Unauthenticated
    tenant = await _enter(visit, name)
    holder = await visit.services.find_key_holder(tenant, key)
    if holder is None or not (holder.is_alive(now()) and holder.may_come_from(visit.origin.ip_address)):
        raise Unauthenticated
    principal = holder.principal
    assert principal.api_key is not None
    structlog.contextvars.bind_contextvars(api_key_id=str(principal.api_key.id))
    visit.services.key_usage.note(tenant, principal.api_key.id)
    return principal


async def _enter(visit: Visit, name: TenantName) -> Tenant:
    structlog.contextvars.bind_contextvars(tenant=name.schema)
    tenant = await visit.services.find_tenant(name)
    if tenant is None or tenant.status == "deleting":
        raise TenantNotFound
    if tenant.status == "suspended":
        raise TenantSuspended
    if tenant.revision != visit.services.expected_revision:
        raise TenantOutdated
    visit.tenant = tenant
    return tenant


# -- The route ------------------------------------------------------------------------------------------------------

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Route(APIRoute):
    """A route that knows its guard and its unit from the endpoint's signature."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        options["operation_id"] = endpoint.__name__
        super().__init__(path, endpoint, **options)
        guard = guard_of(self)
        statuses = set(guard.documented_statuses) | ({404} if "{" in path else set())
        if _unit_of(self.dependant) is WriteUnit:
            statuses |= {409, 412} if self.status_code != 201 else {409}
        self.responses = {**problem_responses(statuses), **self.responses}
        ways_in = security(guard.documented_security, tenant=guard.takes_tenant_header)
        self.openapi_extra = {**(self.openapi_extra or {}), "security": ways_in}

    def get_route_handler(self) -> Handler:
        """Put the guard in front of FastAPI's own handler, and the unit around it."""
        handle = super().get_route_handler()
        guard = guard_of(self)
        unit_kind = _unit_of(self.dependant)
        known = _query_names(self.dependant)
        creates = self.status_code == 201 and unit_kind is WriteUnit

        async def answer(visit: Visit, request: Request) -> Response:
            try:
                await guard.admit(visit, request)
                _refuse_unknown(request, known)
                act = _once(handle, visit) if creates and "idempotency-key" in request.headers else handle
                return await (_in_unit(act, visit, unit_kind, request) if unit_kind else handle(request))
            except PermissionDenied as refusal:
                await _audit_refusal(visit, refusal)
                raise

        async def run(request: Request) -> Response:
            visit = Visit(request.app.state.services, request.state.origin)
            request.state.visit, request.state.answer_headers = visit, visit.headers
            try:
                return await answer(visit, request)
            except DATABASE_ERRORS as error:
                meaning = translate(error, visit.services.constraints)
                if meaning is None:
                    raise
                raise meaning from error

        return run


async def _in_unit(handle: Handler, visit: Visit, kind: type[ReadUnit], request: Request) -> Response:
    """Run the endpoint and commit; run both once more where that is safe and may help."""
    for last in (False, True):
        unit = visit.unit = visit.write() if kind is WriteUnit else visit.read()
        try:
            response = await handle(request)
            await unit.commit()
        except DATABASE_ERRORS as error:
            if last or not may_retry(error, unit):
                raise
        else:
            return response
        finally:
            await unit.close()
    raise AssertionError("unreachable: the last attempt returns or raises")


async def _audit_refusal(visit: Visit, refusal: PermissionDenied) -> None:
    """One entry for every refusal, whichever rule it comes from; what the request had begun is rolled back by now."""
    rule = refusal.permission.replace(":", ".") if refusal.permission else "rank"
    async with visit.write() as unit:
        unit.audit(f"permission.{rule}.refused", outcome="failure")


def _once(handle: Handler, visit: Visit) -> Handler:
    """The same handler, which answers a repeated ``Idempotency-Key`` from storage."""

    async def handle_once(request: Request) -> Response:
        unit, principal = visit.unit, visit.principal
        assert isinstance(unit, WriteUnit)
        assert principal is not None
        keyed = IdempotentRequest.of(
            tenant=principal.tenant.schema,
            caller=principal.caller_id,
            route=f"{request.method} {read_path(request.scope)}",
            key=_idempotency_key(request),
            body=await request.body(),
            secret=visit.services.config.secret_key.get_secret_value(),
        )
        stored = await find_answer(unit, keyed)
        if stored is not None:
            return Response(stored.body, stored.status, {**stored.headers, "Idempotency-Replayed": "true"})
        response = await handle(request)
        kept = {name: response.headers[name] for name in REPLAYED_HEADERS if name in response.headers}
        await keep_answer(unit, keyed, StoredAnswer(response.status_code, kept, bytes(response.body)))
        return response

    return handle_once


def _idempotency_key(request: Request) -> str:
    values = request.headers.getlist("idempotency-key")
    if len(values) != 1 or not 1 <= len(values[0]) <= MAX_KEY_LENGTH or not values[0].isascii():
        raise InvalidRequest(f"Idempotency-Key must be sent once, with 1 to {MAX_KEY_LENGTH} ASCII characters.")
    return values[0]


def guard_of(route: APIRoute) -> Guard:
    """The guard among a route's dependencies. A route without one, or with two, is a mistake in the code."""
    guards = [part.call for part in route.dependant.dependencies if isinstance(part.call, Guard)]
    if len(guards) != 1:
        raise TypeError(f"{route.path}: {route.name} must have exactly one guard, not {len(guards)}")
    return guards[0]


def _unit_of(dependant: Dependant) -> type[ReadUnit] | None:
    calls = {part.call for part in dependant.dependencies}
    if _write_unit in calls:
        return WriteUnit
    return ReadUnit if _read_unit in calls else None


def _query_names(dependant: Dependant) -> set[str]:
    """The query parameters an endpoint and its dependencies know."""
    nested = (_query_names(part) for part in dependant.dependencies)
    return {field.alias for field in dependant.query_params}.union(*nested)


def _refuse_unknown(request: Request, known: set[str]) -> None:
    if not request.scope["query_string"]:
        return
    for name in request.query_params:
        if name not in known:
            shown = name[:64]
            raise UnknownParameter(
                f"The query parameter {shown!r} is not known here.", pointer=write_pointer(("query", shown))
            )


# -- What endpoints write in their signatures -----------------------------------------------------------------------


def _visit(request: Request) -> Visit:
    visit: Visit = request.state.visit
    return visit


async def _services(request: Request) -> Services:
    return _visit(request).services


async def _current_visit(request: Request) -> Visit:
    return _visit(request)


async def _read_unit(request: Request) -> ReadUnit:
    unit = _visit(request).unit
    assert unit is not None
    return unit


async def _write_unit(request: Request) -> WriteUnit:
    unit = _visit(request).unit
    assert isinstance(unit, WriteUnit)
    return unit


async def _reply(request: Request, response: Response) -> Reply:
    return Reply(request, response)


async def _plain_list_query(  # noqa: PLR0917 - FastAPI calls it by keyword
    request: Request,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Items a page.")] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None, Query(max_length=MAX_CURSOR_LENGTH, description="`next_cursor` of the page before.")
    ] = None,
    sort: Annotated[
        str | None, Query(max_length=200, description="Fields, comma-separated; a leading `-` reverses.")
    ] = None,
    include_total: Annotated[bool, Query(description="Also count all items, at the cost of a second query.")] = False,
    q: Annotated[str | None, Query(max_length=MAX_SEARCH_LENGTH, description="Text to search for.")] = None,
) -> ListQuery:
    visit = _visit(request)
    bound = sorted(item for item in request.query_params.multi_items() if item[0] not in UNBOUND)
    schema = visit.name.schema if visit.name else ""
    return ListQuery(
        limit=limit,
        cursor=cursor,
        sort=sort,
        include_total=include_total,
        q=q,
        created_after=None,
        created_before=None,
        binding=repr((schema, read_path(request.scope), bound)),
        cursors=visit.services.cursors,
    )


async def _list_query(
    plain: Annotated[ListQuery, Depends(_plain_list_query)],
    created_after: Annotated[AwareDatetime | None, Query(description="Only what was created after this.")] = None,
    created_before: Annotated[AwareDatetime | None, Query(description="Only what was created before this.")] = None,
) -> ListQuery:
    return replace(plain, created_after=created_after, created_before=created_before)


Read = Annotated[ReadUnit, Depends(_read_unit)]
"""A unit that reads, committed by the route."""

Write = Annotated[WriteUnit, Depends(_write_unit)]
"""A unit that writes, committed by the route."""

Listing = Annotated[ListQuery, Depends(_list_query)]
"""What the caller wants of a list."""

PlainListing = Annotated[ListQuery, Depends(_plain_list_query)]
"""The same for what has no time of creation."""

Replying = Annotated[Reply, Depends(_reply)]
"""The headers of the answer, and the caller's conditions."""

ThisVisit = Annotated[Visit, Depends(_current_visit)]
"""The visit that the guard beside it let in, for an endpoint that opens its own units."""

Provided = Annotated[Services, Depends(_services)]
"""Passwords, tokens and what else the process has one of."""

AnyUser = Annotated[Principal, Depends(SignedIn())]
"""Whoever is signed in, or comes with an API key."""

SignedInVisit = Annotated[Visit, Depends(SignedInVisiting())]
"""The visit of whoever is signed in; the endpoint opens its own units, or none."""

LoggedIn = Annotated[Principal, Depends(SignedIn(by_key=False))]
"""Whoever is signed in by a login of its own: what concerns one's account is no business of one's API keys."""

LoggedInVisit = Annotated[Visit, Depends(LoggedInVisiting())]
"""The visit of whoever logged in; the endpoint opens its own units."""

TenantVisit = Annotated[Visit, Depends(ActiveTenant())]
"""An unauthenticated visit of a served tenant; it opens its own units."""

NamedVisit = Annotated[Visit, Depends(NamedTenant())]
"""An unauthenticated visit about a tenant that may not exist."""

PlatformVisit = Annotated[Visit, Depends(PlatformKey())]
"""A visit of the platform's operator."""

OperatorVisit = Annotated[Visit, Depends(PlatformOperator())]
"""A visit of the platform's operator, about no tenant in particular."""

OpenVisit = Annotated[Visit, Depends(Open())]
"""Anybody's visit."""
