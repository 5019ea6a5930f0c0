"""The users module's routers. Fixed paths come before ``/users/{user_id}``."""

from __future__ import annotations

from fastapi import APIRouter

from users.accounts.endpoints import router as accounts
from users.auth.endpoints import router as auth
from users.roles.endpoints import router as roles
from users.tenants.endpoints import router as tenants

router = APIRouter()
for part in (auth, tenants, roles, accounts):
    router.include_router(part)
