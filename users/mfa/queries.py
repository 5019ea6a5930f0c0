"""The SQL of the second factor."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from common.ids import new_id
from database import ReadUnit, WriteUnit
from users.models import RecoveryCode, User, UserTotp


async def find_totp(unit: ReadUnit, user_id: UUID) -> Row[Any] | None:
    """A user's authenticator, confirmed or not."""
    found = await unit.execute(
        select(UserTotp.secret, UserTotp.last_step, UserTotp.confirmed_at).where(UserTotp.user_id == user_id)
    )
    return found.one_or_none()


async def list_secrets(unit: ReadUnit, after: UUID, limit: int) -> Sequence[Row[Any]]:
    """The next authenticators by their users' ids."""
    statement = select(UserTotp.user_id, UserTotp.secret).where(UserTotp.user_id > after)
    return (await unit.execute(statement.order_by(UserTotp.user_id).limit(limit).with_for_update())).all()


async def put_secrets(unit: WriteUnit, secrets: Sequence[tuple[UUID, bytes]]) -> None:
    """Store other ciphertexts of the same secrets."""
    statement = update(UserTotp).where(UserTotp.user_id == bindparam("user")).values(secret=bindparam("sealed"))
    await unit.execute(statement, [{"user": user_id, "sealed": sealed} for user_id, sealed in secrets])


async def put_unconfirmed(unit: WriteUnit, user_id: UUID, secret: bytes, moment: datetime) -> bool:
    """Store a new secret in place of an unconfirmed one; False when a confirmed one is there."""
    statement = upsert(UserTotp).values(user_id=user_id, secret=secret, last_step=0, created_at=moment)
    stored = await unit.execute(
        statement.on_conflict_do_update(
            index_elements=["user_id"],
            set_={"secret": secret, "last_step": 0, "created_at": moment},
            where=UserTotp.confirmed_at.is_(None),
        ).returning(UserTotp.user_id)
    )
    return stored.one_or_none() is not None


async def use_step(unit: WriteUnit, user_id: UUID, step: int) -> bool:
    """Note a time step as used; False when it, or a later one, was used before: a code works once."""
    used = await unit.execute(
        update(UserTotp)
        .where(UserTotp.user_id == user_id, UserTotp.last_step < step)
        .values(last_step=step)
        .returning(UserTotp.user_id)
    )
    return used.one_or_none() is not None


async def confirm_totp(unit: WriteUnit, user_id: UUID, moment: datetime, digests: Sequence[bytes]) -> None:
    """Turn the second factor on, with new recovery codes."""
    await unit.execute(update(UserTotp).where(UserTotp.user_id == user_id).values(confirmed_at=moment))
    await unit.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    rows = [{"id": new_id(), "user_id": user_id, "digest": digest, "created_at": moment} for digest in digests]
    await unit.execute(insert(RecoveryCode), rows)
    await _mark(unit, user_id, enabled=True)


async def delete_totp(unit: WriteUnit, user_id: UUID) -> bool:
    """Turn the second factor off; False when it was off."""
    removed = await unit.execute(
        delete(UserTotp)
        .where(UserTotp.user_id == user_id, UserTotp.confirmed_at.is_not(None))
        .returning(UserTotp.user_id)
    )
    if removed.one_or_none() is None:
        return False
    await unit.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    await _mark(unit, user_id, enabled=False)
    return True


async def use_recovery_code(unit: WriteUnit, user_id: UUID, digest: bytes, moment: datetime) -> bool:
    """Use a recovery code up; of many at once one succeeds."""
    used = await unit.execute(
        update(RecoveryCode)
        .where(RecoveryCode.user_id == user_id, RecoveryCode.digest == digest, RecoveryCode.used_at.is_(None))
        .values(used_at=moment)
        .returning(RecoveryCode.id)
    )
    return used.one_or_none() is not None


async def _mark(unit: WriteUnit, user_id: UUID, *, enabled: bool) -> None:
    await unit.execute(update(User).where(User.id == user_id).values(mfa_enabled=enabled, version=User.version + 1))
