"""The bodies about passwords."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from shared_models import Payload
from users.schemas import Email, Password

MailedToken = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    Field(examples=["k3mPZ0rQvX..."], description="The `token` of the mailed link."),
]


class PasswordChange(Payload):
    """The password one has, and the one to have."""

    current_password: Password
    new_password: Password


class PasswordForgotten(Payload):
    """Where to send the link."""

    email: Email


class PasswordReset(Payload):
    """A mailed token, and the password to have."""

    token: MailedToken
    new_password: Password
