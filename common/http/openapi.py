"""The OpenAPI document: FastAPI's own, plus what all operations share (problems, credentials, the tenant header)."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from common.http.problems import MEDIA_TYPE, FieldProblem, Problem

_REFERENCE: Final = "#/components/schemas/{model}"

SECURITY_SCHEMES: Final = {
    "AccessToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "`access_token` of `POST /api/v1/auth/login`.",
    },
    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "For programs."},
    "PlatformKey": {"type": "apiKey", "in": "header", "name": "X-Platform-Key", "description": "For operators."},
    "Tenant": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Tenant-ID",
        "description": "Not a secret: the tenant the request is about, `tenant_acme` or `acme`.",
    },
}


BINARY: Final[dict[str, Any]] = {"type": "string", "format": "binary"}
NOT_MODIFIED: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "Not Modified"}}


def problem_responses(statuses: Iterable[int]) -> dict[int | str, dict[str, Any]]:
    """The error answers of an operation, for its ``responses``."""
    content = {MEDIA_TYPE: {"schema": {"$ref": _REFERENCE.format(model="Problem")}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in sorted(statuses)}


def security(schemes: Iterable[str], *, tenant: bool) -> list[dict[str, list[str]]]:
    """The ways in: one of the credentials, each together with the tenant header where that is required."""
    with_tenant: dict[str, list[str]] = {"Tenant": []} if tenant else {}
    return [{name: [], **with_tenant} for name in schemes] or ([with_tenant] if tenant else [])


def add_openapi(app: FastAPI) -> None:
    """Have ``app.openapi()`` answer the complete document, made once."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _complete(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way to extend the document


def _complete(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for model in (Problem, FieldProblem):
        schema = model.model_json_schema(ref_template=_REFERENCE)
        schema.pop("$defs", None)
        schemas[model.__name__] = schema
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["securitySchemes"] = SECURITY_SCHEMES
    return document
