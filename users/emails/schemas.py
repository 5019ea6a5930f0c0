"""The bodies about addresses."""

from __future__ import annotations

from shared_models import Payload
from users.passwords.schemas import MailedToken
from users.schemas import Email, Password


class EmailVerification(Payload):
    """A mailed token."""

    token: MailedToken


class VerificationResend(Payload):
    """The address that still waits for its proof."""

    email: Email


class EmailChange(Payload):
    """The password one has, and the address to have."""

    password: Password
    new_email: Email
