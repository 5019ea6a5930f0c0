"""A wrong value stops the start with one line per variable that says what is wrong, and no secret in it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.util.re import parse_env_headers
from pydantic import SecretStr, ValidationError

from common.cache.addresses import Group, read_group
from common.config import PLACEHOLDER_SECRET, Config, ConfigError
from migrations.login import service_login

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the machine has set must not decide a test; then the one variable that has no usable default."""
    for name in Config.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("SECRET_KEY", KEY)


def refusals(monkeypatch: pytest.MonkeyPatch, **environment: str) -> list[str]:
    """The lines with which this environment is refused."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        Config.from_environment()
    assert str(caught.value) == "\n".join(caught.value.lines)
    return caught.value.lines


def accepted(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Config:
    """The configuration that this environment gives."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Config.from_environment()


def test_the_defaults_are_the_documented_ones() -> None:
    config = Config.from_environment()

    assert config.database_url.get_secret_value() == (
        "postgresql+asyncpg://postgres:postgres123@localhost:5432/multitenant_db"
    )
    assert (config.redis_host, config.redis_port, config.redis_url) == ("localhost", 6379, None)
    assert (config.host, config.port, config.workers) == ("0.0.0.0", 8008, 1)
    assert (config.environment, config.sql_echo, config.log_level, config.log_format) == (
        "production",
        False,
        "info",
        "json",
    )
    assert (config.data_dir, config.docs_enabled, config.metrics_port) == (Path(".data"), True, None)
    assert (config.cors_origins, config.trusted_proxies, config.platform_api_key) == ((), (), None)
    assert (config.database_owner_url, config.database_replica_url, config.database_direct_url) == (None, None, None)
    assert (config.access_token_seconds, config.jwt_leeway_seconds, config.refresh_grace_seconds) == (600, 10, 10)
    assert (config.refresh_idle_seconds, config.refresh_absolute_seconds) == (14 * 86400, 30 * 86400)
    assert (config.password_min_length, config.password_memory_kib) == (12, 19_456)


def test_production_refuses_to_start_without_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET_KEY")

    assert refusals(monkeypatch) == ["SECRET_KEY: is the published placeholder; set a random value of 32 bytes or more"]


def test_development_starts_with_the_placeholder(monkeypatch: pytest.MonkeyPatch) -> None:
    config = accepted(monkeypatch, ENVIRONMENT="development", SECRET_KEY=PLACEHOLDER_SECRET)

    assert config.secret_key == SecretStr(PLACEHOLDER_SECRET)


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("SECRET_KEY", PLACEHOLDER_SECRET, "placeholder"),
        ("SECRET_KEY", "x" * 31, "at least 32 bytes"),
        ("SECRET_KEY", "-----BEGIN PUBLIC KEY----- and so on", "not a key in PEM"),
        ("SECRET_KEY", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ", "not a key in PEM"),
        ("PLATFORM_API_KEY", "x" * 31, "at least 32 characters"),
        ("DATABASE_URL", "localhost:5432/db", "must look like postgresql://"),
        ("DATABASE_URL", "mysql://u:p@host/db", "must look like postgresql://"),
        ("DATABASE_URL", "postgresql+psycopg://u:p@host/db", "must look like postgresql://"),
        ("DATABASE_URL", "postgresql://u:p@host:99999/db", "port that is not a number from 1 to 65535"),
        ("DATABASE_URL", "postgresql://u:p@host:0/db", "port that is not a number from 1 to 65535"),
        ("DATABASE_URL", "postgresql://u:a/b@host:5432/db", "percent-encode"),
        ("DATABASE_OWNER_URL", "sqlite:///x", "must look like postgresql://"),
        ("DATABASE_REPLICA_URL", "postgresql://u:p@host:five/db", "port that is not a number"),
        ("DATABASE_DIRECT_URL", "host", "must look like postgresql://"),
        ("DATABASE_SHARDS", "postgresql://u:p@host/db", "item 1 must look like name=postgresql://"),
        ("DATABASE_SHARDS", "North=postgresql://u:p@host/db", "item 1 begins with no name such as north"),
        ("DATABASE_SHARDS", "north.=postgresql://u:p@host/db", "item 1 begins with no name such as north"),
        ("DATABASE_SHARDS", "north.replica=postgresql://u:p@host/db", "item 1 begins with no name such as north"),
        ("DATABASE_SHARDS", "default=postgresql://u:p@host/db", "is the database of DATABASE_URL"),
        ("DATABASE_SHARDS", "north=mysql://u:p@host/db", "the URL of 'north' must look like postgresql://"),
        ("DATABASE_SHARDS", "north=postgresql://u:p@host:0/db", "the URL of 'north' has a port"),
        ("DATABASE_SHARDS", "north.owner=postgresql://u:p@host/db", "'north' has no URL of its own"),
        ("DATABASE_SHARDS", "a=postgresql://u@h/a a=postgresql://u@h/b", "'a' is given twice"),
        ("TENANT_PLACEMENT", "default,north", "must name shards of DATABASE_SHARDS, or default: north"),
        ("DATABASE_POOL_SIZE", "0", "greater than or equal to 1"),
        ("DATABASE_POOL_TIMEOUT", "inf", "finite"),
        ("DATABASE_STATEMENT_TIMEOUT", "0.0001", "greater than or equal to 0.01"),
        ("REDIS_PORT", "70000", "less than or equal to 65535"),
        ("REDIS_URL", "redis", "must look like redis://"),
        ("REDIS_URL", "http://host:6379", "must look like redis://"),
        ("REDIS_URL", "redis://host:port/0", "port that is not a number"),
        (
            "REDIS_URL",
            "redis+sentinel://host:26379",
            "must look like redis+sentinel://host:26379,host2:26379/service/0",
        ),
        ("REDIS_URL", "redis+sentinel://host:26379/main/first", "must look like redis+sentinel://"),
        ("REDIS_URL", "redis+sentinel://host:26379/main/0?master=x", "must look like redis+sentinel://"),
        ("REDIS_URL", "redis+sentinel://host:99999/main", "port that is not a number from 1 to 65535, at 'host:99999'"),
        ("REDIS_URL", "redis+cluster://host:6379,,other:6379", "names a host that is empty"),
        ("REDIS_URL", "redis+cluster://host:6379/1", "must look like redis+cluster://host:6379,host2:6379"),
        ("REDIS_URL", "redis+cloud://host:6379", "must begin with redis+sentinel://, redis+cluster://"),
        ("REDIS_URL", "unix+cluster:///a", "must begin with redis+sentinel://, redis+cluster://"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "must look like http://collector.example.com:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:secret@host:4318", "must look like http://"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://host/v1/traces?key=secret", "must look like http://"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "the key alone", "must look like name=value"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "api-key=one,two", "must look like name=value"),
        ("OTEL_TRACES_EXPORTER", "console", "'otlp' or 'none'"),
        ("OTEL_SDK_DISABLED", "perhaps", "valid boolean"),
        ("PORT", "0", "greater than or equal to 1"),
        ("PORT", "65536", "less than or equal to 65535"),
        ("PORT", "eight", "valid integer"),
        ("METRICS_PORT", "8008", "must differ from PORT"),
        ("WORKERS", "2.5", "valid integer"),
        ("ENVIRONMENT", "staging", "'development' or 'production'"),
        ("SQL_ECHO", "perhaps", "valid boolean"),
        ("LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
        ("LOG_FORMAT", "xml", "'json' or 'console'"),
        ("CORS_ORIGINS", "*", "not an origin"),
        ("CORS_ORIGINS", "https://good.example,https://*.example", "'https://*.example' is not an origin"),
        ("CORS_ORIGINS", "https://app.example/", "not an origin"),
        ("CORS_ORIGINS", "https://App.example", "not an origin"),
        ("CORS_ORIGINS", "https://u@app.example", "not an origin"),
        ("CORS_ORIGINS", "null", "not an origin"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,proxy.local", "'proxy.local' does not appear to be"),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "host bits set"),
        ("PASSWORD_MEMORY_KIB", "19455", "at least 19456 in production"),
        ("PASSWORD_MIN_LENGTH", "7", "greater than or equal to 8"),
        ("ACCESS_TOKEN_SECONDS", "3601", "less than or equal to 3600"),
        ("REFRESH_ABSOLUTE_SECONDS", "60", "must not be less than REFRESH_IDLE_SECONDS"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, hint: str
) -> None:
    (line,) = refusals(monkeypatch, **{name: value})

    assert line.startswith(f"{name}: ")
    assert hint in line
    assert "\n" not in line


def test_all_wrong_values_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those that depend on another variable: nobody should have to start four times to see four faults."""
    lines = refusals(
        monkeypatch,
        PORT="eight",
        SECRET_KEY=PLACEHOLDER_SECRET,
        DATABASE_URL="mysql://host",
        REFRESH_ABSOLUTE_SECONDS="60",
        CORS_ORIGINS="*",
    )

    assert sorted(line.partition(":")[0] for line in lines) == [
        "CORS_ORIGINS",
        "DATABASE_URL",
        "PORT",
        "REFRESH_ABSOLUTE_SECONDS",
        "SECRET_KEY",
    ]


@pytest.mark.promise("I8")
@pytest.mark.parametrize(
    "name",
    ["DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_SHARDS", "REDIS_URL", "SECRET_KEY", "PLATFORM_API_KEY"],
)
def test_a_refusal_does_not_repeat_a_secret(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (line,) = refusals(monkeypatch, **{name: "canary:canary@host"})

    assert "canary" not in line


@pytest.mark.promise("I8")
def test_a_printed_configuration_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    config = accepted(
        monkeypatch,
        SECRET_KEY="canary" * 6,
        PLATFORM_API_KEY="canary" * 6,
        DATABASE_URL="postgresql://u:canary@host/db",
        REDIS_URL="redis://:canary@host",
    )

    assert "canary" not in repr(config)
    assert "canary" not in config.model_dump_json()


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg"])
def test_every_spelling_of_a_database_url_gets_the_driver(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    config = accepted(monkeypatch, DATABASE_URL=f"{scheme}:///db?host=/run/postgresql")

    assert config.database_url.get_secret_value() == "postgresql+asyncpg:///db?host=/run/postgresql"


def test_the_owner_falls_back_past_the_pooler_and_then_to_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    assert accepted(monkeypatch, DATABASE_URL="postgresql://a/a").owner_url == "postgresql+asyncpg://a/a"
    assert accepted(monkeypatch, DATABASE_DIRECT_URL="postgresql://b/b").owner_url == "postgresql+asyncpg://b/b"
    assert accepted(monkeypatch, DATABASE_OWNER_URL="postgresql://c/c").owner_url == "postgresql+asyncpg://c/c"


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({}, "redis://localhost:6379/0"),
        ({"REDIS_HOST": "cache", "REDIS_PORT": "6380"}, "redis://cache:6380/0"),
        ({"REDIS_HOST": "::1"}, "redis://[::1]:6379/0"),
        ({"REDIS_HOST": "cache", "REDIS_URL": "rediss://:secret@other:1/2"}, "rediss://:secret@other:1/2"),
        ({"REDIS_URL": "unix:///run/valkey.sock"}, "unix:///run/valkey.sock"),
        ({"REDIS_URL": "none"}, None),
    ],
)
def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], address: str | None) -> None:
    assert accepted(monkeypatch, **environment).redis_address == address


def test_a_shard_is_configured_like_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    config = accepted(
        monkeypatch,
        DATABASE_SHARDS="""
            north=postgresql://service:a%2Fword@db2,db3/tenants?target_session_attrs=any
            north.owner=postgresql://owner@db2/tenants
            south=postgres://both@db4/tenants""",
        TENANT_PLACEMENT="south, north",
    )
    north, south = config.on("north"), config.on("south")

    assert (config.shards, config.tenant_placement) == (("north", "south"), ("south", "north"))
    assert config.on("default") is config
    assert north.owner_url == "postgresql+asyncpg://owner@db2/tenants"
    assert service_login(north).url.startswith("postgresql+asyncpg://service:a%2Fword@db2,db3/tenants")
    assert service_login(south).derived
    assert (north.shards, north.tenant_placement) == ((), ("default",))
    assert "2Fword" not in repr(config)


def test_lists_are_split_at_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    config = accepted(
        monkeypatch,
        CORS_ORIGINS=" https://app.example , http://localhost:5173,",
        TRUSTED_PROXIES="10.0.0.0/8, ::1",
    )

    assert config.cors_origins == ("https://app.example", "http://localhost:5173")
    assert config.trusted_proxies == ("10.0.0.0/8", "::1")


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert accepted(monkeypatch, PORT="", REDIS_URL="", CORS_ORIGINS="").port == 8008


def test_the_configuration_cannot_be_changed() -> None:
    config = Config.from_environment()

    with pytest.raises(ValidationError, match="frozen"):
        config.port = 1


def test_one_metrics_port_is_not_for_several_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = refusals(monkeypatch, METRICS_PORT="9100", WORKERS="2")

    assert line.startswith("METRICS_PORT: is for one process")


@pytest.mark.parametrize(
    ("url", "group"),
    [
        (
            "redis+sentinel://u:a%2Fb@one:1,two/main/3?sentinel_username=s&sentinel_password=t%20u",
            Group(False, (("one", 1), ("two", 26379)), "u", "a/b", False, "main", 3, "s", "t u"),
        ),
        ("rediss+sentinel://one/main", Group(False, (("one", 26379),), None, None, True, "main")),
        ("rediss+cluster://:p@[::1]:7,two/", Group(True, (("::1", 7), ("two", 6379)), None, "p", True)),
        ("redis://one:6379/0", None),
        ("unix:///run/valkey.sock", None),
    ],
)
def test_groups_of_redis_servers_are_read(url: str, group: Group | None) -> None:
    assert read_group(url) == group


@pytest.mark.parametrize(
    ("environment", "endpoint"),
    [
        ({}, None),
        ({"ENDPOINT": "http://collector:4318"}, "http://collector:4318/v1/traces"),
        ({"ENDPOINT": "https://collector/otlp/"}, "https://collector/otlp/v1/traces"),
        ({"ENDPOINT": "http://a:4318", "TRACES_ENDPOINT": "http://b:4318/here"}, "http://b:4318/here"),
        ({"TRACES_ENDPOINT": "http://b:4318/here"}, "http://b:4318/here"),
        ({"ENDPOINT": "http://a", "PROTOCOL": "grpc", "TRACES_PROTOCOL": "http/protobuf"}, "http://a/v1/traces"),
        ({"PROTOCOL": "grpc"}, None),
    ],
)
def test_traces_are_sent_where_the_standard_says(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], endpoint: str | None
) -> None:
    otlp = {f"OTEL_EXPORTER_OTLP_{name}": value for name, value in environment.items()}

    assert accepted(monkeypatch, **otlp).traces_endpoint == endpoint
    assert accepted(monkeypatch, OTEL_TRACES_EXPORTER="none", **otlp).traces_endpoint is None
    assert accepted(monkeypatch, OTEL_TRACES_EXPORTER="otlp", OTEL_SDK_DISABLED="true", **otlp).traces_endpoint is None


def test_traces_are_sent_by_http_only(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}

    (line,) = refusals(monkeypatch, **environment)

    assert line.startswith("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: must be http/protobuf")
    assert accepted(monkeypatch, OTEL_SDK_DISABLED="true", **environment).traces_endpoint is None


@pytest.mark.promise("I8")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the environment is empty for all of them
@given(
    st.lists(
        st.text("abzAZ09!#$&'*+.^_`|~-=,; %\"\\\t{}é", max_size=12).map(lambda text: f"k{text}"), min_size=1, max_size=3
    )
)
def test_headers_that_are_accepted_are_never_written_into_the_log(texts: list[str]) -> None:
    """OpenTelemetry's SDK logs those that it cannot read, and they are keys."""
    value = ",".join(texts)
    try:
        Config(secret_key=SecretStr(KEY), otel_exporter_otlp_headers=SecretStr(value))
    except ValidationError:
        return
    with warnings_of("opentelemetry.util.re") as said:
        parse_env_headers(value, liberal=True)

    assert said == []


@contextmanager
def warnings_of(name: str) -> Iterator[list[str]]:
    """What a library's logger says meanwhile."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger(name).addHandler(handler)
    try:
        yield said
    finally:
        logging.getLogger(name).removeHandler(handler)
