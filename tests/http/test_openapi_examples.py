"""The examples of the OpenAPI document: every body and answer has one, and it is true to its schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest
from fastapi import FastAPI

from common.http.answers import HEADERS
from common.http.stack import EXPOSED_HEADERS
from tests.support.schemas import faults

JSON: Final = "application/json"


@pytest.fixture(scope="module")
def document(app: FastAPI) -> dict[str, Any]:
    """The document."""
    found: dict[str, Any] = app.openapi()
    return found


def contents(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every JSON body and answer, and every problem, by where it is."""
    answers = [(name, answer) for name, answer in document["components"]["responses"].items()]
    for path in document["paths"].values():
        for operation in path.values():
            name = operation["operationId"]
            answers.append((f"{name} body", operation.get("requestBody", {})))
            answers += [(f"{name} {status}", answer) for status, answer in operation["responses"].items()]
    for name, answer in answers:
        for media_type, content in answer.get("content", {}).items():
            if media_type == JSON or media_type.endswith("+json"):
                yield name, content


def untold(value: object) -> Iterator[str]:
    """Fields whose text is only their own name: nobody has said what they look like."""
    if isinstance(value, dict):
        yield from (name for name, part in value.items() if part == name)
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from untold(part)


def test_every_body_answer_and_problem_has_an_example_that_its_schema_accepts(document: dict[str, Any]) -> None:
    found = list(contents(document))

    assert len(found) > 200
    assert [name for name, content in found if not {"example", "examples"} & content.keys()] == []
    assert {
        name: wrong for name, content in found if (wrong := faults(document, content["schema"], content["example"]))
    } == {}


def test_examples_say_something(document: dict[str, Any]) -> None:
    assert {name: list(untold(content["example"])) for name, content in contents(document)
            if any(untold(content["example"]))} == {}  # fmt: skip


def test_a_page_of_another_origin_may_read_every_header_that_is_documented() -> None:
    """Browsers hide the others (https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name)."""
    assert HEADERS.keys() - set(EXPOSED_HEADERS) == {"WWW-Authenticate"}  # always the same
