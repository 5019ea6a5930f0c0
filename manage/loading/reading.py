"""From a row to a line: its new id, its references, its shape.

The new id is derived from the tenant, the kind and the old id, so that a second run finds what a first one made, and
references are known without a table of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid5

from pydantic import Field, ValidationError

from common.clock import now
from common.errors import Fault
from common.ids import TenantName
from common.times import Moment
from manage.loading.rows import Row
from serving.loading import Line, Loader, Past
from shared_models import Payload

NAMESPACE: Final = UUID("5e0f5a3c-8f0c-5c55-9a1e-6f1c0c5b7a40")  # of everything that was ever loaded: never another
MAX_OLD_ID: Final = 200
PARENTS: Final = {"note": "notes", "task": "tasks", "call": "calls", "event": "events", "review": "reviews"}


class Stamps(Payload):
    """What every line may say beside its own fields."""

    created_at: Moment | None = Field(default=None)
    updated_at: Moment | None = Field(default=None)


@dataclass(slots=True)
class Read:
    """A row that was read: a line, or what is wrong with it; and the records that it refers to."""

    number: int
    old_id: str | None
    line: Line | None = None
    faults: list[Fault] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reference:
    """A field with another record's old id, and the id that this has here."""

    pointer: str
    kind: str
    old_id: str
    id: UUID


def new_id_of(tenant: TenantName, kind: str, old_id: str) -> UUID:
    """The id here of what had ``old_id`` over there."""
    return uuid5(NAMESPACE, f"{tenant.schema}/{kind}/{old_id}")


def read_row(tenant: TenantName, loader: Loader, row: Row) -> Read:
    """Read a row. Whether its references are there, and its names are free, is asked later."""
    old_id = _old_id(row.values.get(loader.key))
    read = Read(row.number, old_id)
    if row.fault is not None:
        read.faults.append(Fault("", "unreadable", row.fault))
    elif old_id is None:
        read.faults.append(
            Fault(f"/{loader.key}", "missing", f"A number or printable text of up to {MAX_OLD_ID} characters.")
        )
    else:
        _shape(tenant, loader, dict(row.values), read)
    return read


def _shape(tenant: TenantName, loader: Loader, values: dict[str, Any], read: Read) -> None:
    assert read.old_id is not None
    if loader.key == "id":
        del values["id"]
    stamps = {name: values.pop(name) for name in Stamps.model_fields if name in values}
    author = values.pop("created_by", None) if loader.has_author else None
    try:
        created_by = _refer(tenant, read, "/created_by", "users", author)
        for path, kind in loader.references.items():
            _replace(tenant, read, values, path, PARENTS.get(str(values.get(kind)), kind))
        times = Stamps.model_validate(stamps)
        payload = loader.shape.model_validate(values)
    except ValidationError as error:
        read.faults += _faults(error)
        return
    if read.faults:
        return
    created_at = times.created_at or times.updated_at or now()
    past = Past(new_id_of(tenant, loader.name, read.old_id), created_by, created_at, times.updated_at or created_at)
    read.line = Line(read.number, read.old_id, payload, past, is_dated=times.updated_at is not None)


def _replace(tenant: TenantName, read: Read, values: dict[str, Any], path: str, kind: str) -> None:
    """Put new ids where ``path`` has old ones: a field, or a field of each object of a list."""
    name, _, inner = path.partition("/")
    if not inner:
        if values.get(name) is not None:
            values[name] = _refer(tenant, read, f"/{name}", kind, values[name])
        return
    items = values.get(name)
    if isinstance(items, list):
        values[name] = [
            {**item, inner: _refer(tenant, read, f"/{name}/{number}/{inner}", kind, item[inner])}
            if isinstance(item, Mapping) and item.get(inner) is not None
            else item
            for number, item in enumerate(items)
        ]


def _refer(tenant: TenantName, read: Read, pointer: str, kind: str, value: Any) -> UUID | None:
    old_id = _old_id(value)
    if old_id is None:
        if value is not None:
            message = f"Another line's id: a number or printable text of up to {MAX_OLD_ID} characters."
            read.faults.append(Fault(pointer, "reference_invalid", message))
        return None
    found = Reference(pointer, kind, old_id, new_id_of(tenant, kind, old_id))
    read.references.append(found)
    return found.id


def _old_id(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | str | UUID):
        return None
    text = str(value).strip()
    return text if 0 < len(text) <= MAX_OLD_ID and text.isprintable() else None


def _faults(error: ValidationError) -> Iterator[Fault]:
    for item in error.errors(include_url=False, include_input=False):
        yield Fault("".join(f"/{part}" for part in item["loc"]), item["type"], item["msg"])
