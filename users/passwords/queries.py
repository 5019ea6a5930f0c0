"""The SQL of passwords."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, column, func, not_, select, table, update

from database import ReadUnit, WriteUnit
from shared_auth import FORM_PATTERN
from users.models import PasswordResetToken, User

# The audit log belongs to another module, which may not be imported from here; reading it is open to every tenant role.
_audit_logs = table(
    "audit_logs", *(column(name) for name in ("target_type", "target_id", "outcome", "ip_address", "occurred_at"))
)


async def list_hash_forms(unit: ReadUnit, usual: str) -> set[str]:
    """The forms of the hashes of living users, but for the usual one: a scan of all of them."""
    form = func.substring(User.password_hash, FORM_PATTERN)
    found = await unit.execute(
        select(form.label("form"))
        .where(User.deleted_at.is_(None), not_(User.password_hash.startswith(usual, autoescape=True)))
        .distinct()
    )
    return {row.form for row in found if row.form}


async def find_person(unit: ReadUnit, user_id: UUID) -> Row[Any] | None:
    """What is known of a living user: no password may be built from it."""
    found = await unit.execute(
        select(User.email, User.username, User.full_name).where(User.id == user_id, User.deleted_at.is_(None))
    )
    return found.one_or_none()


async def find_reset(unit: ReadUnit, digest: bytes, moment: datetime) -> Row[Any] | None:
    """The active user whom an unused token would give a new password, and what is known of him."""
    found = await unit.execute(
        select(PasswordResetToken.user_id, User.email, User.username, User.full_name)
        .join(User, User.id == PasswordResetToken.user_id)
        .where(
            PasswordResetToken.digest == digest,
            PasswordResetToken.used_at.is_(None),
            PasswordResetToken.expires_at > moment,
            User.is_active,
            User.deleted_at.is_(None),
        )
    )
    return found.one_or_none()


async def use_reset_token(unit: WriteUnit, digest: bytes, moment: datetime) -> bool:
    """Use a token up; False when somebody else has, or it expired. The user's row is locked before."""
    used = await unit.execute(
        update(PasswordResetToken)
        .where(
            PasswordResetToken.digest == digest,
            PasswordResetToken.used_at.is_(None),
            PasswordResetToken.expires_at > moment,
        )
        .values(used_at=moment)
        .returning(PasswordResetToken.id)
    )
    return used.one_or_none() is not None


async def lock_account(unit: WriteUnit, user_id: UUID) -> Row[Any] | None:
    """An active user, locked against other changes until COMMIT."""
    found = await unit.execute(
        select(User.id, User.email, User.username, User.full_name, User.locale, User.is_verified)
        .where(User.id == user_id, User.is_active, User.deleted_at.is_(None))
        .with_for_update(key_share=True)
    )
    return found.one_or_none()


async def set_password(unit: WriteUnit, user_id: UUID, password_hash: str, moment: datetime) -> None:
    """Store a new hash. The record's version stays: nothing of what it shows has changed."""
    values = {"password_hash": password_hash, "password_changed_at": moment}
    await unit.execute(update(User).where(User.id == user_id).values(**values))


async def mark_verified(unit: WriteUnit, user_id: UUID, moment: datetime) -> None:
    """Note that the user reads the mail sent to his address."""
    values = {"is_verified": True, "updated_at": moment, "version": User.version + 1}
    await unit.execute(update(User).where(User.id == user_id, ~User.is_verified).values(**values))


async def list_failing_addresses(unit: ReadUnit, user_id: UUID, since: datetime) -> list[str]:
    """The IP addresses from which somebody failed to be this user lately."""
    found = await unit.execute(
        select(_audit_logs.c.ip_address)
        .where(
            _audit_logs.c.target_type == "user",
            _audit_logs.c.target_id == str(user_id),
            _audit_logs.c.outcome == "failure",
            _audit_logs.c.occurred_at > since,
            _audit_logs.c.ip_address.is_not(None),
        )
        .distinct()
    )
    return list(found.scalars())
