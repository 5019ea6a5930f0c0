"""The route: the one order in which every request runs.

The guard (for which tenant, who is asking, with which permission) before the body is read; the endpoint in its unit;
COMMIT, in this one place, before anything is sent. A transaction that lost a race, or whose connection broke before
COMMIT, is run once more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from common.errors import (
    PermissionDenied,
    UnknownParameter,
)
from common.http.dispatch import is_meant
from common.http.json_body import JsonRequest
from common.http.late_routes import LateRoute
from common.http.openapi import security
from common.http.problems import write_pointer
from common.postgresql.errors import DATABASE_ERRORS, may_retry, translate
from database import ReadUnit, ReplicaUnit, WriteUnit
from serving.documenting import creates_once, headers_of, responses_of
from serving.guards import Guard
from serving.handling import Handler
from serving.providers import read_unit, replica_unit, write_unit
from serving.repeating import HEADER, once, once_apart
from serving.visit import Visit, visit_of


class AnalysedRoute(APIRoute):
    """A route that knows its guard and its unit from the endpoint's signature."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **{**options, "operation_id": endpoint.__name__})
        guard = guard_of(self)
        unit = _unit_of(self.dependant)
        headers = headers_of(self, unit)
        self.responses = {**responses_of(self, guard, unit, headers), **self.responses}
        extra = self.openapi_extra or {}
        ways_in = security(guard.documented_security, tenant=guard.takes_tenant_header)
        self.openapi_extra = {**extra, "security": ways_in, "parameters": [*extra.get("parameters", ()), *headers]}

    def get_route_handler(self) -> Handler:
        """FastAPI's own handler, with what every request has around it."""
        return self.around(super().get_route_handler())

    def around(self, handle: Handler) -> Handler:
        """Put the guard in front of a handler, and the unit around it."""
        guard = guard_of(self)
        unit_kind = _unit_of(self.dependant)
        known = _query_names(self.dependant) | _documented_names(self.openapi_extra or {})
        has_parameters = "{" in self.path
        reads_json = self.body_field is not None
        repeatable = (once if unit_kind is WriteUnit else once_apart) if creates_once(self, unit_kind) else None

        async def answer(visit: Visit, request: Request) -> Response:
            if has_parameters and not is_meant(request.scope, self.path):
                raise HTTPException(405)
            try:
                await guard.admit(visit, request)
                _refuse_unknown(request, known)
                act = repeatable(handle, visit) if repeatable and HEADER in request.headers else handle
                return await (in_unit(act, unit_kind, request) if unit_kind else act(request))
            except PermissionDenied as refusal:
                await _audit_refusal(visit, refusal)
                raise

        async def run(request: Request) -> Response:
            if reads_json:
                request = JsonRequest(request.scope, request.receive)
            state = request.scope["state"]
            visit = state["visit"] = Visit(request.app.state.services, state["origin"])
            state["answer_headers"] = visit.headers
            try:
                return await answer(visit, request)
            except DATABASE_ERRORS as error:
                meaning = translate(error, visit.services.constraints)
                if meaning is None:
                    raise
                raise meaning from error

        return run


class Route(LateRoute, AnalysedRoute):
    """The same, analysed when it is first asked."""

    analysed_as = AnalysedRoute


async def in_unit(handle: Handler, kind: type[ReadUnit], request: Request) -> Response:
    """Run the endpoint in the visit's unit and commit; run both once more where that is safe and may help."""
    visit = visit_of(request)
    for last in (False, True):
        unit = visit.unit = _open(visit, kind, last=last)
        try:
            response = await handle(request)
            await unit.commit()
        except DATABASE_ERRORS as error:
            if isinstance(unit, ReplicaUnit) and unit.is_on_replica:
                await unit.leave_replica(error)
            elif last or not may_retry(error, commit_sent=unit.commit_sent):
                raise
        else:
            return response
        finally:
            await unit.close()
    raise AssertionError("unreachable: the last attempt returns or raises")


def _open(visit: Visit, kind: type[ReadUnit], *, last: bool) -> ReadUnit:
    """A new unit of this kind. Whatever failed on the replica is asked of the primary."""
    if kind is WriteUnit:
        return visit.write()
    return visit.read_replica() if kind is ReplicaUnit and not last else visit.read()


async def _audit_refusal(visit: Visit, refusal: PermissionDenied) -> None:
    """One entry for every refusal, whichever rule it comes from; what the request had begun is rolled back by now."""
    rule = refusal.permission.replace(":", ".") if refusal.permission else "rank"
    async with visit.write() as unit:
        unit.audit(f"permission.{rule}.refused", outcome="failure")


def guard_of(route: APIRoute) -> Guard:
    """The guard among a route's dependencies. A route without one, or with two, is a mistake in the code."""
    guards = [part.call for part in route.dependant.dependencies if isinstance(part.call, Guard)]
    if len(guards) != 1:
        raise TypeError(f"{route.path}: {route.name} must have exactly one guard, not {len(guards)}")
    return guards[0]


def _unit_of(dependant: Dependant) -> type[ReadUnit] | None:
    calls = {part.call for part in dependant.dependencies}
    if write_unit in calls:
        return WriteUnit
    if replica_unit in calls:
        return ReplicaUnit
    return ReadUnit if read_unit in calls else None


def _query_names(dependant: Dependant) -> set[str]:
    """The query parameters an endpoint and its dependencies know."""
    nested = (_query_names(part) for part in dependant.dependencies)
    return {field.alias for field in dependant.query_params}.union(*nested)


def _documented_names(extra: Mapping[str, Any]) -> set[str]:
    """Those that an endpoint reads by itself and documents by hand."""
    return {item["name"] for item in extra.get("parameters", ()) if item["in"] == "query"}


def _refuse_unknown(request: Request, known: set[str]) -> None:
    if not request.scope["query_string"]:
        return
    for name in request.query_params:
        if name not in known:
            shown = name[:64]
            raise UnknownParameter(
                f"The query parameter {shown!r} is not known here.", pointer=write_pointer(("query", shown))
            )
