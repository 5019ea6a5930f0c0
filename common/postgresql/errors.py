"""What goes wrong with PostgreSQL, and what it means to the caller: each error is translated here, once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import asyncpg
import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError

from common.errors import (
    Conflict,
    DatabaseUnavailable,
    Overloaded,
    ServiceError,
    UnknownReference,
    Unprocessable,
)

log = structlog.get_logger("database")

# What asyncpg raises has no common ancestor: the server's own words, and three kinds of a connection that is of no use
# any more. The last is that of a server which has said that it ends, and has not hung up yet.
NO_ANSWER: Final = (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError)  # TimeoutError is an OSError
DRIVER_ERRORS: Final = (asyncpg.PostgresError, *NO_ANSWER)
DATABASE_ERRORS: Final = (DBAPIError, *DRIVER_ERRORS)

LOST_RACES: Final = {"40001", "40P01"}  # serialization_failure, deadlock_detected
GONE: Final = {"57P01", "57P02", "57P03", "53300", "25006"}  # shutting down, starting, full, read-only
# No such role, password, database, schema, table or function: it has not been prepared yet, or not for this version, or
# the tenant has just been moved away.
UNPREPARED: Final = {"22023", "28P01", "28000", "3D000", "3F000", "42P01", "42883"}
TIMEOUTS: Final = {"57014", "55P03"}  # of a statement, of a lock
UNSTORABLE: Final = {"22021", "22P05", "22003", "22008", "23514", "22001"}  # NUL, surrogate, out of range, CHECK


def may_retry(error: Exception, *, commit_sent: bool) -> bool:
    """Whether running the transaction again is safe and may help.

    A lost race was rolled back, so always. After a broken connection only if COMMIT had not been sent: what is not
    committed is gone, but a COMMIT without an answer may have arrived. Not where the server has not answered in time:
    who asks has waited long enough.
    """
    if isinstance(error, TimeoutError):
        return False
    if _sqlstate(error) in LOST_RACES or isinstance(driver_error(error), asyncpg.InvalidCachedStatementError):
        return True
    return not commit_sent and isinstance(translate(error, {}), DatabaseUnavailable)


def translate(error: Exception, constraints: Mapping[str, type[ServiceError]]) -> ServiceError | None:
    """What a database error means to the caller; None when it is a defect of ours.

    ``constraints`` says which rule a named constraint stands for: rules are enforced by the database, and their
    violation is translated here, once.
    """
    state = _sqlstate(error)
    if state is None or state in GONE or state.startswith("08"):
        return DatabaseUnavailable() if _is_connection_trouble(error) else None
    if state in UNPREPARED:
        log.error("database_not_prepared", sqlstate=state)
        return DatabaseUnavailable("The database is being prepared. Try again.")
    if state in {"23505", "23503"}:
        return _broken_rule(error, state, constraints)
    if state in UNSTORABLE or isinstance(driver_error(error).__cause__, OverflowError):  # the driver cannot encode it
        return Unprocessable("A value cannot be stored: it is out of range or has characters that no text may have.")
    if state in LOST_RACES:
        return Conflict("Somebody changed the same records at the same moment. Try again.")
    return Overloaded("The database took too long. Try again.") if state in TIMEOUTS else None


def _broken_rule(error: Exception, state: str, constraints: Mapping[str, type[ServiceError]]) -> ServiceError:
    name = getattr(driver_error(error), "constraint_name", None) or ""
    if name in constraints:
        return constraints[name]()
    return Conflict() if state == "23505" else UnknownReference()


def _is_connection_trouble(error: Exception) -> bool:
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _sqlstate(error) is not None or isinstance(error, InterfaceError)
    return True


def driver_error(error: Exception) -> BaseException:
    """asyncpg's own exception, below SQLAlchemy's two wrappers."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return error.orig.__cause__ or error.orig
    return error


def _sqlstate(error: Exception) -> str | None:
    return getattr(driver_error(error), "sqlstate", None)
