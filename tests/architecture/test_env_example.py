"""``.env.example`` is the configuration model, written down."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from common.config import Config
from manage.env_example import render_env_example, write_env_example

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = re.compile(r"^# ([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)

# Every variable that the service's contract names and the model has.
PROMISED = [
    *("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_REPLICA_URL", "DATABASE_DIRECT_URL"),
    *("SECRET_KEY", "PLATFORM_API_KEY", "REDIS_HOST", "REDIS_PORT", "REDIS_URL", "HOST", "PORT", "WORKERS"),
    *("ENVIRONMENT", "SQL_ECHO", "LOG_LEVEL", "LOG_FORMAT", "DATA_DIR"),
    *("CORS_ORIGINS", "TRUSTED_PROXIES", "DOCS_ENABLED", "METRICS_PORT"),
]


def test_the_file_is_what_the_model_says() -> None:
    """When this fails, run ``make env-example``."""
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == render_env_example()


def test_every_field_of_the_model_appears_once_and_nothing_else() -> None:
    names = [name for name, _ in VARIABLE.findall(render_env_example())]

    assert sorted(names) == sorted(name.upper() for name in Config.model_fields)


@pytest.mark.parametrize("name", PROMISED)
def test_a_promised_variable_appears(name: str) -> None:
    assert re.search(rf"^# {name}=", render_env_example(), re.MULTILINE)


def test_every_variable_has_a_meaning() -> None:
    paragraphs = [part for part in render_env_example().split("\n\n") if VARIABLE.search(part)]

    assert len(paragraphs) == len(Config.model_fields)
    assert [part for part in paragraphs if not re.match(r"# .*\w{3}", part.splitlines()[0])] == []
    assert [part for part in paragraphs if len(part.splitlines()) < 2] == []


def test_the_values_are_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it without the ``# `` means the same as an empty environment."""
    for name in Config.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("SECRET_KEY", "k" * 32)  # the published one is refused
    expected = Config.from_environment()

    for name, value in VARIABLE.findall(render_env_example()):
        if name != "SECRET_KEY":
            monkeypatch.setenv(name, value)

    assert Config.from_environment() == expected


def test_it_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / ".env.example"
    path.write_text("# OLD=1\n" * 1000, encoding="utf-8")

    write_env_example(path)

    assert path.read_text(encoding="utf-8") == render_env_example()
