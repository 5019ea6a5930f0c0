"""Times as clients write them, in bodies and addresses."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Literal, LiteralString

from pydantic import AwareDatetime, BeforeValidator, Field
from pydantic_core import PydanticCustomError

_DATED: Final = re.compile(r"[0-9]{4}-", re.ASCII)


def _written_as(code: Literal["datetime_parsing", "date_parsing"], example: LiteralString) -> BeforeValidator:
    """To pydantic a number is a time too, in seconds or milliseconds as it guesses. To whoever sent it by mistake it is
    a day in 1970 that he finds out about later."""

    def check(value: Any) -> Any:
        if isinstance(value, int | float) or (isinstance(value, str) and not _DATED.match(value)):
            raise PydanticCustomError(code, f"Input should be {example} (RFC 3339)")
        return value

    return BeforeValidator(check)


GivenTime = Annotated[AwareDatetime, _written_as("datetime_parsing", "a time such as 2027-03-27T09:00:00Z")]
"""A moment of RFC 3339, with its offset."""
GivenDay = Annotated[date, _written_as("date_parsing", "a day such as 2027-03-27")]
"""A full-date of RFC 3339."""
Moment = Annotated[
    GivenTime,
    Field(ge=datetime(1900, 1, 1, tzinfo=UTC), lt=datetime(9000, 1, 1, tzinfo=UTC), examples=["2027-03-27T09:00:00Z"]),
]
"""One that a record can have. Room on both sides: a time of any offset must exist in UTC, and a series must be able to
go on from it."""
