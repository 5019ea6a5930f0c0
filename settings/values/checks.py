"""What a value may be: of its type, of a size, and for a declared key within what its declaration says."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

from common.enums import SettingType
from common.errors import SettingInvalid
from common.registry import Declaration

MAX_VALUE_BYTES: Final = 65_536  # of its JSON text in UTF-8; of a secret, of its text
MAX_DEPTH: Final = 32  # of arrays and objects in one another
MAX_INTEGER: Final = 2**63 - 1
MAX_NUMBER: Final = 10**308  # about a double's; PostgreSQL writes 1e22 as a whole number, which may be sent back

_JSON_TYPES: Final[dict[SettingType, tuple[type, ...]]] = {
    SettingType.STRING: (str,),
    SettingType.INTEGER: (int,),
    SettingType.NUMBER: (int, float),
    SettingType.BOOLEAN: (bool,),
    SettingType.SECRET: (str,),
}


def check_value(value_type: SettingType, value: Any, declaration: Declaration | None = None) -> None:
    """Raise SettingInvalid, whose ``reason`` says why, unless the value may be stored under this type and key."""
    fault = find_fault(value_type, value, declaration)
    if fault is not None:
        reason, detail = fault
        raise SettingInvalid(detail, pointer="/body/value", reason=reason)


def find_fault(value_type: SettingType, value: Any, declaration: Declaration | None) -> tuple[str, str] | None:
    """What is wrong with a value: a stable word and a sentence."""
    fault = _type_fault(value_type, value) or _json_fault(value, MAX_DEPTH) or _size_fault(value_type, value)
    if fault is None and declaration is not None:
        fault = _declared_fault(declaration, value)
    return fault


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same in JSON, where ``true`` is not 1."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _type_fault(value_type: SettingType, value: Any) -> tuple[str, str] | None:
    types = _JSON_TYPES.get(value_type)
    is_stray_boolean = isinstance(value, bool) and value_type is not SettingType.BOOLEAN
    if types is not None and (is_stray_boolean or not isinstance(value, types)):
        return "wrong_type", f"The value of this setting must be of the type {value_type}."
    if value_type is SettingType.INTEGER and abs(value) > MAX_INTEGER:
        return "out_of_range", "A whole number may have 64 bits."
    return None


def _json_fault(value: Any, depth: int) -> tuple[str, str] | None:
    """What PostgreSQL's jsonb cannot hold, or nobody could read back."""
    if isinstance(value, dict | list):
        return _nested_fault(value, depth)
    if isinstance(value, str):
        return _text_fault(value)
    if isinstance(value, int):
        return None if abs(value) <= MAX_NUMBER else ("out_of_range", "The number is too large.")
    if isinstance(value, float):
        return None if math.isfinite(value) else ("out_of_range", "JSON has no infinite numbers.")
    return None if value is None else ("wrong_type", "The value must be one that JSON knows.")


def _nested_fault(value: dict[Any, Any] | list[Any], depth: int) -> tuple[str, str] | None:
    if depth == 0:
        return "too_deep", f"Arrays and objects may be nested {MAX_DEPTH} deep."
    inner = value
    if isinstance(value, dict):
        for name in value:
            if not isinstance(name, str):
                return "wrong_type", "The names in an object must be text."
            if fault := _text_fault(name):
                return fault
        inner = list(value.values())
    return next((fault for item in inner if (fault := _json_fault(item, depth - 1))), None)


def _text_fault(text: str) -> tuple[str, str] | None:
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        return "bad_text", "Text may have neither NUL characters nor lone surrogates."
    return None


def _size_fault(value_type: SettingType, value: Any) -> tuple[str, str] | None:
    text = value if value_type is SettingType.SECRET else json.dumps(value, ensure_ascii=False)
    if len(text.encode()) <= MAX_VALUE_BYTES:
        return None
    return "too_long", f"A value may have {MAX_VALUE_BYTES} bytes."


def _declared_fault(declaration: Declaration, value: Any) -> tuple[str, str] | None:
    measured = len(value) if isinstance(value, str | list | dict) else value
    if declaration.minimum is not None and measured < declaration.minimum:
        return "too_small", f"The value must be at least {declaration.minimum:g}."
    if declaration.maximum is not None and measured > declaration.maximum:
        return "too_large", f"The value must be at most {declaration.maximum:g}."
    if declaration.choices and value not in declaration.choices:
        return "not_a_choice", f"The value must be one of {', '.join(map(str, declaration.choices))}."
    if declaration.pattern is not None and re.fullmatch(declaration.pattern, str(value)) is None:
        return "pattern_mismatch", f"The value must look like {declaration.pattern}."
    fault = declaration.check(value) if declaration.check else None
    return ("refused", f"The value {fault}.") if fault else None
