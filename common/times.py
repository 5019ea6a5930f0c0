"""Times as clients write them, in bodies and addresses."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BeforeValidator, Field
from pydantic_core import PydanticCustomError

_DATED: Final = re.compile(r"[0-9]{4}-", re.ASCII)


def _as_written(value: Any) -> Any:
    """To pydantic a number is a time too, in seconds or milliseconds as it guesses. To whoever sent it by mistake it is
    a day in 1970 that he finds out about later."""
    if isinstance(value, int | float) or (isinstance(value, str) and not _DATED.match(value)):
        raise PydanticCustomError("datetime_parsing", "Input should be a time such as 2027-03-27T09:00:00Z (RFC 3339)")
    return value


def _day_as_written(value: Any) -> Any:
    if isinstance(value, int | float) or (isinstance(value, str) and not _DATED.match(value)):
        raise PydanticCustomError("date_parsing", "Input should be a day such as 2027-03-27 (RFC 3339)")
    return value


GivenTime = Annotated[AwareDatetime, BeforeValidator(_as_written)]
"""A moment of RFC 3339, with its offset."""
GivenDay = Annotated[date, BeforeValidator(_day_as_written)]
"""A full-date of RFC 3339."""
Moment = Annotated[
    GivenTime,
    Field(ge=datetime(1900, 1, 1, tzinfo=UTC), lt=datetime(9000, 1, 1, tzinfo=UTC), examples=["2027-03-27T09:00:00Z"]),
]
"""One that a record can have. Room on both sides: a time of any offset must exist in UTC, and a series must be able to
go on from it."""
