"""The users module: accounts, roles, permissions, teams, sessions, API keys, passwords, and tenants."""

from __future__ import annotations

from users.auth.service import load_principal
from users.endpoints import router
from users.models import CONSTRAINTS
from users.tenants.service import count_outdated_tenants, find_tenant

__all__ = ["CONSTRAINTS", "count_outdated_tenants", "find_tenant", "load_principal", "router"]
