"""The data model of the settings module: settings, feature flags and the audit trail."""

from __future__ import annotations

from datetime import datetime
from typing import Final
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

from common.enums import FlagState, SettingType
from common.errors import FlagExists, ServiceError
from shared_models import (
    AuditCheckpointMixin,
    AuditEntryMixin,
    AuditHeadMixin,
    IdMixin,
    SystemBase,
    TenantBase,
    TimestampMixin,
    VersionMixin,
    at_most,
    audit_checkpoint_rules,
    audit_entry_rules,
    audit_head_rules,
    digest_of_sha256,
    one_of,
)

JSON_TYPE_OF_SETTING = """
CASE value_type
    WHEN 'string' THEN jsonb_typeof(value) = 'string'
    WHEN 'integer' THEN value::text ~ '^-?[0-9]+$'
    WHEN 'number' THEN jsonb_typeof(value) = 'number'
    WHEN 'boolean' THEN jsonb_typeof(value) = 'boolean'
    ELSE true
END
""".strip()


def stored_value() -> tuple[CheckConstraint, ...]:
    """What holds for every stored value. A row whose value was taken away stays, because ``version`` goes on counting:
    an ETag never comes back for another value."""
    return (
        CheckConstraint("key ~ '^[a-z][a-z0-9_.-]{0,127}$'", name="key_form"),
        one_of("value_type", list(SettingType)),
        CheckConstraint(JSON_TYPE_OF_SETTING, name="value_has_its_type"),
        CheckConstraint("(is_set AND value_type <> 'secret') = (value IS NOT NULL)", name="value_unless_secret"),
        CheckConstraint(
            "(is_set AND value_type = 'secret') = (secret_value IS NOT NULL)", name="secret_value_if_secret"
        ),
        CheckConstraint("octet_length(value::text) <= 70000", name="value_length"),
        CheckConstraint("octet_length(secret_value) <= 70000", name="secret_value_length"),
    )


class Setting(IdMixin, TimestampMixin, VersionMixin, TenantBase):
    """A tenant's own value for a key. A secret has no ``value``; its encrypted form is in ``secret_value``."""

    __tablename__ = "settings"
    __table_args__ = (
        UniqueConstraint("key"),
        *stored_value(),
        CheckConstraint("NOT (is_public AND value_type = 'secret')", name="secret_is_not_public"),
        at_most("description", 500),
    )

    key: Mapped[str]
    value_type: Mapped[str]
    value: Mapped[object | None] = mapped_column(JSONB(none_as_null=True))
    secret_value: Mapped[bytes | None] = mapped_column(LargeBinary)
    is_set: Mapped[bool] = mapped_column(server_default=text("true"))
    description: Mapped[str] = mapped_column(server_default="")
    is_public: Mapped[bool] = mapped_column(server_default=text("false"))
    updated_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))


class SettingChange(IdMixin, TenantBase):
    """Every value a key had, secrets encrypted, and its removals. ``changed_by`` outlives the user."""

    __tablename__ = "setting_changes"
    __table_args__ = (UniqueConstraint("key", "version"), *stored_value(), at_most("changed_by_name", 254))

    key: Mapped[str]
    version: Mapped[int]
    value_type: Mapped[str]
    value: Mapped[object | None] = mapped_column(JSONB(none_as_null=True))
    secret_value: Mapped[bytes | None] = mapped_column(LargeBinary)
    is_set: Mapped[bool]
    changed_at: Mapped[datetime]
    changed_by: Mapped[UUID | None]
    changed_by_name: Mapped[str | None]


class SystemSetting(TimestampMixin, VersionMixin, SystemBase):
    """A value for every tenant that has none of its own; ``locked`` ones cannot be overridden."""

    __tablename__ = "settings"
    __table_args__ = (
        *stored_value(),
        CheckConstraint("NOT (is_public AND value_type = 'secret')", name="secret_is_not_public"),
        at_most("description", 500),
    )

    key: Mapped[str] = mapped_column(primary_key=True)
    value_type: Mapped[str]
    value: Mapped[object | None] = mapped_column(JSONB(none_as_null=True))
    secret_value: Mapped[bytes | None] = mapped_column(LargeBinary)
    is_set: Mapped[bool] = mapped_column(server_default=text("true"))
    is_locked: Mapped[bool] = mapped_column(server_default=text("false"))
    description: Mapped[str] = mapped_column(server_default="")
    is_public: Mapped[bool] = mapped_column(server_default=text("false"))


class FeatureFlag(IdMixin, TimestampMixin, VersionMixin, TenantBase):
    """A feature flag in flagd's shape. ``switch_to`` is the state it takes at ``switch_at``."""

    __tablename__ = "feature_flags"
    __table_args__ = (
        UniqueConstraint("key"),
        CheckConstraint("key ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$'", name="key_form"),
        one_of("state", list(FlagState)),
        one_of("switch_to", list(FlagState)),
        CheckConstraint("(switch_at IS NULL) = (switch_to IS NULL)", name="switch_complete"),
        CheckConstraint("jsonb_typeof(variants) = 'object'", name="variants_object"),
        CheckConstraint("jsonb_typeof(targeting) = 'object'", name="targeting_object"),
        CheckConstraint("jsonb_typeof(metadata) = 'object'", name="metadata_object"),
        at_most("default_variant", 128),
        at_most("description", 2000),
        Index(None, "created_at", "id"),
        Index(None, "updated_at", "id"),
    )

    key: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="ENABLED")
    variants: Mapped[dict[str, object]] = mapped_column(JSONB)
    default_variant: Mapped[str | None]
    targeting: Mapped[dict[str, object] | None] = mapped_column(JSONB(none_as_null=True))
    details: Mapped[dict[str, object]] = mapped_column("metadata", JSONB, server_default="{}")
    description: Mapped[str] = mapped_column(server_default="")
    switch_at: Mapped[datetime | None]
    switch_to: Mapped[str | None]
    last_evaluated_at: Mapped[datetime | None]
    updated_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))


class FlagSet(TenantBase):
    """What a tenant's flags have in common: flagd's shared rules and metadata, and the version of the whole, which
    counts every change of any flag. No row means none and version 0."""

    __tablename__ = "flag_sets"
    __table_args__ = (
        CheckConstraint("id = 1", name="single_row"),
        CheckConstraint("jsonb_typeof(evaluators) = 'object'", name="evaluators_object"),
        CheckConstraint("jsonb_typeof(metadata) = 'object'", name="metadata_object"),
    )

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(BigInteger)
    evaluators: Mapped[dict[str, object]] = mapped_column(JSONB, server_default="{}")
    details: Mapped[dict[str, object]] = mapped_column("metadata", JSONB, server_default="{}")
    updated_at: Mapped[datetime]


class AuditLog(AuditEntryMixin, TenantBase):
    """One link of the tenant's audit chain."""

    __tablename__ = "audit_logs"
    __table_args__ = (
        *audit_entry_rules(),
        Index(None, "actor_type", "seq"),
        Index("ix_audit_logs_failures_seq", "seq", postgresql_where=text("outcome = 'failure'")),
    )


class AuditChain(AuditHeadMixin, TenantBase):
    """The head of the tenant's chain."""

    __tablename__ = "audit_chain"
    __table_args__ = audit_head_rules()


class AuditCheckpoint(AuditCheckpointMixin, TenantBase):
    """How long the tenant's chain was at a moment and what its head was, signed."""

    __tablename__ = "audit_checkpoints"
    __table_args__ = audit_checkpoint_rules()


class AuditTombstone(TenantBase):
    """Entries up to ``through_seq`` were removed because their time was over; ``hash`` is that of the last of them, so
    that the next one still has something to follow. Signed; written by the owner role only."""

    __tablename__ = "audit_tombstones"
    __table_args__ = (
        CheckConstraint("through_seq >= 1", name="through_seq_positive"),
        digest_of_sha256("hash"),
        at_most("key_id", 64),
    )

    through_seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    removed_at: Mapped[datetime]
    key_id: Mapped[str] = mapped_column(primary_key=True)
    signature: Mapped[bytes] = mapped_column(LargeBinary)


CONSTRAINTS: Final[dict[str, type[ServiceError]]] = {"uq_feature_flags_key": FlagExists}
"""What the violation of a rule means to the caller."""
