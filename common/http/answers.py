"""What the OpenAPI document says of answers beside their bodies: their headers, and the errors that all operations
share, each written once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from common.http.problems import FRAMEWORK_CODES, MEDIA_TYPE, OWN_CODES, STATUSES

Json = dict[str, Any]

_ID: Final = "01a2070b-d702-75af-a80e-ace08e3a517f"
# Names and sentences are ours, because those of http.HTTPStatus differ between Python's versions.
ERRORS: Final[Mapping[int, tuple[str, str]]] = {
    400: ("Bad Request", "The request cannot be understood, or its tenant header is missing or malformed."),
    401: ("Unauthorized", "There is no credential, or none that is valid (any more)."),
    403: ("Forbidden", "A permission is missing, or the tenant is suspended or not the credential's."),
    404: ("Not Found", "There is no such thing, or the caller may not know of it."),
    408: ("Request Timeout", "The body did not arrive in time."),
    409: ("Conflict", "The request contradicts what is stored, or the same one is still being handled."),
    412: ("Precondition Failed", "It was changed since: `If-Match` names another version."),
    413: ("Content Too Large", "The body is larger than this operation accepts."),
    415: ("Unsupported Media Type", "A body of this type is not accepted."),
    416: ("Range Not Satisfiable", "The file has no such range."),
    422: ("Unprocessable Content", "Fields or parameters are invalid: `errors` says which, and why."),
    429: ("Too Many Requests", "Too many tries: the next one is worth it after `Retry-After`."),
    503: ("Service Unavailable", "It cannot be answered now, and nothing was changed: again after `Retry-After`."),
}

# Where that is not the error of this status that comes first.
_TYPICAL: Final = {413: FRAMEWORK_CODES[413], 422: OWN_CODES[422][0]}
_TEXT: Final = {"type": "string"}
HEADERS: Final[Mapping[str, Json]] = {
    "X-Request-ID": {
        "description": "The request's id, as given or made; support and the log know it.",
        "schema": {**_TEXT, "examples": [_ID]},
    },
    "ETag": {
        "description": "The version of what is answered, for `If-Match` and `If-None-Match`.",
        "schema": {**_TEXT, "examples": ['"v3"']},
    },
    "Location": {
        "description": "Where the new resource is.",
        "schema": {**_TEXT, "format": "uri-reference", "examples": [f"/api/v1/tools/notes/{_ID}"]},
    },
    "Link": {
        "description": "The next page (RFC 8288), unless this is the last one.",
        "schema": {**_TEXT, "examples": ['</api/v1/tools/notes?cursor=...>; rel="next"']},
    },
    "Idempotency-Replayed": {
        "description": "`true` on the stored answer to a repeated `Idempotency-Key`.",
        "schema": {**_TEXT, "const": "true"},
    },
    "Content-Disposition": {
        "description": "The file's name (RFC 6266).",
        "schema": {**_TEXT, "examples": ['attachment; filename="users.csv"']},
    },
    "WWW-Authenticate": {
        "description": "RFC 9110 section 11.6.1.",
        "schema": {**_TEXT, "examples": ["Bearer"]},
    },
    "Retry-After": {
        "description": "Seconds to wait before the next try.",
        "schema": {"type": "integer", "minimum": 0, "examples": [2]},
    },
    "RateLimit": {
        "description": "Where tries are counted: how many are left, and in how many seconds all are there again.",
        "schema": {**_TEXT, "examples": ['"login";r=4;t=60']},
    },
    "RateLimit-Policy": {
        "description": "Where tries are counted: so many in so many seconds.",
        "schema": {**_TEXT, "examples": ['"login";q=5;w=60']},
    },
}
_LIMITED: Final = ("RateLimit", "RateLimit-Policy")
_OF_ERRORS: Final = {401: ("WWW-Authenticate",), 429: ("Retry-After", *_LIMITED), 503: ("Retry-After",)}


def named_file(*more: str) -> Json:
    """The headers of a file that is sent with a name, for an operation's ``responses``."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("Content-Disposition", *more)}


def share_problems(document: Json) -> None:
    """Write each error answer once, with headers and an example, and have the operations refer to it. One that an
    operation describes in words of its own stays where it is, and gets the same."""
    shared = document["components"].setdefault("responses", {})
    for operation in operations_of(document):
        for status, answer in operation["responses"].items():
            if list(answer.get("content", {})) != [MEDIA_TYPE]:
                continue
            title, description = ERRORS[int(status)]
            answer["content"][MEDIA_TYPE]["example"] = _problem(int(status))
            answer["headers"] = _references(*_OF_ERRORS.get(int(status), ()))
            if answer["description"] == description:
                name = title.replace(" ", "")
                shared[name] = answer
                operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}


def _problem(status: int) -> Json:
    code, detail = _typical(status)
    told = {"type": "about:blank", "title": ERRORS[status][0], "status": status, "detail": detail}
    found: Json = {**told, "instance": f"/api/v1/tools/notes/{_ID}", "code": code, "request_id": _ID}
    if status == 422:
        found["errors"] = [{"pointer": "/body/title", "code": "missing", "message": "Field required"}]
    return found


def _typical(status: int) -> tuple[str, str]:
    """The code and the sentence of the plainest error of this status."""
    if status in _TYPICAL:
        return _TYPICAL[status]
    return next((kind.code, kind.default_detail) for kind, number in STATUSES.items() if number == status)


def add_headers(document: Json) -> None:
    """Say which headers the answers carry, as far as that follows from what the document says already."""
    document["components"]["headers"] = dict(HEADERS)
    schemas = document["components"]["schemas"]
    for operation in operations_of(document):
        asked = {item["name"] for item in operation.get("parameters", ()) if item["in"] == "header"}
        limited = "429" in operation["responses"]
        for status, answer in operation["responses"].items():
            if "$ref" not in answer:
                names = [
                    *_of_success(status, answer, asked, schemas),
                    *(_LIMITED if limited and status < "400" else ()),
                ]
                answer["headers"] = _references(*names) | answer.get("headers", {})


def _of_success(status: str, answer: Json, asked: set[str], schemas: Mapping[str, Json]) -> Iterable[str]:
    if status == "304":
        return ["ETag"]
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    fields = schemas.get(schema.get("$ref", "").rpartition("/")[2], {}).get("properties", {})
    found = ["Location"] if status == "201" else []
    is_tagged = bool(asked & {"If-None-Match", "If-Match"}) or "version" in fields
    if status in {"200", "201", "202", "206"} and is_tagged and answer.get("content"):
        found.append("ETag")
    if "next_cursor" in fields:
        found.append("Link")
    return [*found, *(["Idempotency-Replayed"] if status == "201" and "Idempotency-Key" in asked else [])]


def _references(*names: str) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-ID", *names)}


def operations_of(document: Json) -> list[Json]:
    """Every operation of the document."""
    return [operation for path in document["paths"].values() for operation in path.values()]
