"""The root of the service: what it is, the probes, the metrics. None of it needs a tenant or a credential."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import BaseModel, Field

Verdict = Literal["pass", "warn", "fail"]
Check = Callable[[], Awaitable[Verdict]]

TEXT: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
CHECK_SECONDS: Final = 2.0  # a check that takes longer has failed: Kubernetes asks again before that


class ServiceInformation(BaseModel):
    """What answers here."""

    service: str = Field(examples=["system-service"])
    version: str = Field(examples=["3.0.0"])
    environment: str = Field(examples=["production"])
    docs: str | None = Field(examples=["/docs"])


class Health(BaseModel):
    """That the process lives."""

    status: Literal["ok"] = "ok"
    service: str = Field(examples=["system-service"])
    version: str = Field(examples=["3.0.0"])


class Readiness(BaseModel):
    """Whether requests should be sent here: yes unless `fail`."""

    status: Verdict
    checks: dict[str, Verdict] = Field(examples=[{"database": "pass", "redis": "pass", "migrations": "pass"}])


class JsonWebKeySet(BaseModel):
    """A set of public keys."""

    keys: list[dict[str, str]]


def root_router(
    information: ServiceInformation,
    checks: Mapping[str, Check],
    registry: CollectorRegistry | None,
    jwks: Mapping[str, Any],
) -> APIRouter:
    """The routes below ``/``. Without a registry, ``/metrics`` is served elsewhere."""
    router = APIRouter(tags=["service"])

    @router.get("/", summary="What this service is", operation_id="get_service_information")
    async def get_service_information() -> ServiceInformation:
        return information

    @router.get("/health", summary="Liveness", operation_id="get_health")
    async def get_health() -> Health:
        """200 while the process lives; touches nothing else."""
        return Health(service=information.service, version=information.version)

    @router.get(
        "/readiness",
        summary="Readiness",
        operation_id="get_readiness",
        responses={503: {"model": Readiness, "description": "Send no requests."}},
    )
    async def get_readiness(response: Response) -> Readiness:
        """Redis gone is `warn`; the database gone, a start or a stop in progress is `fail`."""
        names = list(checks)
        verdicts = await asyncio.gather(*(_bounded(checks[name]) for name in names))
        worst: Verdict = max(verdicts, key=("pass", "warn", "fail").index)
        if worst == "fail":
            response.status_code = 503
            response.headers["Retry-After"] = "2"
        return Readiness(status=worst, checks=dict(zip(names, verdicts, strict=True)))

    _add_key_set(router, jwks)
    if registry is not None:
        _add_metrics(router, registry)
    return router


def _add_key_set(router: APIRouter, jwks: Mapping[str, Any]) -> None:
    @router.get("/.well-known/jwks.json", summary="Public signing keys", operation_id="get_jwks")
    async def get_jwks(response: Response) -> JsonWebKeySet:
        """The keys that verify access tokens (RFC 7517); empty when they are signed with a secret."""
        response.headers["Cache-Control"] = "public, max-age=300"
        return JsonWebKeySet.model_validate(jwks)


def _add_metrics(router: APIRouter, registry: CollectorRegistry) -> None:
    @router.get("/metrics", summary="Metrics", operation_id="get_metrics", response_class=Response, responses=TEXT)
    async def get_metrics() -> Response:
        """In Prometheus' text format."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


async def _bounded(check: Check) -> Verdict:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check()
    except TimeoutError:
        return "fail"
