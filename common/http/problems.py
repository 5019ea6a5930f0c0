"""Errors as answers: ``application/problem+json`` (RFC 9457), always of one shape, never with an inside view.

``STATUSES`` is the one place where a meaning gets its HTTP status.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from common.errors import (
    Conflict,
    FileTooLarge,
    FileTypeRefused,
    Forbidden,
    InvalidRequest,
    NotFound,
    RangeNotSatisfiable,
    ServiceError,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    Unprocessable,
    UploadStalled,
    VersionConflict,
)
from common.http.dispatch import is_meant
from common.http.head import with_head
from common.http.headers import read_path


class FieldProblem(BaseModel):
    """One fault in a request: where it is (RFC 6901 pointer), a stable code, and a sentence."""

    pointer: str = Field(examples=["/body/email"])
    code: str = Field(examples=["missing"])
    message: str = Field(examples=["Field required"])


class Problem(BaseModel):
    """An error answer, ``application/problem+json`` (RFC 9457). Switch on ``code``: it is stable."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["There is nothing here by that name."])
    instance: str = Field(examples=["/api/v1/users/01a2070b-d702-75af-a80e-ace08e3a517f"])
    code: str = Field(examples=["not_found"])
    request_id: str = Field(examples=["01a2070b-d702-75af-a80e-ace08e3a517f"])
    errors: list[FieldProblem] | None = Field(default=None, description="Only with status 422.")


MEDIA_TYPE: Final = "application/problem+json"

Form = Callable[[str, int, str, str], tuple[int, Mapping[str, Any]]]
"""How a protocol of its own wants errors told: from path, status, code and detail, a status and a JSON body."""

STATUSES: Final[Mapping[type[ServiceError], int]] = {
    InvalidRequest: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    UploadStalled: 408,
    Conflict: 409,
    VersionConflict: 412,
    FileTooLarge: 413,
    FileTypeRefused: 415,
    RangeNotSatisfiable: 416,
    Unprocessable: 422,
    TooManyRequests: 429,
    Unavailable: 503,
}

# What Starlette and FastAPI raise by themselves, before any code of ours is reached.
FRAMEWORK_CODES: Final[Mapping[int, tuple[str, str]]] = {
    400: ("bad_request", "The request could not be understood."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not have that method; see Allow."),
    408: ("body_stalled", "The body stood still, or came too slowly. Nothing of it was kept."),
    413: ("body_too_large", "The body is larger than this address accepts."),
    414: ("target_too_long", "The address is longer than this service reads."),
    415: ("unsupported_media_type", "The body must be JSON with Content-Type: application/json, not compressed."),
    431: ("headers_too_large", "The headers are larger, or more, than this service reads."),
}
# What is answered without any exception to say it.
OWN_CODES: Final[Mapping[int, Sequence[tuple[str, str]]]] = {
    422: [("validation_failed", "The request has invalid fields; see errors.")],
    500: [("internal_error", "Something went wrong on our side. The request id helps us find it.")],
}


def problem(
    request: Request,
    status: int,
    code: str,
    detail: str,
    *,
    errors: Sequence[Mapping[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """One error answer, in the form that its path asks for."""
    form = _form_of(request)
    if form is not None:
        told, content = form(request.scope["path"], status, code, detail)
        return Response(json.dumps(content), told, headers, "application/json")
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": read_path(request.scope),
        "code": code,
        "request_id": request.scope.get("state", {}).get("request_id", ""),
    }
    if errors is not None:
        body["errors"] = list(errors)
    # ASCII only: a field's name may hold what UTF-8 cannot.
    return Response(json.dumps(body), status, headers, MEDIA_TYPE)


def status_of(kind: type[ServiceError]) -> int:
    """The HTTP status of an expected failure: that of the nearest branch of the tree."""
    return next(STATUSES[branch] for branch in kind.__mro__ if branch in STATUSES)


def answer_service_error(request: Request, error: Exception) -> Response:
    """Turn an expected failure into its answer."""
    assert isinstance(error, ServiceError)
    status = status_of(type(error))
    headers: dict[str, str] = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    errors = None
    if status == 422:
        errors = [asdict(fault) for fault in error.faults] or [
            {"pointer": error.pointer or "/body", "code": error.reason, "message": error.detail}
        ]
    return problem(request, status, error.code, error.detail, errors=errors, headers=headers)


def answer_validation_error(request: Request, error: Exception) -> Response:
    """Turn pydantic's findings into pointers, codes and sentences; the offending input itself is not echoed."""
    assert isinstance(error, RequestValidationError)
    errors = [
        {"pointer": _pointer(item["loc"], item["type"]), "code": item["type"], "message": item["msg"]}
        for item in error.errors()
    ]
    return problem(request, 422, *OWN_CODES[422][0], errors=errors)


def answer_http_exception(request: Request, error: Exception) -> Response:
    """Turn the framework's own refusals into problems, keeping their headers."""
    assert isinstance(error, HTTPException)
    code, detail = FRAMEWORK_CODES.get(error.status_code, ("http_error", HTTPStatus(error.status_code).phrase))
    headers = {"Allow": _allowed(request)} if error.status_code == 405 else error.headers
    return problem(request, error.status_code, code, detail, headers=headers)


def _allowed(request: Request) -> str:
    """Every method of the address (RFC 9110 section 10.2.1). The framework names those of one route only."""
    routes = iter_route_contexts(request.app.routes)
    matching = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    matching = [route for route in matching if is_meant(request.scope, route.path or "")]
    return ", ".join(sorted(with_head({method for route in matching for method in route.methods or ()})))


def answer_internal_error(request: Request) -> Response:
    """All that anybody outside learns of a defect: its request id, by which the log has the rest."""
    return problem(request, 500, *OWN_CODES[500][0])


def _form_of(request: Request) -> Form | None:
    app = request.scope.get("app")
    forms: Mapping[str, Form] = getattr(app.state, "problem_forms", {}) if app is not None else {}
    path: str = request.scope["path"]
    return next((form for prefix, form in forms.items() if path.startswith(prefix)), None)


def add_problem_handlers(app: FastAPI, forms: Mapping[str, Form] | None = None) -> None:
    """Have every failure answered as a problem, or below the paths of ``forms`` in a form of their own."""
    app.state.problem_forms = forms or {}
    app.add_exception_handler(ServiceError, answer_service_error)
    app.add_exception_handler(RequestValidationError, answer_validation_error)
    app.add_exception_handler(HTTPException, answer_http_exception)


def write_pointer(parts: Sequence[int | str]) -> str:
    """The RFC 6901 pointer that these names and indexes make."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _pointer(location: Sequence[int | str], kind: str) -> str:
    """A pointer into the request. A JSON syntax error's location is a character, not a field."""
    return write_pointer(location[:1] if kind == "json_invalid" else location)
