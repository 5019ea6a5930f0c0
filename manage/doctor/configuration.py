"""The configuration: what would not start, what is weak, and what was meant for a developer's machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import make_url
from zxcvbn import zxcvbn

from common.config import PLACEHOLDER_SECRET, Config
from manage.doctor.findings import Finding, error, ok, warning

LEAST_GUESSES: Final = 18  # powers of ten, about 60 bits; `openssl rand -hex 16` has twice as many
JUDGED: Final = 72  # characters of a secret that are looked at: zxcvbn takes no longer ones
PUBLISHED_PASSWORDS: Final = {"postgres123", "postgres"}  # the defaults of the documentation
LOCAL: Final = {"localhost", "127.0.0.1", "::1", "localhost.localdomain"}
FEW_BYTES, TOO_FEW_BYTES = 2 * 1024**3, 200 * 1024**2


def examine_configuration(config: Config) -> list[Finding]:
    """Everything that the variables alone tell."""
    found = [*_secrets(config), *(_production(config) if config.environment == "production" else [])]
    found += [*_everywhere(config), *_disk(config.data_dir)]
    return found or [ok("configuration", f"nothing to say of it ({config.environment})")]


def _secrets(config: Config) -> Iterator[Finding]:
    secrets = {
        "SECRET_KEY": config.secret_key,
        "SECRET_KEY_PREVIOUS": config.secret_key_previous,
        "SETTINGS_KEY": config.settings_key,
        "PLATFORM_API_KEY": config.platform_api_key,
    }
    plain = {name: value.get_secret_value() for name, value in secrets.items() if value is not None}
    for name, value in plain.items():
        if value == PLACEHOLDER_SECRET:
            yield error(name, "is the published placeholder", "set a random value: openssl rand -hex 32")
        elif float(zxcvbn(value[:JUDGED])["guesses_log10"]) < LEAST_GUESSES:
            yield error(name, "can be guessed", "set a random value: openssl rand -hex 32")
    if len(set(plain.values())) < len(plain):
        yield error("secrets", f"two of {', '.join(plain)} are the same", "give each a random value of its own")
    urls = {"DATABASE_URL": config.database_url, "DATABASE_OWNER_URL": config.database_owner_url}
    for name, url in urls.items():
        if url is not None and make_url(url.get_secret_value()).password in PUBLISHED_PASSWORDS:
            yield error(name, "has a password that documentation publishes", "change it with ALTER ROLE and in the URL")


def _production(config: Config) -> Iterator[Finding]:
    debugging = {"SQL_ECHO=true": config.sql_echo, "LOG_LEVEL=debug": config.log_level == "debug"}
    for setting, is_set in debugging.items():
        if is_set:
            yield warning(
                setting.partition("=")[0], f"{setting} in production", "unset it: it is for looking for faults"
            )
    if config.log_format == "console":
        yield warning("LOG_FORMAT", "is console in production", "unset it, so that the log can be searched by field")
    if config.smtp_host is None:
        yield warning("SMTP_HOST", "is not set: mails become files, nobody gets them", "name a mail server")
    if urlsplit(config.app_base_url).hostname in LOCAL:
        yield warning("APP_BASE_URL", "links in mails lead to this machine", "set it to the frontend's address")
    if config.mail_from.rstrip(">").endswith("localhost.localdomain"):
        yield warning("MAIL_FROM", "is the default, which no mail server accepts", "set it to an address of yours")
    for origin in config.cors_origins:
        parts = urlsplit(origin)
        if parts.scheme == "http" or parts.hostname in LOCAL:
            yield warning("CORS_ORIGINS", f"{origin} may use the API", "allow only https origins of your own")


def _everywhere(config: Config) -> Iterator[Finding]:
    if not config.rate_limit_enabled:
        yield warning("RATE_LIMIT_ENABLED", "is false: passwords may be tried without end", "unset it")
    if config.platform_api_key is None:
        yield warning(
            "PLATFORM_API_KEY", "is not set: no tenant can be created over HTTP", "set it, or use the command line"
        )
    if config.smtp_tls == "none" and config.smtp_password is not None:
        yield warning(
            "SMTP_TLS", "is none: the mail server's password travels in the open", "set it to starttls or tls"
        )


def _disk(folder: Path) -> Iterator[Finding]:
    existing = next(path for path in (folder.resolve(), *folder.resolve().parents) if path.exists())
    if not os.access(existing, os.W_OK):
        yield error("DATA_DIR", f"{folder} cannot be written to", "give the service's user the folder")
    yield judge_space(folder, shutil.disk_usage(existing).free)


def judge_space(folder: Path, free: int) -> Finding:
    """What so many free bytes of ``DATA_DIR`` mean."""
    said, mend = f"{free / 1024**3:.1f} GiB are free in {folder}", "make room, or put DATA_DIR on a larger disk"
    if free < TOO_FEW_BYTES:
        return error("DATA_DIR", said, mend)
    return warning("DATA_DIR", said, mend) if free < FEW_BYTES else ok("DATA_DIR", said)
