"""The rules of the second factor.

Codes are RFC 6238 with its defaults (SHA-1, six digits, thirty seconds), which every authenticator knows; one step
before and after the current one is accepted for clocks that differ.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import datetime
from typing import Final
from uuid import UUID

import pyotp
import segno

from common.audit import Change, Target
from common.clock import now
from common.encryption import Renewal, Vault
from common.errors import MfaAlreadyEnabled, MfaCodeInvalid, NotFound
from database import WriteUnit
from serving.visit import Visit
from shared_auth import Principal
from users.auth.confirmation import confirm_password
from users.auth.principals import forget_rights
from users.mfa import queries
from users.mfa.schemas import RecoveryCodes, TotpSecret

STEP_SECONDS: Final = 30
TOLERATED_STEPS: Final = (0, -1, 1)
RECOVERY_CODES: Final = 10
CHUNK: Final = 500  # authenticators encrypted anew at once
RECOVERY_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # without what is mistaken for something else
ISSUER: Final = "System Service"


async def begin_totp(unit: WriteUnit, actor: Principal, vault: Vault) -> TotpSecret:
    """A new secret, which counts for nothing until it is confirmed. Raises MfaAlreadyEnabled."""
    secret = pyotp.random_base32()
    stored = vault.encrypt(secret.encode(), _context(actor.user_id))
    if not await queries.put_unconfirmed(unit, actor.user_id, stored, now()):
        raise MfaAlreadyEnabled
    unit.audit("auth.mfa.begun", target=_target(actor))
    uri = pyotp.TOTP(secret).provisioning_uri(name=actor.username, issuer_name=ISSUER)
    return TotpSecret(secret=secret, otpauth_uri=uri, qr_svg=segno.make(uri).svg_inline(scale=4))


async def confirm_totp(unit: WriteUnit, actor: Principal, code: str, vault: Vault) -> RecoveryCodes:
    """Turn the second factor on once its first code is right. Raises MfaCodeInvalid, MfaAlreadyEnabled, NotFound."""
    totp = await queries.find_totp(unit, actor.user_id)
    if totp is None:
        raise NotFound("Ask for a secret first.")
    if totp.confirmed_at is not None:
        raise MfaAlreadyEnabled
    secret = vault.decrypt(totp.secret, _context(actor.user_id)).decode()
    moment = now()
    step = matching_step(secret, code, moment)
    if step is None or not await queries.use_step(unit, actor.user_id, step):
        raise MfaCodeInvalid
    codes = [_new_recovery_code() for _ in range(RECOVERY_CODES)]
    await queries.confirm_totp(unit, actor.user_id, moment, [_digest(actor.user_id, code) for code in codes])
    unit.audit("auth.mfa.enabled", target=_target(actor))
    forget_rights(unit)
    return RecoveryCodes(recovery_codes=codes)


async def remove_totp(visit: Visit, actor: Principal, password: str) -> None:
    """Turn the second factor off. Raises PasswordWrong, TooManyRequests, NotFound."""
    await confirm_password(visit, actor, password)
    async with visit.write() as unit:
        if not await queries.delete_totp(unit, actor.user_id):
            raise NotFound("The second factor is off.")
        unit.audit("auth.mfa.disabled", target=_target(actor))
        forget_rights(unit)


async def use_second_factor(unit: WriteUnit, user_id: UUID, code: str, vault: Vault) -> bool:
    """Whether a code, of the authenticator or for recovery, is right and was not used before; it is used up now."""
    moment = now()
    compact = re.sub(r"[\s-]", "", code)
    if not (compact.isascii() and compact.isdigit()):
        return await queries.use_recovery_code(unit, user_id, _digest(user_id, compact), moment)
    totp = await queries.find_totp(unit, user_id)
    if totp is None or totp.confirmed_at is None:
        return False
    secret = vault.decrypt(totp.secret, _context(user_id)).decode()
    step = matching_step(secret, compact, moment)
    return step is not None and await queries.use_step(unit, user_id, step)


async def renew_secrets(unit: WriteUnit, vault: Vault) -> Renewal:
    """Encrypt every authenticator's secret with the current key, which is another one after a rotation."""
    found, after = Renewal(), UUID(int=0)
    while rows := await queries.list_secrets(unit, after, CHUNK):
        renewed = [(row.user_id, found.renew(vault, row.secret, _context(row.user_id))) for row in rows]
        changed = [(user_id, sealed) for user_id, sealed in renewed if sealed is not None]
        if changed:
            await queries.put_secrets(unit, changed)
        after = rows[-1].user_id
    if found.renewed:
        unit.audit("auth.mfa.secrets_renewed", changes=[Change("renewed", None, found.renewed)])
    return found


def matching_step(secret: str, code: str, moment: datetime) -> int | None:
    """The time step whose code this is, compared in constant time, or None."""
    current = int(moment.timestamp()) // STEP_SECONDS
    totp = pyotp.TOTP(secret)
    matches = [current + offset for offset in TOLERATED_STEPS if _same(totp.generate_otp(current + offset), code)]
    return matches[0] if matches else None


def _same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogatepass"))


def _new_recovery_code() -> str:
    letters = [secrets.choice(RECOVERY_ALPHABET) for _ in range(12)]  # 59 bits
    return "-".join("".join(letters[start : start + 4]) for start in (0, 4, 8))


def _digest(user_id: UUID, code: str) -> bytes:
    compact = re.sub(r"[\s-]", "", code).lower()
    return hashlib.sha256(user_id.bytes + compact.encode("utf-8", "surrogatepass")).digest()


def _context(user_id: UUID) -> str:
    return f"totp/{user_id}"


def _target(actor: Principal) -> Target:
    return Target("user", str(actor.user_id), actor.username)
