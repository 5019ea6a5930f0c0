"""Examples for the OpenAPI document: of every JSON body and answer, put together from the examples of their fields.

A field has its example from what was told about it by name, else from its own declaration, else from its type; one
that may be null and has no example is null. Ids are made from the noun they name, so that the `task_id` of a comment
is the `id` of the task.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

Schema = Mapping[str, Any]

JSON: Final = "application/json"
MOMENT: Final = "2026-11-30T09:30:00Z"
# Before the digits that a noun decides: a UUIDv7 of that day.
_ID: Final = "01a2070b-d702-75af-a80e-"
_PLAIN: Final[Mapping[str, Any]] = {"integer": 1, "number": 1, "boolean": False, "object": {}, "null": None}
_REFERENCE: Final = "#/components/schemas/"


class Examples:
    """Puts examples together.

    ``known`` has what is told by name: ``Note`` for a whole object, ``Note.title`` for one of its fields, ``title`` for
    a field of every object that declares no example itself. None leaves an optional field of a body out.
    """

    def __init__(self, schemas: Mapping[str, Schema], known: Mapping[str, Any]) -> None:
        self._schemas = schemas
        self._known = known

    def answer(self, schema: Schema) -> Any:
        """An answer of this schema, with every field it has."""
        return self._value(schema, "", "", whole=True)

    def body(self, schema: Schema) -> Any:
        """A body of this schema: what must be given, and what is worth showing of the rest."""
        return self._value(schema, "", "", whole=False)

    def _value(self, schema: Schema, owner: str, name: str, *, whole: bool) -> Any:
        if f"{owner}.{name}" in self._known:
            return self._known[f"{owner}.{name}"]
        if "$ref" in schema:
            return self._referred(schema["$ref"].removeprefix(_REFERENCE), whole=whole)
        if schema.get("examples"):
            return schema["examples"][0]
        if name in self._known:
            return self._known[name]
        if "anyOf" in schema:
            told = [option for option in schema["anyOf"] if option.get("examples") or "$ref" in option]
            return self._value(told[0], owner, name, whole=whole) if told else None
        return self._of_type(schema, owner, name, whole=whole)

    def _referred(self, model: str, *, whole: bool) -> Any:
        if model in self._known:
            return self._known[model]
        schema = self._schemas[model]
        if schema.get("examples") or "properties" not in schema:
            return self._value(schema, model, "", whole=whole)
        return self._object(schema, model, whole=whole)

    def _object(self, schema: Schema, owner: str, *, whole: bool) -> dict[str, Any]:
        required = set(schema.get("required", ()))
        shown = {
            name: field
            for name, field in schema["properties"].items()
            if whole or name in required or self._is_worth_showing(field, owner, name)
        }
        return {name: self._value(field, owner, name, whole=whole) for name, field in shown.items()}

    def _is_worth_showing(self, field: Schema, owner: str, name: str) -> bool:
        """An optional field of a body: it has a told value, or an example that names nothing else."""
        if f"{owner}.{name}" in self._known or name in self._known:
            return self._known.get(f"{owner}.{name}", self._known.get(name)) is not None
        options = [field, *field.get("anyOf", ())]
        return any(option.get("examples") and option.get("format") != "uuid" for option in options)

    def _of_type(self, schema: Schema, owner: str, name: str, *, whole: bool) -> Any:
        if "const" in schema or "enum" in schema:
            return schema["const"] if "const" in schema else schema["enum"][0]
        if "default" in schema:
            return schema["default"]
        if "properties" in schema:
            return self._object(schema, owner, whole=whole)
        if schema.get("type") == "array":
            return [self._value(schema["items"], owner, name, whole=whole)]
        if schema.get("format") == "uuid":
            return id_of(owner if name == "id" else name.removesuffix("s").removesuffix("_id"))
        return MOMENT if schema.get("format") == "date-time" else _PLAIN.get(schema.get("type", ""), name)


def id_of(noun: str) -> str:
    """The id that stands for this noun in all examples."""
    return _ID + hashlib.sha256(noun.lower().replace("_", "").encode()).hexdigest()[:12]


def add_examples(document: dict[str, Any], known: Mapping[str, Any]) -> None:
    """Give every JSON body and every JSON answer of the document its example, unless it has one."""
    examples = Examples(document["components"]["schemas"], known)
    for path in document["paths"].values():
        for operation in path.values():
            told = known.get(f"{operation['operationId']}()")
            body = operation.get("requestBody", {}).get("content", {}).get(JSON)
            if body is not None and not {"example", "examples"} & body.keys():
                body["example"] = examples.body(body["schema"]) if told is None else told
            for answer in operation["responses"].values():
                content = answer.get("content", {}).get(JSON, {})
                if "schema" in content:
                    content["schema"] = content["schema"] or {"type": "null"}  # FastAPI's way to say: returns None
                    content.setdefault("example", examples.answer(content["schema"]))
