"""The SQL of noting uses, the same for every table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, DateTime, Uuid, bindparam, column, func, or_, update
from sqlalchemy.dialects.postgresql import ARRAY

from database import BookkeepingUnit


async def record_uses(unit: BookkeepingUnit, noted: Column[datetime], uses: Mapping[UUID, datetime]) -> None:
    """Note when rows were last used, all in one statement; another process may know of a later use."""
    table: Any = noted.table
    ids: Any = bindparam("ids", list(uses), type_=ARRAY(Uuid))
    moments: Any = bindparam("moments", list(uses.values()), type_=ARRAY(DateTime(timezone=True)))
    used = (
        func.unnest(ids, moments)
        .table_valued(column("id", Uuid()), column("moment", DateTime(timezone=True)), name="used")
        .render_derived()
    )
    await unit.execute(
        update(table)
        .where(table.c.id == used.c.id, or_(noted.is_(None), noted < used.c.moment))
        .values({noted: used.c.moment})
    )
