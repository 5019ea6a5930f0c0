"""SQL by which somebody might try to change an audit log: the first also as its owner."""

from __future__ import annotations

from typing import Final

CHANGES: Final = (
    "UPDATE audit_logs SET action = 'innocent'",
    "UPDATE audit_logs SET hash = hash",
    "UPDATE audit_logs SET seq = seq + 1000",
    "DELETE FROM audit_logs",
    "DELETE FROM audit_logs WHERE seq = (SELECT max(seq) FROM audit_logs)",
    "TRUNCATE audit_logs",
    "TRUNCATE audit_logs CASCADE",
    "INSERT INTO audit_logs SELECT * FROM audit_logs ON CONFLICT (id) DO UPDATE SET action = 'innocent'",
    "WITH gone AS (DELETE FROM audit_logs RETURNING 1) SELECT count(*) FROM gone",
)
OTHER_WAYS: Final = (
    "INSERT INTO audit_logs SELECT * FROM audit_logs",
    "UPDATE audit_chain SET seq = 0",
    "SELECT * FROM audit_chain FOR UPDATE",
    "DELETE FROM audit_chain",
    "ALTER TABLE audit_logs DISABLE TRIGGER ALL",
    "DROP TRIGGER audit_logs_refuse_change ON audit_logs",
    "DROP TABLE audit_logs",
    "SET session_replication_role = replica",
    "CREATE OR REPLACE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
    "SELECT audit_canonical(NULL)",
    "LOCK TABLE audit_logs",
)
