"""``python -m manage doctor``: everything is broken once, and named with its cure."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from manage.app import app
from manage.doctor.configuration import FEW_BYTES, TOO_FEW_BYTES, judge_space
from manage.doctor.databases import judge_clock
from tests.doctor.conftest import Patient
from tests.support.apps import connect
from tests.support.servers import Servers

SQUATTER = "redis://127.0.0.1:1/0"  # nobody listens there
TAMPER = """
SET search_path TO tenant_sick; ALTER TABLE audit_logs DISABLE TRIGGER USER;
UPDATE audit_logs SET action = '{}' WHERE seq = 2
"""
ENABLE = """;
ALTER TABLE audit_logs ENABLE ALWAYS TRIGGER audit_logs_refuse_change;
ALTER TABLE audit_logs ENABLE ALWAYS TRIGGER audit_logs_refuse_truncate
"""
DEAD = """INSERT INTO system.outbox (id, tenant_id, kind, payload, run_at, status, attempts)
          VALUES (gen_random_uuid(), 'sick', 'mail.welcome', '{}', now(), 'dead', 12)"""
LATE = """INSERT INTO system.outbox (id, tenant_id, kind, payload, run_at)
          VALUES (gen_random_uuid(), 'sick', 'mail.welcome', '{}', now() - interval '1 hour')"""
FORGET = "DELETE FROM system.outbox WHERE kind = 'mail.welcome'"


async def test_a_sound_service_has_no_faults(patient: Patient) -> None:
    code, found = await patient.examine()

    assert code == 0
    assert {item["severity"] for item in found} == {"ok"}, found
    said = " ".join(item["what"] for item in found)
    for part in ("PostgreSQL 18", "Valkey 9", "2 tenants", "3 logs are whole", "clock", "GiB", "no job"):
        assert part in said, part
    assert (await patient.faults("--deep")) == []


@pytest.mark.parametrize(
    ("sql", "mend", "difference"),
    [
        (
            "ALTER TABLE {0}.users ADD COLUMN nickname TEXT",
            "ALTER TABLE {0}.users DROP COLUMN nickname",
            "+ users.nickname text",
        ),
        (
            "ALTER TABLE {0}.users ALTER full_name SET NOT NULL",
            "ALTER TABLE {0}.users ALTER full_name DROP NOT NULL",
            "-",
        ),
        ("REVOKE SELECT ON {0}.users FROM {0}", "GRANT SELECT ON {0}.users TO {0}", "- users: SELECT to SCHEMA"),
        ("GRANT UPDATE ON {0}.audit_logs TO {0}", "REVOKE UPDATE ON {0}.audit_logs FROM {0}", "+ audit_logs: UPDATE"),
        (
            "GRANT SELECT ON {0}.users TO tenant_sound",
            "REVOKE SELECT ON {0}.users FROM tenant_sound",
            "to tenant_sound",
        ),
    ],
)
async def test_a_schema_that_was_changed_by_hand_is_named(
    patient: Patient, sql: str, mend: str, difference: str
) -> None:
    async with patient.broken(sql.format("tenant_sick"), mend.format("tenant_sick")):
        ((severity, about, what),) = await patient.faults()

    assert (severity, about) == ("error", "tenant_sick")
    assert what.startswith("differs from the migrations: ")
    assert difference in what


@pytest.mark.promise("T2")
@pytest.mark.parametrize(
    ("sql", "mend", "said"),
    [
        ("ALTER ROLE {0} SUPERUSER", "ALTER ROLE {0} NOSUPERUSER", "is SUPERUSER"),
        ("ALTER ROLE {0} BYPASSRLS CREATEROLE", "ALTER ROLE {0} NOBYPASSRLS NOCREATEROLE", "is BYPASSRLS, CREATEROLE"),
        ("GRANT pg_read_all_data TO {0}", "REVOKE pg_read_all_data FROM {0}", "is a member of pg_read_all_data"),
        (
            "GRANT tenant_sick TO {0} WITH INHERIT TRUE",
            "GRANT tenant_sick TO {0} WITH INHERIT FALSE",
            "has the rights of tenant_sick at all times",
        ),
        (
            "GRANT USAGE ON SCHEMA tenant_sick TO {0}",
            "REVOKE USAGE ON SCHEMA tenant_sick FROM {0}",
            "reaches tables outside a unit, of sick",
        ),
        ("REVOKE tenant_sick FROM {0}", "GRANT tenant_sick TO {0} WITH INHERIT FALSE", "may not become tenant_sick"),
        ("ALTER ROLE tenant_sick LOGIN", "ALTER ROLE tenant_sick NOLOGIN", "have more than their schema: sick"),
        (
            "REVOKE system_tenants FROM tenant_sick",
            "GRANT system_tenants TO tenant_sick",
            "not in system_tenants: sick",
        ),
        (
            "REVOKE UPDATE ON system.outbox FROM system_service",
            "GRANT UPDATE ON system.outbox TO system_service",
            "missing in the system schema: outbox: UPDATE",
        ),
    ],
)
async def test_a_role_with_too_much_or_too_little_is_named(patient: Patient, sql: str, mend: str, said: str) -> None:
    async with patient.broken(sql.format(patient.login), mend.format(patient.login)):
        faults = await patient.faults()

    assert any(severity == "error" and said in what for severity, _, what in faults), faults
    assert not any("sound" in what for _, _, what in faults)


async def test_a_tenant_that_is_behind_is_named(patient: Patient) -> None:
    change = "UPDATE system.tenants SET revision = '{}' WHERE id = 'sick'"
    async with connect(patient.config.owner_url) as owner:
        newest = await owner.fetchval("SELECT revision FROM system.tenants WHERE id = 'sick'")
    async with patient.broken(change.format("0009"), change.format(newest)):
        faults = await patient.faults()

    assert faults == [("error", "database", "tenants are behind and answer 503: sick")]


@pytest.mark.promise("D3")
@pytest.mark.parametrize("arguments", [(), ("--deep",)])
async def test_a_changed_audit_entry_is_named(patient: Patient, arguments: tuple[str, ...]) -> None:
    async with connect(patient.config.owner_url) as owner:
        action = await owner.fetchval("SELECT action FROM tenant_sick.audit_logs WHERE seq = 2")
    async with patient.broken(TAMPER.format("innocent"), TAMPER.format(action) + ENABLE):
        faults = await patient.faults(*arguments)

    broken = ("error", "tenant_sick", "its audit log is broken: altered at entry 2")
    assert broken in faults
    assert all(about == "tenant_sick" for _, about, _ in faults)  # the trigger that was switched off is named, too


async def test_jobs_that_were_given_up_or_wait_for_nobody_are_named(patient: Patient) -> None:
    async with patient.broken(DEAD, FORGET):
        assert await patient.faults() == [("warning", "database", "1 jobs were given up")]
    async with patient.broken(LATE, FORGET):
        ((severity, _, what),) = await patient.faults()

    assert severity == "warning"
    assert what.startswith("a job has been due for 36")


async def test_servers_that_do_not_answer_are_named(patient: Patient, servers: Servers) -> None:
    assert await patient.faults(REDIS_URL=SQUATTER) == [("warning", "redis", "gives no answer")]
    away = await patient.faults(DATABASE_URL="postgresql://a:long-and-strange-1@127.0.0.1:1/b")
    assert [(severity, about) for severity, about, _ in away] == [("error", "database"), ("error", "database")]
    (unprepared,) = await patient.faults(DATABASE_URL=servers.new_database())
    assert unprepared[:2] == ("error", "database")
    assert "the login role cannot connect" in unprepared[2]


async def test_a_configuration_that_is_weak_or_would_not_start_is_named(patient: Patient) -> None:
    weak = await patient.faults(SECRET_KEY="password" * 4)
    same = await patient.faults(PLATFORM_API_KEY="a secret of the test suite, long enough")
    production = await patient.faults(
        ENVIRONMENT="production", SQL_ECHO="true", LOG_LEVEL="debug", CORS_ORIGINS="http://app.example"
    )
    wrong = await patient.faults(ENVIRONMENT="production", PASSWORD_MEMORY_KIB="64")

    assert ("error", "SECRET_KEY", "can be guessed") in weak
    assert [about for _, about, _ in same] == ["secrets"]
    named = {about for _, about, _ in production}
    assert named == {"SQL_ECHO", "LOG_LEVEL", "CORS_ORIGINS", "SMTP_HOST", "APP_BASE_URL", "MAIL_FROM"}
    assert ("error", "PASSWORD_MEMORY_KIB") in [(severity, about) for severity, about, _ in wrong]


def test_clocks_and_disks_are_judged_by_how_far_they_are_off() -> None:
    clock = [judge_clock("database", seconds, 10).severity for seconds in (0.2, -3.0, 11.0)]
    disk = [judge_space(Path(), free).severity for free in (FEW_BYTES, FEW_BYTES - 1, TOO_FEW_BYTES - 1)]

    assert clock == disk == ["ok", "warning", "error"]


def test_without_a_server_the_reason_is_a_line_and_not_a_traceback(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["doctor"], env={"DATA_DIR": str(tmp_path)})

    assert result.exit_code == 1
    assert result.stdout.split("\t")[:2] == ["error", "configuration"]
