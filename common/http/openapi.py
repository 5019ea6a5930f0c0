"""The OpenAPI document: FastAPI's own, plus what all operations share (problems, credentials, the tenant header)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from common.http.answers import ERRORS, add_headers, share_problems
from common.http.examples import add_examples
from common.http.problems import MEDIA_TYPE, FieldProblem, Problem

_REFERENCE: Final = "#/components/schemas/{model}"

# What holds for every operation, told once at the head of the document.
COMMON_RULES: Final = """\
- **Tenant.** Every request below `/api/v1` names its tenant in `X-Tenant-ID`, except those below `/platform`.
- **Credentials.** `Authorization: Bearer` with the access token of a login, or `X-API-Key`; never both.
- **Errors** are `application/problem+json` (RFC 9457). Switch on `code`, which is stable; `detail` is for people.
- **Lists** answer `items` and `next_cursor`: send that as `cursor` for the next page, until it is null.
- **Concurrency.** A resource has a `version` and an `ETag`; a change with `If-Match` is 412 when somebody was faster.
- **Repetition.** A creating POST with an `Idempotency-Key` can be sent again: it gets the first one's answer.
- **Waiting.** 429 and 503 say in `Retry-After` when the next try is worth it.
- Times are RFC 3339 in UTC, ids are UUIDs, and a field or parameter nobody knows is 422.
"""

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


SERVICE_TAG: Final = {
    "name": "service",
    "description": "What this is, and whether it is well. Open to all.",
}
BINARY: Final[dict[str, Any]] = {"type": "string", "format": "binary"}
NOT_MODIFIED: Final[dict[int | str, dict[str, Any]]] = {304: {"description": "The caller has it already."}}


@dataclass(frozen=True, slots=True)
class Documentation:
    """What a module tells readers of the document: its tags in the order they are shown, and what examples say (see
    ``common.http.examples``)."""

    tags: Mapping[str, str]
    examples: Mapping[str, Any]


def problem_responses(statuses: Iterable[int]) -> dict[int | str, dict[str, Any]]:
    """The error answers of an operation, for its ``responses``."""
    content = {MEDIA_TYPE: {"schema": {"$ref": _REFERENCE.format(model="Problem")}}}
    return {status: {"description": ERRORS[status][1], "content": content} for status in sorted(statuses)}


def security(schemes: Iterable[str], *, tenant: bool) -> list[dict[str, list[str]]]:
    """The ways in: one of the credentials, each together with the tenant header where that is required."""
    with_tenant: dict[str, list[str]] = {"Tenant": []} if tenant else {}
    return [{name: [], **with_tenant} for name in schemes] or ([with_tenant] if tenant else [])


def add_openapi(app: FastAPI, modules: Sequence[Documentation] = ()) -> None:
    """Have ``app.openapi()`` answer the complete document, made once, with what the modules tell of themselves."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _complete(app, modules)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way to extend the document


def _complete(app: FastAPI, modules: Sequence[Documentation]) -> dict[str, Any]:
    tags = [{"name": name, "description": text} for module in modules for name, text in module.tags.items()]
    document = _with_plain_names(
        get_openapi(
            title=app.title,
            version=app.version,
            description=f"{app.description}\n\n{COMMON_RULES}",
            routes=app.routes,
            tags=[SERVICE_TAG, *tags],
        )
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
    add_examples(document, {name: value for module in modules for name, value in module.examples.items()})
    share_problems(document)
    add_headers(document)
    return document


def _with_plain_names(document: dict[str, Any]) -> dict[str, Any]:
    """``NotePage`` for pydantic's ``Page_Note_`` and ``Page[Note]``: generated clients have types of these names."""
    generic = re.compile(r"\bPage(?:_(\w+?)_|\[(\w+)\])(?=\")")
    renamed: dict[str, Any] = json.loads(generic.sub(r"\1\2Page", json.dumps(document)))
    return renamed
