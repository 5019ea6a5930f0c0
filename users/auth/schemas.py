"""The bodies and answers of authentication."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from shared_auth import RequiredAction
from shared_models import Payload, Shape, Timestamp
from users.schemas import Login, Password, RoleRef, User

EXAMPLE_REFRESH_TOKEN = "ssr_AaIHC9cCda-..."  # noqa: S105 - shown in the documentation


class LoginRequest(Payload):
    """User name or e-mail, password, and a code where a second factor is on."""

    username: Login
    password: Password
    otp: Annotated[str, StringConstraints(min_length=6, max_length=32)] | None = Field(
        default=None, examples=["492039"], description="Six digits of the authenticator, or a recovery code."
    )


class RefreshRequest(Payload):
    """The newest refresh token of a session."""

    refresh_token: Annotated[str, StringConstraints(min_length=1, max_length=200)] = Field(
        examples=[EXAMPLE_REFRESH_TOKEN]
    )


class TokenPair(Shape):
    """A short-lived access token, and the refresh token that brings the next one."""

    access_token: str = Field(examples=["eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9..."])
    refresh_token: str = Field(examples=[EXAMPLE_REFRESH_TOKEN])
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - RFC 6749 section 7.1
    expires_in: int = Field(examples=[600], description="Seconds the access token lives.")
    refresh_expires_in: int = Field(examples=[1209600], description="Seconds the refresh token lives if unused.")
    session_id: UUID
    user: User
    required_action: RequiredAction | None = Field(
        default=None, description="What must be done before anything else is allowed, as the settings demand."
    )


class Session(Shape):
    """A login on some device."""

    id: UUID
    created_at: Timestamp
    last_used_at: Timestamp
    expires_at: Timestamp
    ip_address: str | None = Field(examples=["203.0.113.7"])
    user_agent: str | None = Field(examples=["Mozilla/5.0"])
    current: bool


class Me(Shape):
    """Who is signed in, with which rights."""

    user: User
    tenant_id: str = Field(examples=["tenant_acme"])
    roles: list[RoleRef] = Field(description="Held directly or through a team.")
    permissions: list[str] = Field(examples=[["tasks:read:own", "settings:read"]])
    session: Session | None
    required_action: RequiredAction | None = Field(description="What must be done before anything else is allowed.")


class AuthenticationTest(Shape):
    """That the credential works, and whose it is."""

    authenticated: Literal[True] = True
    tenant_id: str = Field(examples=["tenant_acme"])
    subject: UUID
    via: Literal["token", "api_key"]
