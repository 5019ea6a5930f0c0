"""The settings that the users module obeys."""

from __future__ import annotations

from typing import Any, Final

from common.enums import SettingType
from common.registry import Declaration
from shared_auth import PASSWORD_MAX_LENGTH
from users.mailing.languages import LANGUAGES
from users.schemas import TIMEZONES

PASSWORD_MIN_LENGTH: Final = "passwords.min_length"  # noqa: S105 - a setting's key
PASSWORD_MIN_SCORE: Final = "passwords.min_score"  # noqa: S105 - a setting's key
SESSION_IDLE: Final = "sessions.idle_seconds"
SESSION_ABSOLUTE: Final = "sessions.absolute_seconds"
SESSIONS_PER_USER: Final = "sessions.max_per_user"
SECOND_FACTOR_ROLES: Final = "auth.second_factor_roles"
INVITATION_HOURS: Final = "invitations.lifetime_hours"
DEFAULT_LOCALE: Final = "tenant.default_locale"
TIME_ZONE: Final = "tenant.time_zone"

CENTURY: Final = 100 * 365 * 86400  # seconds; as good as no limit
SHORTEST_SESSION: Final = 300  # seconds; below it people would log in more often than they work
MAX_ROLES: Final = 100


def _is_role_list(value: Any) -> str | None:
    """Names, not ids: the same list then serves every tenant. A name that no role has yet harms nobody."""
    if not isinstance(value, list) or len(value) > MAX_ROLES:
        return f"must be a list of at most {MAX_ROLES} names of roles"
    if any(not isinstance(name, str) or not 1 <= len(name) <= 100 for name in value):
        return "must hold names of roles, of 1 to 100 characters each"
    return None


def _is_timezone(value: Any) -> str | None:
    return None if value in TIMEZONES else "is not a time zone of the IANA database, such as Europe/Athens"


DECLARATIONS: Final[tuple[Declaration, ...]] = (
    Declaration(
        PASSWORD_MIN_LENGTH,
        SettingType.INTEGER,
        lambda config: config.password_min_length,
        "Characters that a new password must have at least.",
        is_public=True,
        minimum=8,
        maximum=PASSWORD_MAX_LENGTH,
    ),
    Declaration(
        PASSWORD_MIN_SCORE,
        SettingType.INTEGER,
        3,
        "How hard a new password must be to guess: zxcvbn's score. 3 is 10^8 guesses and more, 4 is 10^10.",
        minimum=0,
        maximum=4,
    ),
    Declaration(
        SESSION_IDLE,
        SettingType.INTEGER,
        lambda config: config.refresh_idle_seconds,
        "Seconds after which a session that was not refreshed ends.",
        minimum=SHORTEST_SESSION,
        maximum=CENTURY,
    ),
    Declaration(
        SESSION_ABSOLUTE,
        SettingType.INTEGER,
        lambda config: config.refresh_absolute_seconds,
        "Seconds after its login at which a session ends, however much it is used and whatever the idle time is.",
        minimum=SHORTEST_SESSION,
        maximum=CENTURY,
    ),
    Declaration(
        SESSIONS_PER_USER,
        SettingType.INTEGER,
        0,
        "How many sessions a user may have; a login beyond that ends the oldest. A lower number ends the surplus, the "
        "oldest first, each with its next refresh. 0 is no limit.",
        minimum=0,
        maximum=1000,
    ),
    Declaration(
        SECOND_FACTOR_ROLES,
        SettingType.JSON,
        [],
        "Names of roles whose holders need a second factor; until they have one they can do nothing but enrol it.",
        check=_is_role_list,
    ),
    Declaration(
        INVITATION_HOURS,
        SettingType.INTEGER,
        7 * 24,
        "Hours for which the link of an invitation is good.",
        minimum=1,
        maximum=90 * 24,
    ),
    Declaration(
        DEFAULT_LOCALE,
        SettingType.STRING,
        "en",
        "The language of new users where nothing else is said.",
        is_public=True,
        choices=LANGUAGES,
    ),
    Declaration(
        TIME_ZONE,
        SettingType.STRING,
        "UTC",
        "The time zone of new users where nothing else is said, by its name in the IANA database.",
        is_public=True,
        check=_is_timezone,
    ),
)
