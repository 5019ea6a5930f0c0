"""The users module: accounts, roles, permissions, teams, sessions, API keys, passwords, and tenants."""

from __future__ import annotations

from users import operators
from users.accounts.endings import ACCESS_ENDINGS
from users.api_keys.usage import KeyUsage
from users.auth.principals import load_absent
from users.caching import cached_bearers, cached_key_holders, cached_profiles, cached_tenants
from users.declarations import DECLARATIONS, DEFAULT_LOCALE, TIME_ZONE
from users.documentation import DOCUMENTATION
from users.endpoints import router
from users.housekeeping import keep_house
from users.introspection.notes import KeyIntrospections
from users.limits import spend_open_request
from users.loading import LOADERS
from users.mailing.handlers import JOB_HANDLERS
from users.mailing.languages import MAIL_TEMPLATES
from users.models import CONSTRAINTS, Team, TeamMember, User
from users.passwords.forms import HashForms
from users.platform.gate import PlatformKeys
from users.schemas import TIMEZONES, Email, Locale, TimeZone, WebAddress, normalize_email
from users.tenants.queries import count_outdated_tenants
from users.tenants.service import has_outdated_tenants

__all__ = [
    "ACCESS_ENDINGS",
    "CONSTRAINTS",
    "DECLARATIONS",
    "DEFAULT_LOCALE",
    "DOCUMENTATION",
    "JOB_HANDLERS",
    "LOADERS",
    "MAIL_TEMPLATES",
    "TIMEZONES",
    "TIME_ZONE",
    "Email",
    "HashForms",
    "KeyIntrospections",
    "KeyUsage",
    "Locale",
    "PlatformKeys",
    "Team",
    "TeamMember",
    "TimeZone",
    "User",
    "WebAddress",
    "cached_bearers",
    "cached_key_holders",
    "cached_profiles",
    "cached_tenants",
    "count_outdated_tenants",
    "has_outdated_tenants",
    "keep_house",
    "load_absent",
    "normalize_email",
    "operators",
    "router",
    "spend_open_request",
]
