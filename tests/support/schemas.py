"""Values against the schemas of the OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from jsonschema import Draft202012Validator

FORMATS: Final = Draft202012Validator.FORMAT_CHECKER
FORMATS.checks("date-time", raises=ValueError)(
    lambda value: not isinstance(value, str) or bool(datetime.fromisoformat(value))
)


def faults(document: dict[str, Any], schema: dict[str, Any], value: object) -> list[str]:
    """Where a value is not what the schema says."""
    whole = {**schema, "components": document["components"]}
    found = Draft202012Validator(whole, format_checker=FORMATS).iter_errors(value)
    return [f"{fault.json_path}: {fault.message}" for fault in found]
