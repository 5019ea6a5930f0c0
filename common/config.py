"""The service's configuration: one frozen object, read from the environment once, in ``main``.

The word *settings* belongs to the business module; here it is always *config*.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from common.cache.addresses import read_group
from common.shards import HOME, check_port, postgresql_url, read_shards

PLACEHOLDER_SECRET = "your-secret-key-change-in-production"  # noqa: S105 - the published placeholder, refused below
KEY_MARKS = ("-----BEGIN", "ssh-")  # such a secret would be taken for a public key, and every login would fail
LEAST_PASSWORD_MEMORY = 19_456  # KiB: OWASP's argon2id with two passes and one lane
OTLP_PROTOCOL = "http/protobuf"
# Narrower than what OpenTelemetry's SDK takes, so that it takes whatever passes here.
OTLP_HEADER = re.compile(r"[A-Za-z0-9!#$&'*+.^_`|~-]+=[\x20\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")
MIN_SECRET_BYTES = 32  # RFC 7518 section 3.2: an HS256 key has at least the length of its hash

# An origin as browsers write it (RFC 6454 section 6.2): lower case, no path, no user, no wildcard.
ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")

Seconds = Annotated[int, Field(ge=1)]
Duration = Annotated[float, Field(ge=0.01, le=3600, allow_inf_nan=False)]  # below 1 ms PostgreSQL reads "no limit"
CommaSeparated = Annotated[tuple[str, ...], NoDecode]


class ConfigError(Exception):
    """The environment holds values the service cannot run with; ``lines`` has one sentence per variable."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class Config(BaseSettings):
    """Every variable the service reads. ``.env.example`` is generated from these fields."""

    # Defaults are checked like values: the placeholder secret is one, and URLs get their driver.
    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=True, validate_default=True
    )

    # -- Strictness -------------------------------------------------------------------------------------------------
    # First, because validators see the fields above their own, and the secret's asks for it.
    environment: Literal["development", "production"] = Field(
        default="production", description="`production` refuses the placeholder secret."
    )

    # -- Database ---------------------------------------------------------------------------------------------------
    database_url: SecretStr = Field(
        default=SecretStr("postgresql://postgres:postgres123@localhost:5432/multitenant_db"),
        description="PostgreSQL 13 to 18, plain or `postgresql+asyncpg://` form. "
        "`make run` starts its own server when this is unset.",
    )
    database_owner_url: SecretStr | None = Field(
        default=None, description="Role that owns the schemas: migrations and tenant creation. Default: DATABASE_URL."
    )
    database_replica_url: SecretStr | None = Field(
        default=None, description="Streaming replica, for lists, searches and statistics; needs Redis."
    )
    database_direct_url: SecretStr | None = Field(
        default=None, description="The same server past PgBouncer, for migrations and LISTEN. Default: DATABASE_URL."
    )
    database_shards: SecretStr | None = Field(
        default=None,
        description="Further servers that hold tenants, as `north=postgresql://...`, separated by spaces; "
        "`north.owner=` and `north.direct=` mean there what DATABASE_OWNER_URL and DATABASE_DIRECT_URL do here.",
    )
    tenant_placement: CommaSeparated = Field(
        default=(HOME,),
        description="Shards that take new tenants; the one with the fewest does. `default` is DATABASE_URL's server.",
    )
    database_pool_size: int = Field(default=10, ge=1, le=1000, description="Connections per process.")
    database_pool_timeout: Duration = Field(default=5.0, description="Seconds to wait for one, then 503.")
    database_pool_recycle: Seconds = Field(default=1800, description="Seconds after which a connection is replaced.")
    database_connection_tenants: int = Field(
        default=100,
        ge=0,
        description="Tenants that a connection serves before it is replaced: PostgreSQL keeps memory for each. "
        "0: any number.",
    )
    database_subpools: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Parts of the pool, each for its own share of the tenants; DATABASE_POOL_SIZE is divided.",
    )
    database_connect_timeout: Duration = Field(default=4.0, description="Seconds to open a connection.")
    database_statement_timeout: Duration = Field(default=8.0, description="Seconds one SQL statement may take.")
    database_prepared_statements: bool = Field(
        default=True, description="Keep statements prepared; `false` behind a PgBouncer older than 1.21."
    )
    export_pool_size: int = Field(default=2, ge=1, le=100, description="Exports at the same time per process.")
    export_stall_seconds: Duration = Field(
        default=30.0, description="Seconds an export may stand still, because nobody reads it or nothing comes."
    )
    export_seconds: Seconds = Field(default=3600, description="Seconds an export may take in all.")
    migrate_on_start: bool = Field(
        default=True, description="Bring roles and the system schema up to date at the start, if the owner URL may."
    )

    # -- Secrets ----------------------------------------------------------------------------------------------------
    secret_key: SecretStr = Field(
        default=SecretStr(PLACEHOLDER_SECRET),
        description="Signs tokens and cursors: 32 bytes or more, random, the same in every process. "
        "The placeholder is refused in production.",
    )
    platform_api_key: SecretStr | None = Field(
        default=None, description="First platform key (`X-Platform-Key`); 32 characters or more."
    )

    secret_key_previous: SecretStr | None = Field(
        default=None, description="SECRET_KEY as it was before a rotation: its tokens stay valid until they expire."
    )
    settings_key: SecretStr | None = Field(
        default=None,
        description="Encrypts the settings that are secrets; 32 bytes or more. Default: a key derived from SECRET_KEY.",
    )
    settings_key_previous: SecretStr | None = Field(
        default=None, description="SETTINGS_KEY as it was before a rotation: what it encrypted stays readable."
    )

    # -- Tokens -----------------------------------------------------------------------------------------------------
    jwt_algorithm: Literal["HS256", "ES256", "RS256"] = Field(
        default="HS256", description="HS256 signs with SECRET_KEY, the others with JWT_PRIVATE_KEY_FILE."
    )
    jwt_private_key_file: Path | None = Field(
        default=None, description="Private key in PEM; `python -m manage keys rotate` makes and replaces it."
    )
    jwt_issuer: str = Field(default="system-service", min_length=1, description="Claim `iss` of access tokens.")
    jwt_audience: str = Field(default="travel-system", min_length=1, description="Claim `aud` of access tokens.")
    access_token_seconds: Seconds = Field(default=600, le=3600, description="Lifetime of an access token.")
    jwt_leeway_seconds: int = Field(default=10, ge=0, le=60, description="Clock difference tolerated.")
    refresh_idle_seconds: Seconds = Field(default=14 * 86400, description="A session unused this long ends.")
    refresh_absolute_seconds: Seconds = Field(default=30 * 86400, description="A session older than this ends.")
    refresh_grace_seconds: int = Field(
        default=10, ge=0, le=60, description="A refresh token may be repeated this long after its rotation."
    )

    # -- Passwords --------------------------------------------------------------------------------------------------
    password_min_length: int = Field(default=12, ge=8, le=128, description="Shortest password accepted.")
    password_memory_kib: int = Field(
        default=LEAST_PASSWORD_MEMORY,
        ge=64,
        le=1_048_576,
        description="Memory of one argon2id hash, in KiB; production refuses less than OWASP's 19456. "
        "Hashes of another cost are renewed at the next login.",
    )
    password_workers: int = Field(default=2, ge=1, le=64, description="Password hashes computed at the same time.")
    password_queue: int = Field(default=64, ge=1, description="Hashes waiting beyond that; more get 503.")

    # -- Limits -----------------------------------------------------------------------------------------------------
    rate_limit_enabled: bool = Field(default=True, description="Count tries at the doors that are open to anybody.")
    login_tries_per_client: int = Field(
        default=10, ge=1, description="Failed logins of one account from one address in five minutes, then 429."
    )
    login_tries_per_account: int = Field(
        default=100, ge=1, description="Failed logins of one account from strange addresses in an hour, then 429."
    )
    login_tries_per_address: int = Field(
        default=100, ge=1, description="Failed logins from one address in five minutes, then 429."
    )
    login_tries_overall: int = Field(default=3000, ge=1, description="Failed logins in all in five minutes, then 429.")
    mail_requests_per_account: int = Field(
        default=5, ge=1, description="Mails that one address may be sent on request in an hour; more are dropped."
    )
    open_requests_per_address: int = Field(
        default=300, ge=1, description="Other requests without a credential from one address in a minute, then 429."
    )

    flag_streams: int = Field(
        default=800, ge=1, description="Clients of a process that may listen to flag changes; more get 503."
    )
    flag_streams_per_tenant: int = Field(
        default=400, ge=1, description="Of these, clients of one tenant; more get 429."
    )

    # -- Redis ------------------------------------------------------------------------------------------------------
    redis_host: str = Field(default="localhost", description="Redis or Valkey host.")
    redis_port: int = Field(default=6379, ge=1, le=65535, description="Redis or Valkey port.")
    redis_url: SecretStr | None = Field(
        default=None,
        description="Instead of host and port: `redis://`, `rediss://`, `unix://`, "
        "`redis+sentinel://host:26379,host2:26379/service/0`, `redis+cluster://host:6379,host2:6379`, or `none`.",
    )

    # -- Listening --------------------------------------------------------------------------------------------------
    host: str = Field(default="0.0.0.0", description="Listen address.")  # noqa: S104 - the contract's default
    port: int = Field(default=8008, ge=1, le=65535, description="Listen port.")
    workers: int = Field(default=1, ge=1, le=256, description="Processes.")
    drain_seconds: float = Field(
        default=2.0,
        ge=0,
        le=60,
        allow_inf_nan=False,
        description="Seconds for which a process goes on after SIGTERM, not ready any more: longer than load balancers "
        "take to notice.",
    )
    work_off_jobs: bool = Field(
        default=True, description="Send mails and reminders and clean up in these processes; `false` where others do."
    )
    docs_enabled: bool = Field(default=True, description="Serve /docs, /redoc and /openapi.json.")
    metrics_port: int | None = Field(
        default=None, ge=1, le=65535, description="Serve /metrics on this port only instead of the service's own."
    )
    cors_origins: CommaSeparated = Field(default=(), description="Exact origins of browsers, comma-separated.")
    trusted_proxies: CommaSeparated = Field(
        default=(), description="Addresses or networks whose X-Forwarded-For is believed, comma-separated."
    )
    max_body_bytes: int = Field(default=1_048_576, ge=1024, description="Largest request body, uploads excepted.")
    max_head_bytes: int = Field(
        default=32_768, ge=4096, le=1_048_576, description="Largest request line with its headers."
    )
    max_headers: int = Field(default=100, ge=20, le=10_000, description="Most headers of a request.")
    head_seconds: Duration = Field(
        default=10.0, description="Seconds until a request's headers are there; then the connection is closed."
    )
    body_stall_seconds: Duration = Field(default=30.0, description="Seconds a body may stand still; then 408.")
    body_bytes_per_second: int = Field(
        default=4096, ge=1, description="Least pace of a body, once it has had those seconds; slower ones are 408."
    )

    # -- Logs -------------------------------------------------------------------------------------------------------
    sql_echo: bool = Field(default=False, description="Log every SQL statement.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least severity.")
    log_format: Literal["json", "console"] = Field(default="json", description="`json` for machines.")

    # -- Traces -----------------------------------------------------------------------------------------------------
    # OpenTelemetry's own names. Its SDK reads the others itself, such as those of the sampler.
    otel_exporter_otlp_endpoint: str | None = Field(
        default=None,
        description="Collector that takes traces by OTLP over HTTP, such as `http://127.0.0.1:4318`; none are made "
        "without one. Needs the extra `tracing`.",
    )
    otel_exporter_otlp_traces_endpoint: str | None = Field(
        default=None, description="The whole address instead, such as `http://127.0.0.1:4318/v1/traces`."
    )
    # The SDK reads these two itself; a wrong one it would write into the log.
    otel_exporter_otlp_headers: SecretStr | None = Field(
        default=None, description="What collectors want to see, such as a key: `name=value,name=value`."
    )
    otel_exporter_otlp_traces_headers: SecretStr | None = Field(
        default=None, description="The same for traces alone. Default: OTEL_EXPORTER_OTLP_HEADERS."
    )
    otel_traces_exporter: Literal["otlp", "none"] = Field(
        default="otlp", description="`none` makes no traces, whatever the endpoint."
    )
    otel_sdk_disabled: bool = Field(default=False, description="`true` makes no traces either.")
    otel_exporter_otlp_protocol: str = Field(
        default=OTLP_PROTOCOL, description="How collectors are spoken to; traces are sent in this way only."
    )
    otel_exporter_otlp_traces_protocol: str | None = Field(
        default=None, description="The same for traces alone. Default: OTEL_EXPORTER_OTLP_PROTOCOL."
    )

    # -- Mail -------------------------------------------------------------------------------------------------------
    smtp_host: str | None = Field(default=None, description="Mail server. Without one, mails go to DATA_DIR/mail.")
    smtp_port: int = Field(default=587, ge=1, le=65535, description="Its port.")
    smtp_user: str | None = Field(default=None, description="User name, if it wants one.")
    smtp_password: SecretStr | None = Field(default=None, description="Password of that user.")
    smtp_tls: Literal["none", "starttls", "tls"] = Field(default="starttls", description="How it is encrypted.")
    mail_from: str = Field(
        default="System Service <no-reply@localhost.localdomain>", description="Sender of all mails."
    )
    app_base_url: str = Field(
        default="http://localhost:3000", description="The frontend's address, which the links in mails lead to."
    )

    # -- Tenants ----------------------------------------------------------------------------------------------------
    tenant_delete_grace_days: int = Field(
        default=30, ge=0, description="Days between a tenant's deletion and the moment its data is dropped."
    )
    max_archive_bytes: int = Field(
        default=10 * 1024**3, ge=1024, description="Largest tenant archive that may be imported."
    )

    # -- Files ------------------------------------------------------------------------------------------------------
    data_dir: Path = Field(default=Path(".data"), description="Embedded servers, generated keys, attachments.")
    attachments_url: str | None = Field(
        default=None,
        description="Where attachments lie, for this deployment alone: `file:///folder`, or `s3://bucket/prefix` with "
        "the usual AWS_ variables for credentials and region. Default: DATA_DIR/attachments.",
    )
    attachments_s3_endpoint: str | None = Field(
        default=None, description="Address of an S3 that is not Amazon's, such as `http://127.0.0.1:9000`."
    )
    max_upload_bytes: int = Field(
        default=1024**3, ge=1024, le=48 * 1024**3, description="Largest file; tenants have a limit of their own below."
    )
    max_uploads: int = Field(
        default=64,
        ge=1,
        le=1000,
        description="Files received at the same time per process, some 12 MB of memory each; more get 503.",
    )
    max_uploads_per_tenant: int = Field(
        default=32, ge=1, le=1000, description="Of these, files of one tenant; more get 429."
    )
    upload_seconds: Seconds = Field(default=7200, le=43_200, description="Seconds an upload may take in all.")

    @classmethod
    def from_environment(cls) -> Self:
        """Read the environment. Raises ConfigError with one line per variable that is wrong."""
        try:
            return cls()
        except ValidationError as error:
            raise ConfigError([_explain(item["loc"], item["msg"]) for item in error.errors()]) from None

    @field_validator("secret_key")
    @classmethod
    def _is_strong(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        secret = value.get_secret_value()
        if secret == PLACEHOLDER_SECRET and info.data.get("environment") == "production":
            raise ValueError("is the published placeholder; set a random value of 32 bytes or more")
        if len(secret.encode()) < MIN_SECRET_BYTES:
            raise ValueError(f"must have at least {MIN_SECRET_BYTES} bytes")
        if any(mark in secret for mark in KEY_MARKS):
            raise ValueError("must be a secret, not a key in PEM or SSH form")
        return value

    @field_validator("settings_key")
    @classmethod
    def _is_as_strong(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value().encode()) < MIN_SECRET_BYTES:
            raise ValueError(f"must have at least {MIN_SECRET_BYTES} bytes")
        return value

    @field_validator("password_memory_kib")
    @classmethod
    def _is_dear_enough(cls, value: int, info: ValidationInfo) -> int:
        if value < LEAST_PASSWORD_MEMORY and info.data.get("environment") == "production":
            raise ValueError(f"must be at least {LEAST_PASSWORD_MEMORY} in production")
        return value

    @field_validator("refresh_absolute_seconds")
    @classmethod
    def _is_not_below_idle(cls, value: int, info: ValidationInfo) -> int:
        if value < info.data.get("refresh_idle_seconds", value):
            raise ValueError("must not be less than REFRESH_IDLE_SECONDS")
        return value

    @field_validator("metrics_port")
    @classmethod
    def _is_a_port_of_its_own(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and value == info.data.get("port"):
            raise ValueError("must differ from PORT; leave it unset to serve /metrics there")
        if value is not None and info.data.get("workers", 1) > 1:
            raise ValueError("is for one process, and WORKERS asks for more; run replicas of one process instead")
        return value

    @field_validator("database_url", "database_owner_url", "database_replica_url", "database_direct_url")
    @classmethod
    def _is_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        return SecretStr(postgresql_url(value.get_secret_value())) if value is not None else None

    @field_validator("database_shards")
    @classmethod
    def _are_shards(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            read_shards(value.get_secret_value())
        return value

    @field_validator("tenant_placement")
    @classmethod
    def _are_known_shards(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if "database_shards" not in info.data:  # it is wrong itself, which is told
            return value
        shards = info.data["database_shards"]
        known = {HOME, *(read_shards(shards.get_secret_value()) if shards is not None else ())}
        unknown = sorted(set(value) - known)
        if not value or unknown:
            raise ValueError(f"must name shards of DATABASE_SHARDS, or {HOME}: {', '.join(unknown) or 'there is none'}")
        return value

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and value.get_secret_value() != "none":
            scheme, separator, rest = value.get_secret_value().partition("://")
            if not separator or scheme.partition("+")[0] not in {"redis", "rediss", "unix"}:
                raise ValueError("must look like redis://host:6379/0, or be `none`")
            if "+" not in scheme:
                check_port(rest)
            elif read_group(value.get_secret_value()) is None:
                raise ValueError("must begin with redis+sentinel://, redis+cluster://, or the same with rediss")
        return value

    @field_validator("platform_api_key")
    @classmethod
    def _is_long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 32:
            raise ValueError("must have at least 32 characters")
        return value

    @field_validator("cors_origins", "trusted_proxies", "tenant_placement", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("cors_origins")
    @classmethod
    def _are_exact_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if ORIGIN.fullmatch(origin) is None:
                raise ValueError(f"{origin!r} is not an origin such as https://app.example.com (no path, no wildcard)")
        return value

    @field_validator("app_base_url")
    @classmethod
    def _is_base_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
            raise ValueError("must look like https://app.example.com")
        return value.rstrip("/")

    @field_validator("attachments_url")
    @classmethod
    def _is_a_store(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "file:///")
        is_folder = parts.scheme == "file" and not parts.netloc and parts.path.startswith("/")
        is_bucket = parts.scheme == "s3" and bool(parts.netloc) and "@" not in parts.netloc
        if not (is_folder or is_bucket) or parts.query or parts.fragment:
            raise ValueError("must look like file:///folder or s3://bucket/prefix")
        return value

    @field_validator("attachments_s3_endpoint")
    @classmethod
    def _is_an_endpoint(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "https://s3")
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
            raise ValueError("must look like https://s3.example.com")
        return value

    @field_validator("otel_exporter_otlp_endpoint", "otel_exporter_otlp_traces_endpoint")
    @classmethod
    def _is_a_collector(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "http://collector")
        is_plain = not (parts.query or parts.fragment or "@" in parts.netloc)  # secrets go into the headers
        if parts.scheme not in {"http", "https"} or not parts.hostname or not is_plain:
            raise ValueError("must look like http://collector.example.com:4318")
        return value

    @field_validator("otel_exporter_otlp_headers", "otel_exporter_otlp_traces_headers")
    @classmethod
    def _are_headers(cls, value: SecretStr | None) -> SecretStr | None:
        parts = value.get_secret_value().split(",") if value is not None else ()
        if not all(OTLP_HEADER.fullmatch(part.strip(" \t")) for part in parts if part.strip(" \t")):
            raise ValueError("must look like name=value,name=value, with what is not plain percent-encoded")
        return value

    @field_validator("otel_exporter_otlp_traces_protocol")
    @classmethod
    def _is_spoken(cls, value: str | None, info: ValidationInfo) -> str | None:
        spoken = value or info.data.get("otel_exporter_otlp_protocol", OTLP_PROTOCOL)
        if spoken != OTLP_PROTOCOL and _traces_endpoint(info.data) is not None:
            raise ValueError(f"must be {OTLP_PROTOCOL}, whatever OTEL_EXPORTER_OTLP_PROTOCOL says to others")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            ipaddress.ip_network(network)
        return value

    @property
    def owner_url(self) -> str:
        """Where migrations and tenant creation connect."""
        return (self.database_owner_url or self.database_direct_url or self.database_url).get_secret_value()

    @property
    def shards(self) -> tuple[str, ...]:
        """The names of the servers beside that of DATABASE_URL."""
        return tuple(read_shards(self.database_shards.get_secret_value())) if self.database_shards is not None else ()

    def on(self, shard: str) -> Self:
        """This configuration as it would be if that server were the only one."""
        if shard == HOME:
            return self
        assert self.database_shards is not None
        found = read_shards(self.database_shards.get_secret_value())[shard]
        return self.model_copy(
            update={
                "database_url": SecretStr(found.url),
                "database_owner_url": SecretStr(found.owner_url) if found.owner_url else None,
                "database_direct_url": SecretStr(found.direct_url) if found.direct_url else None,
                "database_replica_url": None,
                "database_shards": None,
                "tenant_placement": (HOME,),
            }
        )

    @property
    def traces_endpoint(self) -> str | None:
        """Where traces are sent, or None when none are made."""
        return _traces_endpoint(self.__dict__)

    @property
    def redis_address(self) -> str | None:
        """The cache's URL, or None when the service runs without one."""
        if self.redis_url is None:
            host = f"[{self.redis_host}]" if ":" in self.redis_host else self.redis_host  # IPv6
            return f"redis://{host}:{self.redis_port}/0"
        url = self.redis_url.get_secret_value()
        return None if url == "none" else url


def _traces_endpoint(values: Mapping[str, Any]) -> str | None:
    if values.get("otel_sdk_disabled") or values.get("otel_traces_exporter") == "none":
        return None
    base = values.get("otel_exporter_otlp_endpoint")
    return values.get("otel_exporter_otlp_traces_endpoint") or (f"{base.rstrip('/')}/v1/traces" if base else None)


def _explain(location: tuple[int | str, ...], message: str) -> str:
    sentence = message.removeprefix("Value error, ")
    if not location:
        return sentence
    return f"{str(location[0]).upper()}: {sentence[0].lower()}{sentence[1:]}"
