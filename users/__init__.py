"""The users module: accounts, roles, permissions, teams, sessions, API keys, passwords, and tenants."""

from __future__ import annotations

from users import operators
from users.api_keys.usage import KeyUsage
from users.caching import cached_bearers, cached_key_holders, cached_profiles, cached_tenants
from users.declarations import DECLARATIONS
from users.endpoints import router
from users.housekeeping import keep_house
from users.mailing.handlers import JOB_HANDLERS
from users.mailing.languages import MAIL_TEMPLATES
from users.models import CONSTRAINTS
from users.platform.gate import PlatformKeys
from users.tenants.service import count_outdated_tenants

__all__ = [
    "CONSTRAINTS",
    "DECLARATIONS",
    "JOB_HANDLERS",
    "MAIL_TEMPLATES",
    "KeyUsage",
    "PlatformKeys",
    "cached_bearers",
    "cached_key_holders",
    "cached_profiles",
    "cached_tenants",
    "count_outdated_tenants",
    "keep_house",
    "operators",
    "router",
]
