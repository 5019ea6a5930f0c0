"""The SQL behind mails: who gets them, and the secrets in their links."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, select, update

from database import WriteUnit
from users.models import EmailVerificationToken, Invitation, PasswordResetToken, User


async def find_addressee(
    unit: WriteUnit, *, user_id: UUID | None = None, email_normalized: str | None = None
) -> Row[Any] | None:
    """An active user, by id or by the address it is known under.

    Locked against changes (FOR SHARE): whoever changes the address makes the links sent to the old one worthless, and
    must not miss one that is just being made.
    """
    wanted = User.id == user_id if user_id is not None else User.email_normalized == email_normalized
    found = await unit.execute(
        select(
            User.id,
            User.email,
            User.email_normalized,
            User.username,
            User.full_name,
            User.locale,
            User.is_verified,
            User.password_changed_at,
        )
        .where(wanted, User.is_active, User.deleted_at.is_(None))
        .with_for_update(read=True)
    )
    return found.one_or_none()


async def insert_reset_token(unit: WriteUnit, values: Mapping[str, Any]) -> None:
    """A new secret for setting a password."""
    await unit.execute(insert(PasswordResetToken).values(**values))


async def insert_verification_token(unit: WriteUnit, values: Mapping[str, Any]) -> None:
    """A new secret for proving an address."""
    await unit.execute(insert(EmailVerificationToken).values(**values))


async def end_reset_tokens(unit: WriteUnit, user_id: UUID, moment: datetime) -> None:
    """Use up what is left of a user's tokens for a new password."""
    tokens = update(PasswordResetToken).where(PasswordResetToken.user_id == user_id)
    await unit.execute(tokens.where(PasswordResetToken.used_at.is_(None)).values(used_at=moment))


async def end_verification_tokens(unit: WriteUnit, user_id: UUID, moment: datetime, *, other_than: str | None) -> None:
    """Use up what is left of a user's tokens that prove an address, save those of one address."""
    tokens = update(EmailVerificationToken).where(EmailVerificationToken.user_id == user_id)
    if other_than is not None:
        tokens = tokens.where(EmailVerificationToken.email != other_than)
    await unit.execute(tokens.where(EmailVerificationToken.used_at.is_(None)).values(used_at=moment))


async def renew_invitation(unit: WriteUnit, invitation_id: UUID, digest: bytes, moment: datetime) -> Row[Any] | None:
    """Give a pending invitation its secret; None when it is pending no more."""
    found = await unit.execute(
        update(Invitation)
        .where(
            Invitation.id == invitation_id,
            Invitation.accepted_at.is_(None),
            Invitation.revoked_at.is_(None),
            Invitation.expires_at > moment,
        )
        .values(digest=digest)
        .returning(Invitation.id, Invitation.email, Invitation.locale, Invitation.expires_at)
    )
    return found.one_or_none()
