"""Secret values: sealed with AES-256-GCM, each readable only as the value of its own key in its own schema."""

from __future__ import annotations

import structlog

from common.config import Config
from common.encryption import DecryptionFailed, Vault

log = structlog.get_logger("settings")


def settings_vault(config: Config) -> Vault:
    """Seals with SETTINGS_KEY, or with SECRET_KEY where that is not set; opens what any of the keys sealed."""
    candidates = (config.settings_key, config.secret_key, config.settings_key_previous, config.secret_key_previous)
    current, *others = [secret.get_secret_value() for secret in candidates if secret is not None]
    return Vault("settings", current, *others)


def seal(vault: Vault, schema: str, key: str, secret: str) -> bytes:
    """A secret as it is stored. Copied to another key, or to another tenant by a clone, it opens nothing."""
    return vault.encrypt(secret.encode(), context_of(schema, key))


def unseal(vault: Vault, schema: str, key: str, sealed: bytes) -> str | None:
    """The secret, or None when it was sealed elsewhere or with a key that is gone."""
    try:
        return vault.decrypt(sealed, context_of(schema, key)).decode()
    except DecryptionFailed:
        log.warning("secret_not_readable", key=key)
        return None


def context_of(schema: str, key: str) -> str:
    """What a secret is bound to: its key, in its schema."""
    return f"{schema}/settings/{key}"
