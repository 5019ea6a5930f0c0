"""The data model of the users module: accounts, roles, permissions, teams, sessions, tokens and API keys."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from common.errors import EmailTaken, InvitationPending, RoleNameTaken, ServiceError, TeamNameTaken, UsernameTaken
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
    one_of,
)

LEVELS = ["own", "team", "all"]
LIVING = text("deleted_at IS NULL")
PRINCIPALS: Final = "principals"
"""The cached principals of a tenant, by session and by API key's digest: what ``WriteUnit.invalidate`` takes."""

PROFILES: Final = "profiles"
"""The cached copies of users as they see themselves, and of their sessions. A user's row changes with everything that
is shown with it, roles and teams included, so every UPDATE of that table has them forgotten: ``database`` sees to it.
"""


class User(IdMixin, TimestampMixin, VersionMixin, TenantBase):
    """A person. Deleted ones stay as rows, so that what they wrote keeps its author; their names become free."""

    __tablename__ = "users"
    __table_args__ = (
        at_most("email", 254),  # RFC 5321 section 4.5.3.1.3
        at_most("email_normalized", 1000),  # NFKC can make text longer; an index entry has room for some 2,700 bytes
        at_most("username", 64),
        at_most("username_normalized", 64),
        at_most("full_name", 200),
        at_most("phone", 32),
        at_most("locale", 35),
        at_most("timezone", 64),
        at_most("avatar_url", 2048),
        Index("uq_users_email_normalized", "email_normalized", unique=True, postgresql_where=LIVING),
        Index("uq_users_username_normalized", "username_normalized", unique=True, postgresql_where=LIVING),
        Index("ix_users_created_at_id", "created_at", "id", postgresql_where=LIVING),
        Index("ix_users_updated_at_id", "updated_at", "id", postgresql_where=LIVING),
        {"info": {"copies": PROFILES}},
    )

    email: Mapped[str]
    email_normalized: Mapped[str]
    username: Mapped[str]
    username_normalized: Mapped[str]
    password_hash: Mapped[str | None]
    full_name: Mapped[str | None]
    phone: Mapped[str | None]
    locale: Mapped[str] = mapped_column(server_default="en")
    timezone: Mapped[str] = mapped_column(server_default="UTC")
    avatar_url: Mapped[str | None]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    is_verified: Mapped[bool] = mapped_column(server_default=text("false"))
    mfa_enabled: Mapped[bool] = mapped_column(server_default=text("false"))
    password_changed_at: Mapped[datetime | None]
    last_login_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class Role(IdMixin, TimestampMixin, VersionMixin, TenantBase):
    """A named set of permissions. System roles come from the code and cannot be edited; ``rank`` orders them."""

    __tablename__ = "roles"
    __table_args__ = (
        at_most("name", 64),
        at_most("description", 500),
        Index("uq_roles_name", text("lower(name)"), unique=True),
        Index("ix_roles_created_at_id", "created_at", "id"),
    )

    name: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    is_system: Mapped[bool] = mapped_column(server_default=text("false"))
    rank: Mapped[int] = mapped_column(Integer, server_default="0")


class Permission(TenantBase):
    """The catalogue, as the code declares it. Its rows are written by migration only."""

    __tablename__ = "permissions"
    __table_args__ = (at_most("name", 64), at_most("module", 32), at_most("description", 200))

    name: Mapped[str] = mapped_column(primary_key=True)
    module: Mapped[str]
    description: Mapped[str]


class RolePermission(TenantBase):
    """What a role allows, and on whose records: its holder's own, those of the holder's teams, or all."""

    __tablename__ = "role_permissions"
    __table_args__ = (one_of("level", LEVELS), Index(None, "permission"))

    role_id: Mapped[UUID] = mapped_column(ForeignKey("roles.id", ondelete="CASCADE"), primary_key=True)
    permission: Mapped[str] = mapped_column(ForeignKey("permissions.name", ondelete="CASCADE"), primary_key=True)
    level: Mapped[str] = mapped_column(server_default="all")


class UserRole(TenantBase):
    """Who holds a role directly, and who gave it."""

    __tablename__ = "user_roles"
    __table_args__ = (Index(None, "role_id"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    role_id: Mapped[UUID] = mapped_column(ForeignKey("roles.id", ondelete="CASCADE"), primary_key=True)
    granted_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    granted_at: Mapped[datetime] = mapped_column(server_default=text("now()"))


class UserPermission(TenantBase):
    """A permission given to, or taken from, one user. A denial wins over every grant."""

    __tablename__ = "user_permissions"
    __table_args__ = (one_of("effect", ["allow", "deny"]), one_of("level", LEVELS), Index(None, "permission"))

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    permission: Mapped[str] = mapped_column(ForeignKey("permissions.name", ondelete="CASCADE"), primary_key=True)
    effect: Mapped[str] = mapped_column(server_default="allow")
    level: Mapped[str] = mapped_column(server_default="all")
    granted_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    granted_at: Mapped[datetime] = mapped_column(server_default=text("now()"))


class Team(IdMixin, TimestampMixin, VersionMixin, TenantBase):
    """People who work together; may be nested."""

    __tablename__ = "teams"
    __table_args__ = (
        at_most("name", 100),
        at_most("description", 500),
        CheckConstraint("parent_id <> id", name="not_its_own_parent"),
        Index("uq_teams_name", text("lower(name)"), unique=True),
        Index("ix_teams_created_at_id", "created_at", "id"),
        Index(None, "parent_id"),
    )

    name: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("teams.id", ondelete="SET NULL"))


class TeamMember(TenantBase):
    """Who belongs to a team, as lead or member."""

    __tablename__ = "team_members"
    __table_args__ = (one_of("role", ["lead", "member"]), Index(None, "user_id"))

    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str] = mapped_column(server_default="member")
    joined_at: Mapped[datetime] = mapped_column(server_default=text("now()"))


class TeamRole(TenantBase):
    """A role that every member of the team holds through it."""

    __tablename__ = "team_roles"
    __table_args__ = (Index(None, "role_id"),)

    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id", ondelete="CASCADE"), primary_key=True)
    role_id: Mapped[UUID] = mapped_column(ForeignKey("roles.id", ondelete="CASCADE"), primary_key=True)


class UserSession(IdMixin, TenantBase):
    """A login, kept alive by a chain of refresh tokens of which only the digests of the last two are stored."""

    __tablename__ = "user_sessions"
    __table_args__ = (
        at_most("ip_address", 45),
        at_most("user_agent", 400),
        at_most("revoked_reason", 64),
        Index("ix_user_sessions_user_id_created_at", "user_id", "created_at"),
        Index("ix_user_sessions_expires_at", "expires_at"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    generation: Mapped[int] = mapped_column(Integer, server_default="0")
    refresh_digest: Mapped[bytes] = mapped_column(LargeBinary)
    rotated_at: Mapped[datetime]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime]
    idle_expires_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_reason: Mapped[str | None]
    ip_address: Mapped[str | None]
    user_agent: Mapped[str | None]


class SingleUseToken(IdMixin):
    """A mailed secret: stored as a digest, good once, for a while."""

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class PasswordResetToken(SingleUseToken, TenantBase):
    """Lets its holder set a new password."""

    __tablename__ = "password_reset_tokens"


class EmailVerificationToken(SingleUseToken, TenantBase):
    """Proves that its holder reads the address, which may be the account's or one it wants to change to."""

    __tablename__ = "email_verification_tokens"
    __table_args__ = (at_most("email", 254),)

    email: Mapped[str]


class ApiKey(IdMixin, TimestampMixin, VersionMixin, TenantBase):
    """A credential for programs: never more than its owner may do, stored as a digest."""

    __tablename__ = "api_keys"
    __table_args__ = (
        at_most("name", 100),
        at_most("prefix", 16),
        UniqueConstraint("digest"),
        UniqueConstraint("previous_digest"),
        Index("ix_api_keys_user_id", "user_id"),
        Index("ix_api_keys_created_at_id", "created_at", "id"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str]
    prefix: Mapped[str]
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    permissions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    allowed_cidrs: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    previous_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    previous_expires_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Invitation(IdMixin, TimestampMixin, VersionMixin, TenantBase):
    """A person asked to join, with the roles and teams that wait. Its secret is made when the mail is sent."""

    __tablename__ = "invitations"
    __table_args__ = (
        at_most("email", 254),
        at_most("email_normalized", 1000),
        at_most("locale", 35),
        UniqueConstraint("digest"),
        Index(
            "uq_invitations_email_normalized",
            "email_normalized",
            unique=True,
            postgresql_where=text("accepted_at IS NULL AND revoked_at IS NULL"),
        ),
        Index("ix_invitations_created_at_id", "created_at", "id"),
        Index(None, "invited_by"),
        Index(None, "user_id"),
    )

    email: Mapped[str]
    email_normalized: Mapped[str]
    locale: Mapped[str] = mapped_column(server_default="en")
    role_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), server_default=text("'{}'"))
    team_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), server_default=text("'{}'"))
    invited_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))


class UserTotp(TenantBase):
    """A second factor (RFC 6238): its secret encrypted, and the last time step used, so that a code works once."""

    __tablename__ = "user_totp"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    last_step: Mapped[int] = mapped_column(BigInteger, server_default="0")
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]


class RecoveryCode(IdMixin, TenantBase):
    """A code that stands in for the second factor once; stored as a digest."""

    __tablename__ = "recovery_codes"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class PlatformKey(IdMixin, SystemBase):
    """A key of the platform's operators, beside the first one from the configuration; stored as a digest."""

    __tablename__ = "platform_keys"
    __table_args__ = (at_most("name", 100), at_most("prefix", 16))

    name: Mapped[str]
    prefix: Mapped[str]
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class PlatformAuditLog(AuditEntryMixin, SystemBase):
    """One link of the platform's own audit chain. A tenant it tells of may be gone: that is what it is kept for."""

    __tablename__ = "audit_logs"
    __table_args__ = (*audit_entry_rules(), at_most("tenant_id", 48), Index(None, "tenant_id", "seq"))

    tenant_id: Mapped[str | None]


class PlatformAuditChain(AuditHeadMixin, SystemBase):
    """The head of the platform's chain."""

    __tablename__ = "audit_chain"
    __table_args__ = audit_head_rules()


class PlatformAuditCheckpoint(AuditCheckpointMixin, SystemBase):
    """How long the platform's chain was at a moment and what its head was, signed."""

    __tablename__ = "audit_checkpoints"
    __table_args__ = audit_checkpoint_rules()


class Tenant(TimestampMixin, VersionMixin, SystemBase):
    """The registry: which tenants exist, where they live and whether they may be served."""

    __tablename__ = "tenants"
    __table_args__ = (
        at_most("id", 48),
        at_most("name", 200),
        one_of("status", ["active", "suspended", "deleting"]),
        UniqueConstraint("schema_name"),
        Index("ix_tenants_revision_id", "revision", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    schema_name: Mapped[str]
    role_name: Mapped[str]
    name: Mapped[str]
    status: Mapped[str] = mapped_column(server_default="active")
    revision: Mapped[str]
    seed_digest: Mapped[str]
    shard: Mapped[str] = mapped_column(server_default="default")
    delete_after: Mapped[datetime | None]
    moving_to: Mapped[str | None]


class Installation(SystemBase):
    """Which platform a database belongs to, and as which shard: the home database makes the id, the shards have it."""

    __tablename__ = "installation"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    shard: Mapped[str]


CONSTRAINTS: Final[dict[str, type[ServiceError]]] = {
    "uq_users_email_normalized": EmailTaken,
    "uq_users_username_normalized": UsernameTaken,
    "uq_invitations_email_normalized": InvitationPending,
    "uq_roles_name": RoleNameTaken,
    "uq_teams_name": TeamNameTaken,
}
"""What the violation of a rule means to the caller."""
