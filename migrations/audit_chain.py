"""The functions and triggers of an audit chain, for the log of a tenant and for the platform's own.

``audit_append`` is the only way into ``audit_logs``. It locks the chain's head row, which is always there, so that
appends stand in line even when the log is empty; takes gap-free sequence numbers from it, which a rollback gives back;
and reads the clock only once it has the lock, so that times never run against the order, not even when the clock is set
back.

Each entry's hash covers the text of one JSON object with every column, including the previous hash, so no text can
move from one field to its neighbour unseen. The columns are listed, not taken from the row type: a column added later
must not change the hashes of what is stored. ``jsonb`` writes it in one canonical form: keys by length, then bytes;
", " and ": " between; time as text with the microseconds that are stored.

Revisions that have run somewhere were made from these texts: what is to change in them belongs into a new revision.
"""

from __future__ import annotations

from typing import Final

from alembic import op

# The search_path is pinned: SECURITY DEFINER must not look where its caller says.
CANONICAL: Final = """
CREATE FUNCTION {prefix}audit_canonical(item {prefix}audit_logs) RETURNS text
LANGUAGE sql STABLE SET search_path {path}
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
        'session_id', item.session_id,{more}
        'prev_hash', encode(item.prev_hash, 'hex')
    )::text
$$
"""

APPEND: Final = """
CREATE FUNCTION {prefix}audit_append(entries jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path {path}
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

REFUSE: Final = """
CREATE FUNCTION {prefix}audit_refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path {path}
AS $$
BEGIN
    RAISE EXCEPTION 'the audit log cannot be changed' USING ERRCODE = 'insufficient_privilege';
END
$$
"""


def create_chain(*, schema: str | None = None, more: tuple[str, ...] = ()) -> None:
    """Head, functions and triggers around ``audit_logs`` and ``audit_chain``, which are there.

    Without ``schema`` everything belongs into the one on the search_path, whose name stays out of the text. ``more``
    are columns that only this log has.
    """
    prefix = f"{schema}." if schema else ""
    words = {
        "prefix": prefix,
        "path": f"= {schema}, pg_temp" if schema else "FROM CURRENT",
        "more": "".join(f"\n        '{column}', item.{column}," for column in more),
    }
    # After a way back the head is there and stands at the newest entry: the chain goes on from it.
    op.execute(
        f"INSERT INTO {prefix}audit_chain (id, seq, hash) "
        "VALUES (1, 0, decode(repeat('00', 32), 'hex')) ON CONFLICT DO NOTHING"
    )
    for text in (CANONICAL, APPEND, REFUSE):
        op.execute(text.format_map(words))
    for name, event, each in (("change", "UPDATE OR DELETE", "ROW"), ("truncate", "TRUNCATE", "STATEMENT")):
        op.execute(
            f"CREATE TRIGGER audit_logs_refuse_{name} BEFORE {event} ON {prefix}audit_logs "
            f"FOR EACH {each} EXECUTE FUNCTION {prefix}audit_refuse_change()"
        )
    # ALWAYS: otherwise a superuser's session_replication_role = replica would switch them off.
    for name in ("change", "truncate"):
        op.execute(f"ALTER TABLE {prefix}audit_logs ENABLE ALWAYS TRIGGER audit_logs_refuse_{name}")


def drop_chain(*, schema: str | None = None) -> None:
    """The way back."""
    prefix = f"{schema}." if schema else ""
    op.execute(f"DROP TRIGGER audit_logs_refuse_truncate ON {prefix}audit_logs")
    op.execute(f"DROP TRIGGER audit_logs_refuse_change ON {prefix}audit_logs")
    op.execute(f"DROP FUNCTION {prefix}audit_refuse_change()")
    op.execute(f"DROP FUNCTION {prefix}audit_append(jsonb)")
    op.execute(f"DROP FUNCTION {prefix}audit_canonical({prefix}audit_logs)")
