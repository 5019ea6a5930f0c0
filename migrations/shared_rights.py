"""What every tenant's role may do in the ``system`` schema, given once to the group that all of them belong to.

Given to each of them, the access lists of the schema would grow with every tenant.
"""

from __future__ import annotations

from typing import Final

from database import SYSTEM_SCHEMA, quote_identifier

TENANTS_ROLE: Final = "system_tenants"

# The way out of a tenant's transaction: ordering jobs in its own name.
GROUP_RIGHTS: Final = (
    f"GRANT USAGE ON SCHEMA {SYSTEM_SCHEMA} TO {TENANTS_ROLE}",
    f"GRANT EXECUTE ON FUNCTION {SYSTEM_SCHEMA}.enqueue(jsonb) TO {TENANTS_ROLE}",
)


def join_group_sql(role: str, version: int) -> str:
    """Make a tenant's role a member of the group, which it may use but not become.

    To be run late: from PostgreSQL 16 on, who adds a member waits for the commit of whoever added the one before.
    """
    return f"GRANT {TENANTS_ROLE} TO {quote_identifier(role)}{_options(version)}"


def convert_sql(version: int) -> str:
    """Make members of all tenants' roles that are none, and take back what each was given by itself before there was a
    group. One statement for all of them: each would copy the whole access list."""
    return f"""
DO $$
DECLARE
    roles text;
BEGIN
    SELECT string_agg(quote_ident(rolname), ', ') INTO roles
    FROM {SYSTEM_SCHEMA}.tenants JOIN pg_roles ON rolname = role_name
    WHERE NOT EXISTS (
        SELECT FROM pg_auth_members WHERE roleid = '{TENANTS_ROLE}'::regrole AND member = pg_roles.oid
    );
    IF roles IS NOT NULL THEN
        EXECUTE 'GRANT {TENANTS_ROLE} TO ' || roles || '{_options(version)}';
    END IF;
    SELECT string_agg(DISTINCT quote_ident(rolname), ', ') INTO roles
    FROM pg_namespace CROSS JOIN aclexplode(nspacl) JOIN pg_roles ON pg_roles.oid = grantee
    JOIN {SYSTEM_SCHEMA}.tenants ON role_name = rolname
    WHERE nspname = '{SYSTEM_SCHEMA}';
    IF roles IS NOT NULL THEN
        EXECUTE 'REVOKE ALL ON SCHEMA {SYSTEM_SCHEMA} FROM ' || roles;
        EXECUTE 'REVOKE ALL ON FUNCTION {SYSTEM_SCHEMA}.enqueue(jsonb) FROM ' || roles;
    END IF;
END $$"""


def _options(version: int) -> str:
    """Before PostgreSQL 16 the member's role says whether it inherits, and a tenant's does."""
    return " WITH INHERIT TRUE, SET FALSE" if version >= 160_000 else ""
