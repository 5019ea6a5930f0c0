"""The bodies and answers of the second factor."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from shared_models import Payload, Shape
from users.schemas import Password

Code = Annotated[str, StringConstraints(min_length=6, max_length=32), Field(examples=["492039"])]


class TotpSecret(Shape):
    """A new secret, shown once: to be scanned or typed into an authenticator."""

    secret: str = Field(examples=["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"])
    otpauth_uri: str = Field(examples=["otpauth://totp/System%20Service:maria?secret=JBSW..."])
    qr_svg: str = Field(examples=["<svg ...>"])


class TotpConfirmation(Payload):
    """The code that the authenticator shows now."""

    code: Code


class RecoveryCodes(Shape):
    """Ten codes, shown once, each good once in place of the authenticator."""

    recovery_codes: list[str] = Field(examples=[["k7wq-9x2m", "..."]])


class TotpRemoval(Payload):
    """The password, to turn the second factor off."""

    password: Password
