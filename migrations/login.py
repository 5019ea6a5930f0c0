"""How the service itself connects: the login role, its password and its URL. Loads neither Alembic nor an engine."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import URL, make_url

from common.config import Config
from common.keys import derive_key


@dataclass(frozen=True, slots=True)
class Login:
    """How the service itself connects."""

    role: str
    url: str
    direct_url: str  # past PgBouncer, for LISTEN
    replica_url: str | None
    derived: bool  # made and kept for the service, not named by DATABASE_URL


def service_login(config: Config) -> Login:
    """The service's login role and URL.

    With an owner URL of its own, DATABASE_URL names the login role. With one URL only, that is the owner, and the
    service uses a role made for it, whose password follows from SECRET_KEY: nothing has to be stored.
    """
    service = make_url(config.database_url.get_secret_value())
    if make_url(config.owner_url).username != service.username:
        direct = make_url((config.database_direct_url or config.database_url).get_secret_value())
        return Login(
            service.username or "",
            _text(service),
            _text(_as(direct, service)),
            _replica(config, service),
            derived=False,
        )
    role = f"{service.database}_login"[:63]
    password = derive_key(config.secret_key.get_secret_value(), f"database login {role}").hex()
    own = service.set(username=role, password=password)
    direct = make_url((config.database_direct_url or config.database_url).get_secret_value())
    return Login(role, _text(own), _text(_as(direct, own)), _replica(config, own), derived=True)


def _replica(config: Config, account: URL) -> str | None:
    """The replica's roles are the primary's."""
    url = config.database_replica_url
    return _text(_as(make_url(url.get_secret_value()), account)) if url else None


def _as(address: URL, account: URL) -> URL:
    """The same server and database, as another account."""
    return address.set(username=account.username, password=account.password)


def _text(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def plain_dsn(url: str) -> str:
    """SQLAlchemy's URL as asyncpg reads it."""
    return url.replace("postgresql+asyncpg://", "postgresql://", 1)
