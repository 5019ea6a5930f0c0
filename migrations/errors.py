"""What keeps a database from being prepared or migrated, as one sentence for the operator."""

from __future__ import annotations


class DatabaseProblem(Exception):
    """The database cannot be used as it is; the message says why and what to do."""


class DatabaseUnreachable(DatabaseProblem):
    """Nobody answers at the database's address. Trying again later may help."""
