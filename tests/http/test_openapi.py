"""The OpenAPI document: complete, true to the routes, and off when it should be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from manage.openapi import render_openapi
from serving.route import Route, guard_of
from tests.support.apps import running
from tests.support.servers import Servers
from tests.support.source import ROOT
from tests.support.world import API

METHODS: Final = ("get", "put", "post", "patch", "delete")


@dataclass(frozen=True)
class Documented:
    """One operation as the document has it."""

    method: str
    path: str
    spec: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method.upper()} {self.path}"


@pytest.fixture(scope="module")
async def document(http: httpx.AsyncClient) -> dict[str, Any]:
    """The document as clients get it."""
    answer = await http.get("/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(scope="module")
def operations(document: dict[str, Any]) -> list[Documented]:
    """All of its operations."""
    return [
        Documented(method, path, item[method])
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    ]


def references(node: object) -> Iterator[str]:
    """Every ``$ref`` below a node."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from references(part)


def test_the_document_has_exactly_the_routes(app: FastAPI, operations: list[Documented]) -> None:
    served = {
        (method.lower(), context.path)
        for context in iter_route_contexts(app.routes)
        if (context.path or "").startswith(API)
        for method in context.methods or ()
    }

    documented = {(operation.method, operation.path) for operation in operations if operation.path.startswith(API)}
    assert documented == served


def test_the_form_of_the_document(document: dict[str, Any]) -> None:
    """OpenAPI 3.1 section 4.8: what must be there, and every reference leads somewhere."""
    assert re.fullmatch(r"3\.1\.\d", document["openapi"])
    assert {"title", "version"} <= document["info"].keys()
    for reference in references(document):
        assert reference.startswith("#/"), reference
        node: Any = document
        for part in reference[2:].split("/"):
            node = node[part.replace("~1", "/").replace("~0", "~")]
        assert isinstance(node, dict)


def test_every_schema_is_used(document: dict[str, Any]) -> None:
    used = {reference.rsplit("/", 1)[1] for reference in references(document)}

    assert document["components"]["schemas"].keys() - used == set()


def test_every_operation_has_a_tag_a_summary_and_a_name_of_its_own(operations: list[Documented]) -> None:
    for operation in operations:
        assert len(operation.spec["tags"]) == 1, operation.name
        assert 3 <= len(operation.spec["summary"]) <= 60, operation.name
        assert re.fullmatch(r"[a-z][a-z_]+", operation.spec["operationId"]), operation.name
    names = [operation.spec["operationId"] for operation in operations]
    assert len(names) == len(set(names))


def test_what_is_published_keeps_its_name(operations: list[Documented]) -> None:
    """Clients are generated with these names. A new operation is added to the file; a line that is changed or taken out
    breaks programs, and belongs into a new major version."""
    published = (Path(__file__).parent / "published_operations.txt").read_text().splitlines()

    assert published == sorted(published)
    assert {f"{one.spec['operationId']} = {one.name}" for one in operations} == set(published)


def test_the_file_is_up_to_date() -> None:
    """When this fails, run ``make openapi``."""
    assert (ROOT / "docs/openapi.json").read_text(encoding="utf-8") == render_openapi()


def test_an_operation_is_named_like_its_function(app: FastAPI, document: dict[str, Any]) -> None:
    for context in iter_route_contexts(app.routes):
        spec = document["paths"].get(context.path or "", {})
        for method in context.methods or ():
            if method.lower() in spec:
                assert spec[method.lower()]["operationId"] == getattr(context.endpoint, "__name__", None), context.path


def test_the_path_s_parameters_are_documented(operations: list[Documented]) -> None:
    for operation in operations:
        documented = {item["name"] for item in operation.spec.get("parameters", []) if item["in"] == "path"}
        assert documented == set(re.findall(r"{(\w+)}", operation.path)), operation.name


def test_errors_are_documented_as_problems(document: dict[str, Any], operations: list[Documented]) -> None:
    shared = {f"#/components/responses/{name}": answer for name, answer in document["components"]["responses"].items()}
    for operation in operations:
        for status, response in operation.spec["responses"].items():
            if operation.path.startswith(API) and int(status) >= 400:
                told = shared[response["$ref"]] if "$ref" in response else response
                assert list(told["content"]) == ["application/problem+json"], (operation.name, status)


def test_every_error_that_says_when_to_try_again_is_documented_with_the_header(document: dict[str, Any]) -> None:
    shared = document["components"]["responses"]

    for name in ("TooManyRequests", "ServiceUnavailable"):
        assert "Retry-After" in shared[name]["headers"]
    assert "WWW-Authenticate" in shared["Unauthorized"]["headers"]
    assert all("X-Request-ID" in answer["headers"] for answer in shared.values())


def test_every_tag_is_described_and_used(document: dict[str, Any], operations: list[Documented]) -> None:
    described = {tag["name"]: tag["description"] for tag in document["tags"]}

    assert described.keys() == {tag for operation in operations for tag in operation.spec["tags"]}
    assert all(described.values())


def test_every_operation_says_what_it_does(operations: list[Documented]) -> None:
    assert {one.name for one in operations if not one.spec.get("description")} == {"GET /"}  # its summary does


def test_the_refusals_of_a_guard_are_documented(app: FastAPI, document: dict[str, Any]) -> None:
    for context in iter_route_contexts(app.routes):
        if not isinstance(context.original_route, Route):
            continue
        guard = guard_of(context.original_route)
        for method in context.methods or ():
            spec = document["paths"][context.path or ""][method.lower()]
            assert {str(status) for status in guard.documented_statuses} <= spec["responses"].keys(), context.path
            assert {name for way in spec["security"] for name in way} == {
                *guard.documented_security,
                *(["Tenant"] if guard.takes_tenant_header else []),
            }, context.path


def test_the_ways_in_are_described(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    used = {
        name
        for path in document["paths"].values()
        for one in path.values()
        for way in one.get("security", [])
        for name in way
    }

    assert used <= schemes.keys()
    assert schemes["Tenant"]["name"] == "X-Tenant-ID"
    assert schemes["AccessToken"]["scheme"] == "bearer"


def test_every_body_shows_an_example_of_every_field_that_must_be_given(
    document: dict[str, Any], operations: list[Documented]
) -> None:
    schemas = document["components"]["schemas"]
    bodies = [
        one.spec["requestBody"]["content"]["application/json"]["schema"]
        for one in operations
        if "application/json" in one.spec.get("requestBody", {}).get("content", {})
    ]

    assert len(bodies) >= 5
    for body in bodies:
        schema = schemas[body["$ref"].rsplit("/", 1)[1]] if "$ref" in body else body
        for name in schema.get("required", []):
            field = schema["properties"][name]
            assert "examples" in field or "$ref" in field, (schema.get("title"), name)


def test_every_body_refuses_unknown_fields(document: dict[str, Any], operations: list[Documented]) -> None:
    for operation in operations:
        for reference in references(operation.spec.get("requestBody", {})):
            schema = document["components"]["schemas"][reference.rsplit("/", 1)[1]]
            assert schema["additionalProperties"] is False, operation.name


def test_no_hash_and_no_secret_is_part_of_an_answer(document: dict[str, Any]) -> None:
    user = document["components"]["schemas"]["User"]["properties"]

    assert [name for name in user if "password" in name or "hash" in name or "secret" in name] == []
    assert "password_hash" not in json.dumps(document)


async def test_the_documentation_can_be_switched_off(servers: Servers) -> None:
    async with running(servers.config(servers.new_database(), docs_enabled=False)) as (_, http):
        for path in ("/docs", "/redoc", "/openapi.json", "/docs/assets/swagger-ui.css"):
            assert (await http.get(path)).status_code == 404, path
        assert (await http.get("/")).json()["docs"] is None
        assert (await http.get("/health")).status_code == 200


HEADERS: Final = {
    "If-Match": {"post", "put", "patch", "delete"},
    "If-None-Match": {"get"},
    "Idempotency-Key": {"post"},
}
# What clients must expect beside what the guards refuse.
ALSO: Final = {
    "login": {401, 413, 429},
    "refresh": {401, 429},
    "change_password": {429},
    "delete_totp": {429},
    "verify_tenant": {429},
    "verify_email": {409, 429},
    "accept_invitation": {409, 429},
    "initialize_tenant": {409},
    "clone_tenant": {409},
    "import_tenant": {409, 413},
    "import_users": {413},
    "delete_platform_tenant": {204, 412},
    "get_audit_checkpoint": {409},
    "get_platform_audit_checkpoint": {409},
    "get_setting": {304},
    "get_public_settings": {304},
    "get_flag_definition": {304},
    "put_system_setting": {412},
}


def test_the_answers_that_an_operation_can_give_are_documented(operations: list[Documented]) -> None:
    found = {operation.spec["operationId"]: {int(status) for status in operation.spec["responses"] if status.isdigit()}
             for operation in operations}  # fmt: skip

    assert {name: statuses - found[name] for name, statuses in ALSO.items() if statuses - found[name]} == {}


def test_conditions_and_repetitions_are_documented_where_they_mean_something(operations: list[Documented]) -> None:
    """A header, and the answer that it can bring."""
    counts = dict.fromkeys(HEADERS, 0)
    for operation in operations:
        headers = {item["name"] for item in operation.spec.get("parameters", []) if item["in"] == "header"}
        statuses = operation.spec["responses"].keys()
        if not operation.path.startswith(API):
            continue
        for name in headers & HEADERS.keys():
            assert operation.method in HEADERS[name], (operation.name, name)
            counts[name] += 1
        assert ("If-Match" in headers) <= ("412" in statuses), operation.name
        assert ("If-None-Match" in headers) == ("304" in statuses), operation.name
        if operation.method == "post" and "201" in statuses:
            is_file = operation.path.endswith("/import")
            assert ("Idempotency-Key" in headers) != is_file, operation.name
            assert "409" in statuses, operation.name
    assert counts["If-Match"] >= 15
    assert counts["If-None-Match"] >= 10
    assert counts["Idempotency-Key"] >= 11
