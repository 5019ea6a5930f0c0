"""The users module's routers. Fixed paths come before ``/users/{user_id}``."""

from __future__ import annotations

from common.http.mounting import join
from users.accounts.endpoints import router as accounts
from users.api_keys.endpoints import router as api_keys
from users.auth.endpoints import router as auth
from users.emails.endpoints import router as emails
from users.grants.endpoints import router as grants
from users.introspection.endpoints import router as introspection
from users.invitations.endpoints import router as invitations
from users.mfa.endpoints import router as mfa
from users.passwords.endpoints import router as passwords
from users.platform.endpoints import router as platform
from users.roles.endpoints import router as roles
from users.sessions.endpoints import router as sessions
from users.teams.endpoints import router as teams
from users.tenants.endpoints import router as tenants
from users.transfers.endpoints import router as transfers

router = join(
    (
        auth,
        passwords,
        emails,
        introspection,
        sessions,
        mfa,
        api_keys,
        tenants,
        platform,
        roles,
        teams,
        grants,
        invitations,
        transfers,
        accounts,
    )
)
