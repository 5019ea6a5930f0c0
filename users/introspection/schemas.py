"""The form and the answers of introspection."""

from __future__ import annotations

from typing import Any, Final, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from shared_models import Shape

FORM: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "required": ["token"],
                    "properties": {
                        "token": {"type": "string", "description": "An access token or an API key of this tenant."},
                        "token_type_hint": {"type": "string", "description": "Accepted, and not needed."},
                    },
                },
                "example": {"token": "ssk_4fTqJ0aZr1Xw9sKdLm2Bv7NcYt5HgPqEuRi3OaSzWxC_0A1b2C"},
            }
        },
    }
}
"""FastAPI would describe a form itself if it could read one, for which it wants a multipart parser."""


class Introspection(Shape):
    """What a credential is worth (RFC 7662 section 2.2). One that is worth nothing has no other member than
    ``active``."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    active: bool
    sub: UUID | None = None
    username: str | None = Field(default=None, examples=["maria"])
    tenant_id: str | None = Field(default=None, examples=["tenant_acme"])
    scope: str | None = Field(
        default=None,
        examples=["settings:read tasks:read:own"],
        description="Permissions held now, separated by spaces.",
    )
    token_type: Literal["access_token", "api_key"] | None = None
    client_id: UUID | None = Field(default=None, description="An API key's id.")
    allowed_cidrs: list[str] | None = Field(
        default=None, description="Where an API key may be used from. The asking service knows its client's address."
    )
    iss: str | None = Field(default=None, examples=["system-service"])
    aud: str | None = Field(default=None, examples=["travel-system"])
    exp: int | None = Field(default=None, description="Seconds since 1970; missing when an API key never expires.")
    iat: int | None = None
    jti: str | None = None
    sid: UUID | None = Field(default=None, description="An access token's session.")


INACTIVE: Final = Introspection(active=False)
