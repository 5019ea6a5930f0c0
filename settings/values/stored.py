"""A value as it is stored, by the tenant or for the whole system."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from common.enums import SettingType


@dataclass(frozen=True, slots=True)
class Stored:
    """A row of one of the two tables. One whose value was taken away (``is_set`` false) only has its version.

    A secret stays sealed, here and in every cache; ``value`` is None then.
    """

    key: str
    version: int
    is_set: bool
    value_type: SettingType
    value: Any
    secret: bytes | None = field(repr=False)
    description: str
    is_public: bool
    is_locked: bool
    updated_at: datetime
    updated_by: UUID | None


Layer = Mapping[str, Stored]
"""All values that a tenant, or the system, has stored, by key."""


def read_row(row: Row[Any]) -> Stored:
    """A row of the columns that ``queries`` select."""
    return Stored(
        key=row.key,
        version=row.version,
        is_set=row.is_set,
        value_type=SettingType(row.value_type),
        value=row.value,
        secret=row.secret_value,
        description=row.description,
        is_public=row.is_public,
        is_locked=row.is_locked,
        updated_at=row.updated_at,
        updated_by=row.updated_by,
    )


def layer_of(rows: Iterable[Row[Any]]) -> Layer:
    """Rows by key."""
    return {row.key: read_row(row) for row in rows}


def encode_layer(layer: Layer) -> Any:
    """JSON's types."""
    return [
        [
            stored.key,
            stored.version,
            stored.is_set,
            stored.value_type,
            stored.value,
            b64encode(stored.secret).decode("ascii") if stored.secret else None,
            stored.description,
            stored.is_public,
            stored.is_locked,
            stored.updated_at.isoformat(),
            stored.updated_by.hex if stored.updated_by else None,
        ]
        for stored in layer.values()
    ]


def decode_layer(data: Any) -> Layer:
    """What ``encode_layer`` wrote."""
    return {item[0]: _decode(*item) for item in data}


def _decode(  # noqa: PLR0917 - the items of a JSON array have no names
    key: str,
    version: int,
    is_set: bool,
    value_type: str,
    value: Any,
    secret: str | None,
    description: str,
    is_public: bool,
    is_locked: bool,
    updated_at: str,
    updated_by: str | None,
) -> Stored:
    return Stored(
        key=key,
        version=version,
        is_set=is_set,
        value_type=SettingType(value_type),
        value=value,
        secret=b64decode(secret) if secret else None,
        description=description,
        is_public=is_public,
        is_locked=is_locked,
        updated_at=datetime.fromisoformat(updated_at),
        updated_by=UUID(updated_by) if updated_by else None,
    )
