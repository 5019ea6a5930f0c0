"""What the API's document says of the users module beside its operations: its tags, and what examples say."""

from __future__ import annotations

from typing import Final

from common.http.examples import MOMENT, id_of
from common.http.openapi import Documentation

DOCUMENTATION: Final = Documentation(
    tags={
        "authentication": "Log in, stay logged in, prove an address, use a second factor; and ask about tokens.",
        "sessions": "Where somebody is logged in, and how to end that.",
        "passwords": "Change one's own, reset a forgotten one, help others.",
        "users": "The people of a tenant.",
        "roles": "Bundles of permissions, and the catalogue of all permissions.",
        "teams": "Groups of people, which may carry roles.",
        "grants": "Who holds which roles and permissions, and why something is allowed.",
        "invitations": "Ask somebody by mail to join.",
        "API keys": "Credentials for programs; they never may more than their owner may now.",
        "tenants": "Create a tenant, or ask about one.",
        "platform": "For operators, with `X-Platform-Key`: tenants, keys, migrations, system-wide settings.",
    },
    examples={
        # Of every object that has such a field.
        "user_id": id_of("user"),
        "created_by": id_of("user"),
        "updated_by": id_of("user"),
        "granted_by": id_of("user"),
        "invited_by": id_of("user"),
        "last_used_at": MOMENT,
        "occurred_at": MOMENT,
        "request_id": id_of("request"),
        "ip_address": "203.0.113.7",
        "user_agent": "Mozilla/5.0",
        "prev_hash": "0" * 64,
        "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        # Of one.
        "LoginRequest.otp": None,  # only with a second factor
        "PasswordChange.new_password": "another sentence nobody guesses",
        "EmailChange.new_email": "maria.papadaki@acme.example",
        "ApiKeyRotation.grace_seconds": 3600,
        "MemberSet.role": "lead",
        "User.is_active": True,
        "User.is_verified": True,
        "User.last_login_at": MOMENT,
        "User.avatar_url": "https://cdn.example/maria.png",
        "UserRef.id": id_of("user"),
        "RoleRef.id": id_of("role"),
        "TeamRef.id": id_of("team"),
        "Session.current": True,
        "Session.expires_at": "2026-12-14T09:30:00Z",
        "AuthenticationTest.subject": id_of("user"),
        "Introspection.active": True,
        "Introspection.sub": id_of("user"),
        "Introspection.jti": id_of("token"),
        "Introspection.sid": id_of("session"),
        "Introspection.iat": 1796031000,
        "Introspection.exp": 1796031600,
        "ApiKey.expires_at": "2027-11-30T09:30:00Z",
        "ApiKeyWithSecret.id": id_of("ApiKey"),
        "ApiKeyWithSecret.expires_at": "2027-11-30T09:30:00Z",
        "PlatformKeyCreated.id": id_of("PlatformKey"),
        "TenantDetails.exists": True,
        "TenantDetails.ready": True,
        "TenantDetails.missing_tables": [],
        "FleetState.outdated": [],
        "PermissionSource.role": None,
        "PermissionExplanation.allowed": True,
        "PermissionExplanation.level": "team",
        "PermissionExplanation.denied_by": None,
        "EffectivePermissions.denied": ["users:delete"],
        "UsersImportReport.failed": 0,
        "LineResult.errors": [],
    },
)
