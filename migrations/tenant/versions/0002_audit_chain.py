"""The audit chain's head and the functions around it.

``audit_append`` is the only way into ``audit_logs``. It locks the chain's head row, which is always there, so that
appends of one tenant stand in line even when the log is empty; takes gap-free sequence numbers from it, which a
rollback gives back; and reads the clock only once it has the lock, so that times never run against the order, not even
when the clock is set back.

Each entry's hash covers the text of one JSON object with every column, including the previous hash, so no text can
move from one field to its neighbour unseen. The columns are listed, not taken from the row type: a column added later
must not change the hashes of what is stored. ``jsonb`` writes it in one canonical form: keys by length, then bytes;
", " and ": " between; time as text with the microseconds that are stored.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The search_path is pinned to the schema the function is created in: SECURITY DEFINER must not look where its caller
# says. `FROM CURRENT` keeps the tenant's name out of this text.
CANONICAL = """
CREATE FUNCTION audit_canonical(item audit_logs) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT
AS $$
    SELECT jsonb_build_object(
        'seq', item.seq,
        'id', item.id,
        'occurred_at', to_char(item.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'action', item.action,
        'actor_type', item.actor_type,
        'actor_id', item.actor_id,
        'actor_name', item.actor_name,
        'target_type', item.target_type,
        'target_id', item.target_id,
        'target_name', item.target_name,
        'changes', item.changes,
        'outcome', item.outcome,
        'ip_address', item.ip_address,
        'user_agent', item.user_agent,
        'request_id', item.request_id,
        'session_id', item.session_id,
        'prev_hash', encode(item.prev_hash, 'hex')
    )::text
$$
"""

APPEND = """
CREATE FUNCTION audit_append(entries jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT
AS $$
DECLARE
    head audit_chain;
    item audit_logs;
    entry jsonb;
    last_at timestamptz;
BEGIN
    SELECT * INTO STRICT head FROM audit_chain WHERE id = 1 FOR UPDATE;
    SELECT occurred_at INTO last_at FROM audit_logs WHERE seq = head.seq;
    FOR entry IN SELECT value FROM jsonb_array_elements(entries) LOOP
        item := jsonb_populate_record(NULL::audit_logs, entry);
        item.seq := head.seq + 1;
        item.occurred_at := greatest(clock_timestamp(), last_at + interval '1 microsecond');
        item.prev_hash := head.hash;
        item.hash := sha256(convert_to(audit_canonical(item), 'UTF8'));
        INSERT INTO audit_logs SELECT item.*;
        last_at := item.occurred_at;
        head.seq := item.seq;
        head.hash := item.hash;
    END LOOP;
    UPDATE audit_chain SET seq = head.seq, hash = head.hash WHERE id = 1;
    RETURN head.seq;
END
$$
"""

REFUSE = """
CREATE FUNCTION audit_refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$
BEGIN
    RAISE EXCEPTION 'the audit log cannot be changed' USING ERRCODE = 'insufficient_privilege';
END
$$
"""


def upgrade() -> None:
    # After a way back the head is there and stands at the newest entry: the chain goes on from it.
    op.execute(
        "INSERT INTO audit_chain (id, seq, hash) VALUES (1, 0, decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING"
    )
    op.execute(CANONICAL)
    op.execute(APPEND)
    op.execute(REFUSE)
    op.execute(
        "CREATE TRIGGER audit_logs_refuse_change BEFORE UPDATE OR DELETE ON audit_logs "
        "FOR EACH ROW EXECUTE FUNCTION audit_refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER audit_logs_refuse_truncate BEFORE TRUNCATE ON audit_logs "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change()"
    )
    # ALWAYS: otherwise a superuser's session_replication_role = replica would switch them off.
    op.execute("ALTER TABLE audit_logs ENABLE ALWAYS TRIGGER audit_logs_refuse_change")
    op.execute("ALTER TABLE audit_logs ENABLE ALWAYS TRIGGER audit_logs_refuse_truncate")


def downgrade() -> None:
    op.execute("DROP TRIGGER audit_logs_refuse_truncate ON audit_logs")
    op.execute("DROP TRIGGER audit_logs_refuse_change ON audit_logs")
    op.execute("DROP FUNCTION audit_refuse_change()")
    op.execute("DROP FUNCTION audit_append(jsonb)")
    op.execute("DROP FUNCTION audit_canonical(audit_logs)")
