"""Identifiers: UUIDv7 for rows, and the grammar by which a string becomes a tenant."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NewType
from uuid import UUID

import uuid_utils
import uuid_utils.compat

TenantId = NewType("TenantId", str)  # "acme": what people call the tenant
SchemaName = NewType("SchemaName", str)  # "tenant_acme": what the header, the token and PostgreSQL call it

SCHEMA_PREFIX = "tenant_"
RESERVED = frozenset({"public", "system", "information_schema"})
_TENANT_ID = re.compile(r"[a-z0-9][a-z0-9_]{0,47}", re.ASCII)


@dataclass(frozen=True, slots=True)
class TenantName:
    """A tenant's name in both forms. It can only be made by ``parse``, so a value of this type is a safe identifier."""

    tenant_id: TenantId
    schema: SchemaName

    @classmethod
    def parse(cls, text: str) -> TenantName | None:
        """Read ``acme`` or ``tenant_acme``; None when it is neither, or the name of a schema that is nobody's.

        An id that itself begins with ``tenant_`` is refused: its short form would be another tenant's long form.
        ``fullmatch``, because ``$`` would let a trailing newline pass.
        """
        short = text.removeprefix(SCHEMA_PREFIX)
        if _TENANT_ID.fullmatch(short) is None or short in RESERVED or short.startswith(("pg_", SCHEMA_PREFIX)):
            return None
        return cls(TenantId(short), SchemaName(SCHEMA_PREFIX + short))


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562 section 5.7): unique, and ordered by the millisecond it was made in."""
    return uuid_utils.compat.uuid7()


def new_id_text() -> str:
    """The same as text, at an eighth of the cost: every request has one."""
    return str(uuid_utils.uuid7())
