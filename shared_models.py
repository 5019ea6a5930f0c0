"""What the data models and schemas of all modules are made of: the declarative bases with their naming convention, the
mixins for ids, times and versions, and the bases of request bodies and answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints, WithJsonSchema
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.schema import SchemaItem

from common.enums import ActorType, AuditOutcome
from common.literal import Literally
from common.paging import Slice

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class TenantBase(DeclarativeBase):
    """Base of every table that each tenant has. No schema is named: the transaction's search_path chooses it."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map = {  # noqa: RUF012 - read by SQLAlchemy as a class attribute
        str: Text(),
        datetime: DateTime(timezone=True),
        UUID: Uuid(),
    }


class SystemBase(DeclarativeBase):
    """Base of the tables of the ``system`` schema."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION, schema="system")
    type_annotation_map = TenantBase.type_annotation_map


class IdMixin:
    """A UUIDv7 made by the application (``common.ids.new_id``)."""

    id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-1)


class TimestampMixin:
    """When the row was made and last changed; the application's clock, so that tests and imports can set it."""

    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class VersionMixin:
    """Counts the changes of a row: the resource's ETag, and what ``If-Match`` is compared with."""

    version: Mapped[int] = mapped_column(Integer, server_default="1")


def at_most(column: str, length: int) -> CheckConstraint:
    """A text column's limit as a named CHECK: TEXT can be widened without a rewrite, VARCHAR(n) cannot be narrowed."""
    return CheckConstraint(f"char_length({column}) <= {length}", name=f"{column}_length")


def one_of(column: str, values: list[str]) -> CheckConstraint:
    """A column's allowed values. Not an ENUM: adding a value must be one small change that can be undone."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_allowed")


def digest_of_sha256(column: str) -> CheckConstraint:
    """A SHA-256 digest as bytes, not as text: half the size, and only one spelling."""
    return CheckConstraint(f"octet_length({column}) = 32", name=f"{column}_length")


class AuditEntryMixin(IdMixin):
    """One link of an audit chain, a tenant's or the platform's: written by ``audit_append`` only, changed by nobody.

    Actor, target and session have no foreign keys: an entry outlives what it tells of. ``seq`` has no sequence,
    because numbers taken from one leave gaps after a rollback; it comes from the chain's head.
    """

    seq: Mapped[int] = mapped_column(BigInteger)
    occurred_at: Mapped[datetime]
    action: Mapped[str]
    actor_type: Mapped[str]
    actor_id: Mapped[UUID | None]
    actor_name: Mapped[str | None]
    target_type: Mapped[str | None]
    target_id: Mapped[str | None]
    target_name: Mapped[str | None]
    changes: Mapped[list[dict[str, object]]] = mapped_column(JSONB)
    outcome: Mapped[str]
    ip_address: Mapped[str | None]
    user_agent: Mapped[str | None]
    request_id: Mapped[str | None]
    session_id: Mapped[UUID | None]
    prev_hash: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


def audit_entry_rules() -> tuple[SchemaItem, ...]:
    """What holds for every entry, and how entries are looked for."""
    return (
        UniqueConstraint("seq"),
        UniqueConstraint("prev_hash"),
        CheckConstraint("seq >= 1", name="seq_positive"),
        digest_of_sha256("prev_hash"),
        digest_of_sha256("hash"),
        one_of("actor_type", list(ActorType)),
        one_of("outcome", list(AuditOutcome)),
        CheckConstraint("jsonb_typeof(changes) = 'array'", name="changes_array"),
        at_most("action", 128),
        at_most("actor_name", 254),
        at_most("target_type", 64),
        at_most("target_id", 255),
        at_most("target_name", 255),
        at_most("ip_address", 45),
        at_most("user_agent", 400),
        at_most("request_id", 128),
        Index(None, "occurred_at"),
        # The operator class lets a prefix filter (`users.*`) use the index whatever the database's collation is.
        Index(None, "action", "seq", postgresql_ops={"action": "text_pattern_ops"}),
        Index(None, "actor_id", "seq"),
        Index(None, "target_type", "target_id", "seq"),
        Index(None, "request_id"),
    )


class AuditHeadMixin:
    """The head of a chain: one row, locked last in every writing transaction, so the chain cannot fork."""

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False, sort_order=-1)
    seq: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


def audit_head_rules() -> tuple[SchemaItem, ...]:
    """What holds for a chain's head."""
    return (
        CheckConstraint("id = 1", name="single_row"),
        CheckConstraint("seq >= 0", name="seq_not_negative"),
        digest_of_sha256("hash"),
    )


class AuditCheckpointMixin:
    """How long a chain was at a moment and what its head was, signed; rows are added and never changed. One of each
    size and key: after a rotation of SECRET_KEY the same is signed once more."""

    size: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    head_hash: Mapped[bytes] = mapped_column(LargeBinary)
    taken_at: Mapped[datetime]
    key_id: Mapped[str] = mapped_column(primary_key=True)
    signature: Mapped[bytes] = mapped_column(LargeBinary)


def audit_checkpoint_rules() -> tuple[SchemaItem, ...]:
    """What holds for every checkpoint."""
    return (
        CheckConstraint("size >= 0", name="size_not_negative"),
        digest_of_sha256("head_hash"),
        at_most("key_id", 64),
    )


class IdempotencyKeyMixin:
    """An answer kept for 24 hours, so that a repeated creating request gets it again instead of a second row."""

    caller: Mapped[UUID] = mapped_column(primary_key=True)
    route: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_digest: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int] = mapped_column(Integer)
    headers: Mapped[str] = mapped_column(server_default="{}")
    body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=text("now()"))


def idempotency_key_rules() -> tuple[SchemaItem, ...]:
    """What holds for every kept answer."""
    return (at_most("key", 255), at_most("route", 200), at_most("headers", 4000), Index(None, "created_at"))


class IdempotencyKey(IdempotencyKeyMixin, TenantBase):
    """An answer to somebody of the tenant."""

    __tablename__ = "idempotency_keys"
    __table_args__ = idempotency_key_rules()


class PlatformIdempotencyKey(IdempotencyKeyMixin, SystemBase):
    """An answer to an operator of the platform."""

    __tablename__ = "idempotency_keys"
    __table_args__ = idempotency_key_rules()


class OutboxJob(IdMixin, SystemBase):
    """A job to be done after the transaction that ordered it; gone when done. See ``common.outbox``."""

    __tablename__ = "outbox"
    __table_args__ = (
        at_most("kind", 64),
        at_most("last_error", 500),
        one_of("status", ["pending", "dead"]),
        Index("ix_outbox_run_at", "run_at", postgresql_where=text("status = 'pending'")),
        Index(None, "tenant_id"),
    )

    tenant_id: Mapped[str] = mapped_column(ForeignKey("system.tenants.id", ondelete="CASCADE"))
    kind: Mapped[str]
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    status: Mapped[str] = mapped_column(server_default="pending")
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    run_at: Mapped[datetime]
    locked_until: Mapped[datetime | None]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class RateLimit(SystemBase):
    """When a bucket of tries will be full again. See ``common.limits``."""

    __tablename__ = "rate_limits"
    __table_args__ = (Index(None, "full_at"),)

    key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    full_at: Mapped[datetime]


# -- Shapes ---------------------------------------------------------------------------------------------------------


def rfc3339(moment: datetime) -> str:
    """A moment as text: RFC 3339 in UTC, ending in ``Z``."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


_TIME = WithJsonSchema({"type": "string", "format": "date-time"})
Timestamp = Annotated[datetime, PlainSerializer(rfc3339, when_used="json"), _TIME]


class Shape(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(
        defer_build=True, from_attributes=True, frozen=True, json_schema_serialization_defaults_required=True
    )


class Payload(Literally):
    """Base of all request bodies: undeclared fields are refused, and so are NUL bytes and lone surrogates."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, str_strip_whitespace=True)


PlainText = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
"""Text PostgreSQL can store: no NUL. Lone surrogates never pass pydantic's UTF-8 check."""

Item = TypeVar("Item")


class Page(Shape, Generic[Item]):
    """One page of a list. ``next_cursor`` is null on the last one; ``total`` only with ``include_total=true``."""

    items: list[Item]
    next_cursor: str | None = None
    total: int | None = Field(default=None, ge=0)


ShapeT = TypeVar("ShapeT", bound=Shape)


def page_of(shape: type[ShapeT], found: Slice) -> Page[ShapeT]:
    """A page of rows whose columns are named like the shape's fields: as dictionaries, which pydantic reads fastest."""
    names = found.rows[0]._fields if found.rows else ()
    items = [shape.model_validate(dict(zip(names, row, strict=True))) for row in found.rows]
    return Page(items=items, next_cursor=found.next_cursor, total=found.total)
