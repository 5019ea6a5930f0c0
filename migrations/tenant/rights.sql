-- What a tenant's own role may do in its schema, which is {schema}. Run after every migration; safe to repeat.
REVOKE ALL ON {tables} FROM {role};
GRANT USAGE ON SCHEMA {schema} TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO {role};
-- Read only: the audit log and its head are written through audit_append, the catalogue by migration.
REVOKE INSERT, UPDATE, DELETE ON {schema}.audit_logs, {schema}.audit_chain, {schema}.audit_tombstones,
    {schema}.permissions FROM {role};
-- Added to, never changed.
REVOKE UPDATE, DELETE ON {schema}.audit_checkpoints FROM {role};
REVOKE ALL ON {schema}.alembic_version FROM {role};
REVOKE ALL ON FUNCTION {functions} FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {schema}.audit_append(jsonb) TO {role};
