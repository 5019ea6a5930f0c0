"""The service's only composition root: ``create_app(config)`` builds everything and mounts the three modules.

``uvicorn main:app`` reads the configuration from the environment at the moment it asks for ``app``.
"""

from __future__ import annotations

import gc

gc.disable()  # until all is imported: what modules make stays, and looking through it again takes a fifth of a start

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

from common.lean_imports import without

with without("rich"):  # 4 MB, for the colours of tracebacks that are not written with it
    import structlog

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, start_http_server

import settings
import tools
import users
from common.cache.listener import Listener
from common.cache.redis import RedisCopy
from common.cache.rendered import Rendered
from common.cache.two_level import Caches
from common.config import Config, ConfigError
from common.encryption import Vault
from common.http.docs import add_docs
from common.http.mounting import mount
from common.http.openapi import add_openapi
from common.http.problems import add_problem_handlers
from common.http.reception import STATE, Reception
from common.http.replies import NotModified, answer_not_modified
from common.http.root import ServiceInformation, root_router
from common.http.stack import build_stack
from common.http.tracing import telemetry_of
from common.keys import derive_key
from common.limits import Limiter
from common.mail.render import MailTemplates
from common.mail.transport import choose_transport
from common.observability.counts import show_counts
from common.observability.logs import configure_logging
from common.observability.metrics import PoolCollector
from common.observability.tracing import NO_TRACES, Tracing, start_tracing
from common.outbox.worker import OutboxWorker
from common.paging import CursorCodec
from common.postgresql.replica import find_replica
from common.shards import HOME
from common.signing_keys import load_key_ring
from common.stopping import StopSignals
from common.storage import Storage
from database import Database
from migrations.audit_keeper import AuditKeeper
from migrations.lifecycle import TenantLifecycle
from migrations.login import plain_dsn, service_login
from migrations.measuring import measure_for_ever, measure_loop
from migrations.provision import TenantProvisioner
from migrations.readiness import readiness_checks
from migrations.seed import CATALOGUE
from migrations.startup import Startup
from migrations.tenant import expected_revision
from serving.admissions import Admissions
from serving.services import Services
from shared_auth import AccessTokens, Passwords, RefreshTokens

gc.freeze()
gc.enable()

VERSION: Final = "3.0.0"
SERVICE: Final = "system-service"
IMPORT_PATH: Final = "/api/v1/platform/tenants/import"  # takes files, streamed to disk
UPLOAD_PATH: Final = "/api/v1/tools/attachments"  # takes files, streamed to their storage
FORM_BYTES: Final = 1024**2  # of a form beside its file: the other fields, and what separates the parts
FILE_BYTES: Final = {  # full tenants' files, with descriptions or spaces
    "/api/v1/users/import": 2 * 1024**2,
    "/api/v1/settings/import": 4 * 1024**2,
    "/api/v1/tools/events/import": 4 * 1024**2,
    "/api/v1/settings/feature-flags/definition": 8 * 1024**2,
}
JOB_HANDLERS: Final = {**users.JOB_HANDLERS, **settings.JOB_HANDLERS, **tools.JOB_HANDLERS}
MAX_RENDERED: Final = 5_000  # answers kept, some 1 kB each
START_SECONDS: Final = 5.0  # how long a start waits for the database before it goes on without
log = structlog.get_logger("service")


def create_app(config: Config) -> FastAPI:
    """The complete application. Nothing is connected before its lifespan starts."""
    configure_logging(config)
    registry = CollectorRegistry()
    tracing = start_tracing(config, SERVICE, VERSION)
    services = build_services(config, registry, tracing)
    background = Background(services)
    app = FastAPI(
        title="System Service",
        version=VERSION,
        description="Users, settings and tools of the Travel System.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if config.docs_enabled else None,
        redirect_slashes=False,
        telemetry=telemetry_of(tracing),
        lifespan=lambda _: _lifespan(services, background, registry),
    )
    app.state.services = services
    add_problem_handlers(app, {settings.OFREP_PREFIX: settings.describe_ofrep_failure})
    app.add_exception_handler(NotModified, answer_not_modified)
    docs = "/docs" if config.docs_enabled else None
    information = ServiceInformation(service=SERVICE, version=VERSION, environment=config.environment, docs=docs)
    open_registry = registry if config.metrics_port is None else None
    checks = readiness_checks(services, background.startup)
    mount(app, root_router(information, checks, open_registry, services.keys.jwks))
    for module in (users, settings, tools):
        mount(app, module.router, prefix="/api/v1")
    mount(app, settings.ofrep_router)
    add_openapi(app, [module.DOCUMENTATION for module in (users, settings, tools)])
    if config.docs_enabled:
        add_docs(app)
    larger = {IMPORT_PATH: config.max_archive_bytes, UPLOAD_PATH: config.max_upload_bytes + FORM_BYTES, **FILE_BYTES}
    app.middleware_stack = build_stack(app, config, registry, larger=larger, is_traced=tracing.is_on)
    return app


def build_services(config: Config, registry: CollectorRegistry, tracing: Tracing = NO_TRACES) -> Services:
    """Everything a request may need."""
    secret = config.secret_key.get_secret_value()
    previous = config.secret_key_previous
    provisioner = TenantProvisioner(config)
    audit_seals = settings.operators.audit_seals(config)
    keys = load_key_ring(config)
    caches = Caches(RedisCopy(config.redis_address, registry), registry)
    registry_of_settings = {item.key: item for module in (users, settings, tools) for item in module.DECLARATIONS}
    shards = {name: service_login(config.on(name)).url for name in config.shards}
    replica = find_replica(config, service_login(config).replica_url, caches, registry, tracing.tracer)
    database = Database(
        config, service_login(config).url, caches.forget, replica=replica, shards=shards, tracer=tracing.tracer
    )
    find_tenant = users.cached_tenants(database, caches)
    passwords = Passwords(
        workers=config.password_workers, queue=config.password_queue, memory_kib=config.password_memory_kib
    )
    return Services(
        config=config,
        database=database,
        caches=caches,
        find_tenant=find_tenant,
        admissions=Admissions(caches),
        find_bearer=users.cached_bearers(database, caches),
        find_key_holder=users.cached_key_holders(database, caches),
        find_profile=users.cached_profiles(database, caches),
        rendered=Rendered(MAX_RENDERED),
        find_settings=settings.cached_settings(database, caches, registry_of_settings, config),
        settings_vault=settings.settings_vault(config),
        find_flag_set=settings.cached_flag_sets(database, caches),
        flag_channels=settings.FlagChannels(caches, config),
        audit_seals=audit_seals,
        audit_keeper=AuditKeeper(provisioner, audit_seals),
        key_usage=users.KeyUsage(database),
        key_introspections=users.KeyIntrospections(database, find_tenant),
        flag_usage=settings.FlagUsage(database),
        keys=keys,
        access_tokens=AccessTokens.of(config, keys),
        refresh_tokens=RefreshTokens(secret, previous.get_secret_value() if previous else None),
        passwords=passwords,
        find_hash_forms=users.HashForms(database, passwords.form),
        totp_vault=Vault("totp secrets", secret, previous.get_secret_value() if previous else None),
        cursors=CursorCodec(derive_key(secret, "list cursors")),
        limiter=Limiter(derive_key(secret, "rate limits")),
        mail_templates=MailTemplates(users.MAIL_TEMPLATES, tools.MAIL_TEMPLATES),
        mail_transport=choose_transport(config),
        storage=Storage(config),
        platform_keys=users.PlatformKeys(database),
        provisioner=provisioner,
        lifecycle=TenantLifecycle(provisioner),
        expected_revision=expected_revision(),
        constraints={**users.CONSTRAINTS, **settings.CONSTRAINTS, **tools.CONSTRAINTS},
        catalogue={permission.name: permission for permission in CATALOGUE},
        registry=registry_of_settings,
        tracing=tracing,
    )


class Background:
    """What a process does beside answering: preparing the databases, listening, working off their outboxes."""

    def __init__(self, services: Services) -> None:
        self._services = services
        config = services.config
        self.startup = Startup(config)
        self._of_shards = [Startup(config, name) for name in config.shards]
        handlers = {kind: partial(handler, services) for kind, handler in JOB_HANDLERS.items()}
        self._workers = {
            name: OutboxWorker(
                partial(services.database.system_bookkeeping, name), handlers, name, services.tracing.tracer
            )
            for name in services.database.servers
        }
        self._listeners = {name: self._listener(name) for name in services.database.servers}
        self._signals = StopSignals(self.drain, drain_seconds=config.drain_seconds)
        self._notes = (
            services.key_usage,
            services.key_introspections,
            services.flag_usage,
            services.platform_keys,
        )
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start it all. Most starts find a database that answers; waiting for it spares the first requests a 503."""
        self._signals.listen()
        preparing = asyncio.create_task(self.startup.run())
        self._tasks.append(preparing)
        await asyncio.wait({preparing}, timeout=START_SECONDS)
        runs = [startup.run() for startup in self._of_shards]
        runs += [listener.run() for listener in self._listeners.values()]
        runs += [notes.run() for notes in self._notes]
        runs += [measure_for_ever(self._services), measure_loop()]
        if self._services.config.work_off_jobs:
            runs += [worker.run() for worker in self._workers.values()]
            runs += [module.keep_house(self._services) for module in (users, settings, tools)]
        self._tasks += [asyncio.create_task(run) for run in runs]
        listening = asyncio.create_task(self._listeners[HOME].listening.wait())
        await asyncio.wait({listening}, timeout=START_SECONDS if self.startup.done else 0)
        listening.cancel()

    def drain(self) -> None:
        """Say that no requests should be sent here any more, and let go of those who would stay."""
        self.startup.draining = True
        self._services.flag_channels.close()

    async def stop(self) -> None:
        """Stop it all; a job in hand is given back when its lease ends."""
        self.drain()
        self._signals.leave()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(notes.flush() for notes in self._notes))

    def _listener(self, shard: str) -> Listener:
        config, services = self._services.config, self._services
        return Listener(
            plain_dsn(service_login(config.on(shard)).direct_url),
            services.caches,
            connect_timeout=config.database_connect_timeout,
            on_job=self._workers[shard].wake.set,
            shard=shard,
        )


@asynccontextmanager
async def _lifespan(
    services: Services, background: Background, registry: CollectorRegistry
) -> AsyncIterator[dict[str, Reception]]:
    database, config = services.database, services.config
    show_counts(registry)
    registry.register(PoolCollector(database.pool_state, database.retired, database.servers))
    metrics_server = start_http_server(config.metrics_port, config.host, registry)[0] if config.metrics_port else None
    await background.start()
    log.info("service_started", version=VERSION, environment=config.environment)
    try:
        yield {STATE: Reception(config.max_head_bytes, config.max_headers, config.head_seconds)}
    finally:
        await background.stop()
        if metrics_server is not None:
            metrics_server.shutdown()
            metrics_server.server_close()
        await services.caches.redis.close()
        await services.database.close()
        services.passwords.close()
        await services.tracing.close()
        log.info("service_stopped")


def _app_from_environment() -> FastAPI:
    gc.disable()
    try:
        app = create_app(Config.from_environment())
    except ConfigError as error:
        sys.exit("The configuration is wrong:\n" + "\n".join(f"  {line}" for line in error.lines))
    # What is there now lives as long as the process, but for one object in 300: 300,000 that the collector would look
    # through now, and again every few hundred logins, for 100 ms and more, while everybody waits.
    gc.freeze()
    gc.enable()
    return app


def __getattr__(name: str) -> Any:
    """Make ``app`` when somebody asks for it, so that importing this module needs no configuration."""
    if name == "app":
        globals()["app"] = app = _app_from_environment()
        return app
    raise AttributeError(name)
