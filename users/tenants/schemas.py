"""The bodies and answers about tenants."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from shared_models import Payload, PlainText, Shape
from users.schemas import Email, FullName, Password, User, Username

Title = Annotated[PlainText, StringConstraints(min_length=1, max_length=200), Field(examples=["Acme Travel"])]


class FirstAdministrator(Payload):
    """The person who owns the new tenant."""

    email: Email
    username: Username
    password: Password
    full_name: FullName | None = None


class TenantCreate(Payload):
    """A new tenant; its id is in the header X-Tenant-ID."""

    name: Title
    admin: FirstAdministrator


class TenantCreated(Shape):
    """What was made."""

    tenant_id: str = Field(examples=["tenant_acme"])
    schema_name: str = Field(examples=["tenant_acme"])
    revision: str = Field(examples=["0002"])
    admin: User


class TenantState(Shape):
    """Whether a tenant exists and can be used."""

    tenant_id: str = Field(examples=["tenant_acme"])
    exists: bool
    ready: bool


class TenantDetails(TenantState):
    """The same for the platform's operator."""

    status: str | None = Field(examples=["active"])
    schema_name: str = Field(examples=["tenant_acme"])
    revision: str | None = Field(examples=["0002"])
    expected_revision: str = Field(examples=["0002"])
    missing_tables: list[str]
