"""The data model of the settings module: settings and the audit trail."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from common.enums import ActorType, AuditOutcome, SettingType
from shared_models import IdMixin, TenantBase, TimestampMixin, VersionMixin, at_most, one_of

JSON_TYPE_OF_SETTING = """
CASE value_type
    WHEN 'string' THEN jsonb_typeof(value) = 'string'
    WHEN 'integer' THEN value::text ~ '^-?[0-9]+$'
    WHEN 'number' THEN jsonb_typeof(value) = 'number'
    WHEN 'boolean' THEN jsonb_typeof(value) = 'boolean'
    ELSE true
END
""".strip()


def digest_of_sha256(column: str) -> CheckConstraint:
    """A SHA-256 digest as bytes, not as text: half the size, and only one spelling."""
    return CheckConstraint(f"octet_length({column}) = 32", name=f"{column}_length")


class Setting(IdMixin, TimestampMixin, VersionMixin, TenantBase):
    """A tenant's own value for a key. A secret has no ``value``; its encrypted form is in ``secret_value``."""

    __tablename__ = "settings"
    __table_args__ = (
        UniqueConstraint("key"),
        CheckConstraint("key ~ '^[a-z][a-z0-9_.-]{0,127}$'", name="key_form"),
        one_of("value_type", list(SettingType)),
        CheckConstraint(JSON_TYPE_OF_SETTING, name="value_has_its_type"),
        CheckConstraint("(value_type = 'secret') = (value IS NULL)", name="value_unless_secret"),
        CheckConstraint("(value_type = 'secret') = (secret_value IS NOT NULL)", name="secret_value_if_secret"),
        CheckConstraint("NOT (is_public AND value_type = 'secret')", name="secret_is_not_public"),
        CheckConstraint("octet_length(value::text) <= 65536", name="value_length"),
        CheckConstraint("octet_length(secret_value) <= 65536", name="secret_value_length"),
        at_most("description", 500),
        Index(None, "created_at", "id"),
        Index(None, "updated_at", "id"),
        Index("ix_settings_public_key", "key", postgresql_where=text("is_public")),
    )

    key: Mapped[str]
    value_type: Mapped[str]
    value: Mapped[object | None] = mapped_column(JSONB)
    secret_value: Mapped[bytes | None] = mapped_column(LargeBinary)
    description: Mapped[str] = mapped_column(server_default="")
    is_public: Mapped[bool] = mapped_column(server_default=text("false"))
    updated_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))


class AuditLog(IdMixin, TenantBase):
    """One link of the tenant's audit chain: written by ``audit_append`` only, changed by nobody.

    Actor, target and session have no foreign keys: an entry outlives what it tells of. ``seq`` has no sequence,
    because numbers taken from one leave gaps after a rollback; it comes from the chain's head.
    """

    __tablename__ = "audit_logs"
    __table_args__ = (
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


class AuditChain(TenantBase):
    """The head of the chain: one row, locked last in every writing transaction, so the chain cannot fork."""

    __tablename__ = "audit_chain"
    __table_args__ = (
        CheckConstraint("id = 1", name="single_row"),
        CheckConstraint("seq >= 0", name="seq_not_negative"),
        digest_of_sha256("hash"),
    )

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
