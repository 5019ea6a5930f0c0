"""What the documentation of an operation says of the headers that mean something to it, and of its answers."""

from __future__ import annotations

from typing import Any, Final

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel

from common.http.openapi import NOT_MODIFIED, problem_responses
from database import ReadUnit, WriteUnit
from serving.guards import Guard
from serving.providers import reply

Header = dict[str, Any]
Responses = dict[int | str, dict[str, Any]]


def _header(name: str, example: str, description: str) -> Header:
    schema = {"type": "string", "examples": [example]}
    return {"name": name, "in": "header", "required": False, "schema": schema, "description": description}


IF_MATCH: Final = _header("If-Match", '"v3"', "The ETag that the change is meant for; another version is 412.")
IF_NONE_MATCH: Final = _header("If-None-Match", '"v3"', "ETags that the caller has: one that is still right is 304.")
IDEMPOTENCY_KEY: Final = _header(
    "Idempotency-Key", "3f1c9a52", "Any text. The same again within 24 hours gets the same answer, and nothing new."
)


def headers_of(route: APIRoute, unit: type[ReadUnit] | None) -> list[Header]:
    """The headers that mean something to an operation."""
    replies = any(part.call is reply for part in route.dependant.dependencies)
    methods = route.methods or set()
    if replies and route.status_code != 201 and methods & {"POST", "PUT", "PATCH", "DELETE"}:
        return [IF_MATCH]
    if "GET" in methods and (304 in route.responses or (replies and _is_versioned(route))):
        return [IF_NONE_MATCH]
    return [IDEMPOTENCY_KEY] if creates_once(route, unit) else []


def creates_once(route: APIRoute, unit: type[ReadUnit] | None) -> bool:
    """Whether a repeated ``Idempotency-Key`` is answered from storage. Not where the body is a file, which nobody
    wants to hold in memory to compare it."""
    return route.status_code == 201 and (unit is WriteUnit or _takes_body(route.dependant))


def responses_of(route: APIRoute, guard: Guard, unit: type[ReadUnit] | None, headers: list[Header]) -> Responses:
    """The answers beside the one that everybody hopes for."""
    statuses = set(guard.documented_statuses) | ({404} if "{" in route.path else set())
    if unit is WriteUnit:
        statuses |= {409} if route.status_code == 201 else {409, 412}
    if creates_once(route, unit):
        statuses.add(409)
    if IF_MATCH in headers:
        statuses.add(412)
    if _takes_body(route.dependant) or "requestBody" in (route.openapi_extra or {}):
        statuses |= {408, 413, 415}
    found = problem_responses(statuses)
    return found | NOT_MODIFIED if IF_NONE_MATCH in headers else found


def _is_versioned(route: APIRoute) -> bool:
    model = route.response_model
    return isinstance(model, type) and issubclass(model, BaseModel) and "version" in model.model_fields


def _takes_body(dependant: Dependant) -> bool:
    return bool(dependant.body_params) or any(_takes_body(part) for part in dependant.dependencies)
