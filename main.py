"""The service's only composition root: ``create_app(config)`` builds everything and mounts the three modules.

``uvicorn main:app`` reads the configuration from the environment at the moment it asks for ``app``.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID

import structlog
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from prometheus_client import CollectorRegistry, start_http_server
from starlette.middleware.cors import CORSMiddleware

import settings
import tools
import users
from common.cache.local import LocalCache
from common.cache.redis import answers, connect_redis
from common.config import Config, ConfigError
from common.errors import ServiceError
from common.http.body_limit import BodyLimit
from common.http.docs import add_docs
from common.http.envelope import Envelope, Net
from common.http.openapi import add_openapi
from common.http.problems import add_problem_handlers
from common.http.replies import NotModified, answer_not_modified
from common.http.root import Check, ServiceInformation, Verdict, root_router
from common.ids import TenantName
from common.keys import derive_key
from common.observability.logs import configure_logging
from common.observability.metrics import HttpMetrics, PoolCollector
from common.paging import CursorCodec
from database import DATABASE_ERRORS, Database, Tenant
from dependencies import Services
from migrations.bootstrap import prepare_database, service_login
from migrations.errors import DatabaseProblem
from migrations.provision import TenantProvisioner
from migrations.tenant import expected_revision
from shared_auth import AccessTokens, Claims, Passwords, Principal, RefreshTokens

VERSION: Final = "3.0.0"
SERVICE: Final = "system-service"
# How long what one process cached may outlive a change made by another: revocation acts within a second everywhere.
CACHE_SECONDS: Final = 0.75
EXPOSED_HEADERS: Final = ("ETag", "Location", "Link", "X-Request-ID", "Retry-After", "Idempotency-Replayed")
ALLOWED_HEADERS: Final = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "X-API-Key",
    "X-Request-ID",
    "X-Tenant-ID",
)

log = structlog.get_logger("service")


def create_app(config: Config) -> FastAPI:
    """The complete application. Nothing is connected before its lifespan starts."""
    configure_logging(config)
    services = build_services(config)
    startup = Startup(config)
    registry = CollectorRegistry()
    app = FastAPI(
        title="System Service",
        version=VERSION,
        description="Users, settings and tools of the Travel System.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if config.docs_enabled else None,
        redirect_slashes=False,
        lifespan=lambda _: _lifespan(services, startup, registry),
    )
    app.state.services = services
    add_problem_handlers(app)
    app.add_exception_handler(NotModified, answer_not_modified)
    information = ServiceInformation(
        service=SERVICE,
        version=VERSION,
        environment=config.environment,
        docs="/docs" if config.docs_enabled else None,
    )
    open_registry = registry if config.metrics_port is None else None
    app.include_router(root_router(information, _checks(services, startup), open_registry))
    for module in (users, settings, tools):
        app.include_router(module.router, prefix="/api/v1")
    add_openapi(app)
    if config.docs_enabled:
        add_docs(app)
    _add_middleware(app, config, registry)
    return app


def build_services(config: Config) -> Services:
    """Everything a request may need."""
    secret = config.secret_key.get_secret_value()
    database = Database(config, service_login(config).url)
    tenants = LocalCache[TenantName, Tenant | None](seconds=CACHE_SECONDS, size=10_000)
    principals = LocalCache[UUID, Principal | None](seconds=CACHE_SECONDS, size=50_000)

    async def find_tenant(name: TenantName) -> Tenant | None:
        async def load() -> Tenant | None:
            async with database.system() as unit:
                return await users.find_tenant(unit, name)

        return await tenants.get(name, load)

    async def find_principal(tenant: Tenant, claims: Claims) -> Principal | None:
        async def load() -> Principal | None:
            async with database.read(tenant) as unit:
                return await users.load_principal(
                    unit, tenant=tenant.name, user_id=claims.subject, session_id=claims.session_id
                )

        principal = await principals.get(claims.session_id, load)
        # A cloned tenant has sessions of the same ids; what is kept of one must not answer for the other.
        if principal is not None and (principal.tenant, principal.user_id) != (tenant.name, claims.subject):
            return await load()
        return principal

    def forget_user(_: UUID) -> None:
        principals.clear()

    return Services(
        config=config,
        database=database,
        access_tokens=AccessTokens(
            secret,
            issuer=config.jwt_issuer,
            audience=config.jwt_audience,
            lifetime=config.access_token_seconds,
            leeway=config.jwt_leeway_seconds,
        ),
        refresh_tokens=RefreshTokens(secret),
        passwords=Passwords(workers=config.password_workers, queue=config.password_queue),
        cursors=CursorCodec(derive_key(secret, "list cursors")),
        find_tenant=find_tenant,
        find_principal=find_principal,
        forget_session=principals.drop,
        forget_user=forget_user,
        provisioner=TenantProvisioner(config),
        expected_revision=expected_revision(),
        constraints=_constraints(),
    )


def _constraints() -> Mapping[str, type[ServiceError]]:
    return dict(users.CONSTRAINTS)


class Startup:
    """Prepares the database once it can be reached, however long that takes; meanwhile the process lives."""

    RETRY_SECONDS: Final = 1.0

    def __init__(self, config: Config) -> None:
        self._config = config
        self.done = not config.migrate_on_start
        self.draining = False

    async def run(self) -> None:
        """Try until it works."""
        while not self.done:
            try:
                await prepare_database(self._config)
            except DatabaseProblem as problem:
                log.error("database_not_prepared", reason=str(problem))
                await asyncio.sleep(self.RETRY_SECONDS)
            else:
                self.done = True
                log.info("database_prepared")


def _checks(services: Services, startup: Startup) -> Mapping[str, Check]:
    address = services.config.redis_address
    client = connect_redis(address) if address else None

    async def database() -> Verdict:
        if startup.draining:
            return "fail"
        try:
            async with services.database.system() as unit:
                await users.count_outdated_tenants(unit, services.expected_revision)
        except (*DATABASE_ERRORS, ServiceError):
            return "fail"
        return "pass"

    async def redis() -> Verdict:
        return "pass" if client is None or await answers(client) else "warn"

    async def migrations() -> Verdict:
        if not startup.done:
            return "fail"
        try:
            async with services.database.system() as unit:
                behind = await users.count_outdated_tenants(unit, services.expected_revision)
        except (*DATABASE_ERRORS, ServiceError):
            return "fail"
        return "warn" if behind else "pass"

    return {"database": database, "redis": redis, "migrations": migrations}


@asynccontextmanager
async def _lifespan(services: Services, startup: Startup, registry: CollectorRegistry) -> AsyncIterator[None]:
    registry.register(PoolCollector(services.database.pool_state))
    port = services.config.metrics_port
    metrics_server = start_http_server(port, services.config.host, registry)[0] if port else None
    preparing = asyncio.create_task(startup.run())
    # Most starts find a database that answers; waiting for it spares the first requests a 503.
    await asyncio.wait({preparing}, timeout=services.config.database_connect_timeout)
    log.info("service_started", version=VERSION, environment=services.config.environment)
    try:
        yield
    finally:
        startup.draining = True
        preparing.cancel()
        await asyncio.gather(preparing, return_exceptions=True)
        if metrics_server is not None:
            metrics_server.shutdown()
            metrics_server.server_close()
        await services.database.close()
        services.passwords.close()
        log.info("service_stopped")


def _add_middleware(app: FastAPI, config: Config, registry: CollectorRegistry) -> None:
    """Pure ASGI only; what is added last stands outermost."""
    app.add_middleware(Net)
    app.add_middleware(BodyLimit, limit=config.max_body_bytes)
    if config.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(config.cors_origins),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=list(ALLOWED_HEADERS),
            expose_headers=list(EXPOSED_HEADERS),
            max_age=600,
        )
    templates: dict[object, str] = {route.endpoint: route.path or "" for route in iter_route_contexts(app.routes)}
    app.add_middleware(
        Envelope, metrics=HttpMetrics(registry), templates=templates, trusted_proxies=config.trusted_proxies
    )


def _app_from_environment() -> FastAPI:
    try:
        return create_app(Config.from_environment())
    except ConfigError as error:
        sys.exit("The configuration is wrong:\n" + "\n".join(f"  {line}" for line in error.lines))


def __getattr__(name: str) -> Any:
    """Make ``app`` when somebody asks for it, so that importing this module needs no configuration."""
    if name == "app":
        globals()["app"] = app = _app_from_environment()
        return app
    raise AttributeError(name)
