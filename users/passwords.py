"""Which passwords are accepted."""

from __future__ import annotations

from common.config import Config
from common.errors import PasswordRefused
from shared_auth import PASSWORD_MAX_LENGTH, normalize_password


def check_password(password: str, config: Config, *, pointer: str = "/body/password") -> None:
    """Raise PasswordRefused unless the length fits. There are no rules of composition (NIST SP 800-63B 5.1.1.2)."""
    length = len(normalize_password(password))
    if not config.password_min_length <= length <= PASSWORD_MAX_LENGTH:
        wanted = f"{config.password_min_length} to {PASSWORD_MAX_LENGTH}"
        raise PasswordRefused(f"The password must have {wanted} characters.", pointer=pointer)
