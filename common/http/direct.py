"""The short way through a route: the endpoint called without FastAPI's machinery for what the route does not have.

For each request FastAPI opens two exit stacks, walks the tree of dependencies and sorts out bodies, forms, cookies,
generators and background tasks. Most routes that are asked often have none of these: they take a path, a query, and
what functions of ours find out. Those are known at the start and are called here; what they mean does not change:
the same fields validate the same parameters, and the same serializer writes the answer.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request, Response
from fastapi.datastructures import DefaultPlaceholder, QueryParams
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute, serialize_response

from common.http.written import Written

Handler = Callable[[Request], Awaitable[Response]]

# What a dependency may have that is left to FastAPI.
_FOREIGN: Final = (
    "header_params",
    "cookie_params",
    "body_params",
    "websocket_param_name",
    "http_connection_param_name",
    "background_tasks_param_name",
    "security_scopes_param_name",
    "concurrency",
)


_UNCHANGEABLE: Final = {type(None), bool, int, float, str, tuple}


@dataclass(frozen=True, slots=True)
class _Part:
    """An endpoint or one of its dependencies: what it is called with."""

    name: str
    call: Callable[..., Awaitable[Any]]
    request: str | None
    response: str | None
    path: tuple[Any, ...]
    query: tuple[Any, ...]
    defaults: Mapping[str, tuple[str, Any]]  # of query parameters, by what they are called in addresses: name and value
    parts: tuple[_Part, ...]
    needs_more: bool  # than the request and the response: validated parameters, or parts of its own


def direct_handler(route: APIRoute) -> Handler | None:
    """The route's handler without detours; None when the route has something that only FastAPI can do."""
    endpoint = _read(route.dependant, set(route.param_convertors))
    streams = route.stream_item_type is not None or inspect.isasyncgenfunction(route.endpoint)
    writes = route.response_field is not None and isinstance(route.response_class, DefaultPlaceholder)
    if endpoint is None or streams or route.body_field is not None or not (writes or _returns_response(route)):
        return None
    status = route.status_code or 200
    wants_response = _wants_response(endpoint)

    async def handle(request: Request) -> Response:
        # What dependencies and endpoint say in headers and status, as FastAPI's own `response` parameter.
        said = _silent() if wants_response else None
        errors: list[Any] = []
        arguments = await _arguments(endpoint, request, said, errors)
        if errors:
            raise RequestValidationError(errors)
        result = await endpoint.call(**arguments)
        if isinstance(result, Response):
            return result
        content = await _write(route, result)
        response = Written(content, status)
        if said is not None:
            response.status_code = said.status_code or status
            response.raw_headers.extend(said.raw_headers)
        return response

    return handle


def _read(dependant: Dependant, in_path: set[str]) -> _Part | None:
    call = dependant.call
    # getattr: a guard is an object whose __call__ is the coroutine function.
    is_async = inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(getattr(call, "__call__", None))  # noqa: B004
    if call is None or not is_async or any(getattr(dependant, name) for name in _FOREIGN):
        return None
    # What is found by its path has every parameter of it, once, as text: nothing is left to do but to validate it.
    if any(field.alias not in in_path for field in dependant.path_params):
        return None
    parts = [_read(part, in_path) for part in dependant.dependencies]
    known = tuple(part for part in parts if part is not None)
    if len(known) < len(parts):
        return None
    return _Part(
        dependant.name or "",
        call,
        dependant.request_param_name,
        dependant.response_param_name,
        tuple(dependant.path_params),
        tuple(dependant.query_params),
        _defaults_of(dependant.query_params),
        known,
        bool(dependant.path_params or dependant.query_params or known),
    )


def _defaults_of(fields: Iterable[Any]) -> dict[str, tuple[str, Any]]:
    """What parameters are that an address leaves out, as FastAPI itself says, where nobody can change it: most lists
    have a dozen of these, and are asked with one or two."""
    found = dict[str, tuple[str, Any]]()
    for field in fields:
        values, faults = request_params_to_args([field], QueryParams())
        value = values.get(field.name, ...)
        if not faults and type(value) in _UNCHANGEABLE:
            found[field.alias] = (field.name, value)
    return found


async def _arguments(part: _Part, request: Request, said: Response | None, errors: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for inner in part.parts:
        before = len(errors)
        arguments = await _arguments(inner, request, said, errors) if inner.needs_more else _given(inner, request, said)
        if len(errors) == before:
            found[inner.name] = await inner.call(**arguments)
    for field in part.path:
        value, faults = field.validate(request.path_params[field.alias], loc=("path", field.alias))
        if faults:
            errors += faults
        else:
            found[field.name] = value
    if part.query:
        given = request.query_params
        found.update(value for alias, value in part.defaults.items() if alias not in given)
        asked = [field for field in part.query if field.alias not in part.defaults or field.alias in given]
        values, faults = request_params_to_args(asked, given)
        found.update(values)
        errors += faults
    return {**found, **_given(part, request, said)}


def _given(part: _Part, request: Request, said: Response | None) -> dict[str, Any]:
    """What is there without a look into the request."""
    given: dict[str, Any] = {}
    if part.request is not None:
        given[part.request] = request
    if part.response is not None:
        given[part.response] = said
    return given


async def _write(route: APIRoute, result: Any) -> bytes:
    written: bytes = await serialize_response(
        field=route.response_field,
        response_content=result,
        include=route.response_model_include,
        exclude=route.response_model_exclude,
        by_alias=route.response_model_by_alias,
        exclude_unset=route.response_model_exclude_unset,
        exclude_defaults=route.response_model_exclude_defaults,
        exclude_none=route.response_model_exclude_none,
        dump_json=True,
    )
    return written


def _silent() -> Response:
    response = Response()
    del response.headers["content-length"]
    response.status_code = None  # type: ignore[assignment] # nothing was said yet
    return response


def _wants_response(part: _Part) -> bool:
    return part.response is not None or any(_wants_response(inner) for inner in part.parts)


def _returns_response(route: APIRoute) -> bool:
    annotation = inspect.signature(route.endpoint, eval_str=True).return_annotation
    return inspect.isclass(annotation) and issubclass(annotation, Response)
