"""What the scanners attack: one good request for every operation of docs/openapi.json, with marks where it may hurt.

Each is answered with yes, and each list's filters choose rows that are there: a condition that was smuggled in could
otherwise change nothing that a scanner sees.
"""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

MARK: Final = "*"  # behind a value: sqlmap attacks it, wherever it stands
JSON: Final = "application/json"
MOMENT: Final = "2026-01-02T03:04:05Z"


@dataclass(frozen=True)
class Question:
    """One request. ``path`` has marks; ``content`` is a body that is no JSON, with marks of its own."""

    name: str
    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    content: str = ""

    @property
    def target(self) -> str:
        """Path and query, without marks."""
        return self.path.replace(MARK, "") + (f"?{urlencode(self.query)}" if self.query else "")

    @property
    def sent(self) -> str:
        """The body as text, without marks."""
        return json.dumps(self.body) if self.body is not None else self.content.replace(MARK, "")

    @property
    def has_places(self) -> bool:
        """Whether there is anything to attack."""
        return bool(self.query or self.body or self.content or MARK in self.path + "".join(self.headers.values()))

    def raw(self, host: str) -> str:
        """As it goes over the line, with marks."""
        target = self.path + (f"?{urlencode(self.query)}" if self.query else "")
        body = json.dumps(self.body) if self.body is not None else self.content
        length = {"Content-Length": str(len(body.encode()))} if body else {}
        lines = [f"{name}: {value}" for name, value in {"Host": host, **self.headers, **length}.items()]
        return "\r\n".join([f"{self.method} {target} HTTP/1.1", *lines, "", body])


def marked(template: str, path: str, names: Container[str]) -> str:
    """A path with a mark behind what stands for these names in braces."""
    parts = zip(template.split("/"), path.split("/"), strict=True)
    return "/".join(part + MARK if named.partition("}")[0][1:] in names else part for named, part in parts)


def resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a schema comes down to: references followed, the first of several, null left out, an array's items."""
    while True:
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        elif "anyOf" in schema:
            schema = next(one for one in schema["anyOf"] if one.get("type") != "null")
        elif schema.get("type") == "array":
            schema = schema["items"]
        else:
            return schema


def is_text(schema: Mapping[str, Any]) -> bool:
    """Whether a value gets further than to the parser of numbers, moments, ids or choices."""
    return schema.get("type") == "string" and not schema.keys() & {"format", "enum", "const"}


def plain_value(schema: Mapping[str, Any], an_id: str) -> str:
    """A valid value of a parameter that is no text."""
    if "enum" in schema:
        return str(schema["enum"][0])
    if schema.get("type") in {"integer", "number"}:
        return str(schema.get("minimum", 1))
    if schema.get("type") == "boolean":
        return "false"
    return {"uuid": an_id, "date-time": MOMENT, "date": MOMENT[:10]}.get(
        schema.get("format", ""), str(schema.get("const", "a"))
    )


def in_log(questions: list[Question], host: str) -> str:
    """The requests in one file, as the proxy Burp writes them, which sqlmap reads."""
    line = "=" * 54
    return "".join(
        f"{line}\r\n12:00:00  http://{host}  [127.0.0.1]\r\n{line}\r\n{question.raw(host)}\r\n{line}\r\n\r\n\r\n"
        for question in questions
    )


def as_given(questions: list[Question], address: str) -> str:
    """The requests in one file of JSON, which ``tests/scanners/wapiti_given.py`` reads."""
    return json.dumps(
        [
            {
                "method": question.method,
                "url": address + question.target,
                "body": question.sent,
                "type": question.headers.get("Content-Type", JSON if question.body is not None else ""),
            }
            for question in questions
        ]
    )
