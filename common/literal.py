"""Bodies that are taken literally: a number is a JSON number, a truth value ``true`` or ``false``."""

from __future__ import annotations

from typing import Any, Final, cast

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic_core import CoreSchema

_NO_TEXT: Final = frozenset({"bool", "int", "float"})


def _literally(schema: Any) -> Any:
    if isinstance(schema, list | tuple):
        return type(schema)(_literally(part) for part in schema)
    if not isinstance(schema, dict):
        return schema
    changed = {name: part if name == "metadata" else _literally(part) for name, part in schema.items()}
    kind = schema.get("type")  # a field may be called that, too
    return changed | {"strict": True} if isinstance(kind, str) and kind in _NO_TEXT else changed


class Literally(BaseModel):
    """A model to which ``0`` is not false and ``"1"`` not 1, as its JSON schema says.

    Pydantic's own strict mode would also refuse times and ids, which are text in JSON: bodies reach it as objects.
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Pydantic's schema of the model, with that changed."""
        return cast("CoreSchema", _literally(handler(source)))
