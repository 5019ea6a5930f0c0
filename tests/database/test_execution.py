"""Statements on the driver answer as those that SQLAlchemy executes, fail as they do, and share their transaction."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Interval, bindparam, cast, delete, event, func, insert, literal, select, text, update
from sqlalchemy.dialects.postgresql import INET, JSONB
from sqlalchemy.exc import DBAPIError, IntegrityError

from common.audit import Origin
from common.clock import now
from common.ids import new_id
from common.postgresql.execution import Rows, Written
from database import Database, ReadUnit, WriteUnit
from settings.models import AuditLog
from tests.database.narrow import Narrow
from tests.support.servers import Servers
from tools.endpoints import router as _all_kinds  # noqa: F401 - which fills KINDS
from tools.records.kinds import KINDS
from tools.records.single import _anybody_with, _finding, _locking, _Permissions
from users.models import Team, User

pytestmark = pytest.mark.usefixtures("nothing_is_left")

ORIGIN = Origin("both-ways")
EVERY_TYPE: dict[str, Any] = {
    "whole rows": select(User.__table__).order_by(User.id).limit(20),
    "hashes and JSON": select(AuditLog.__table__).order_by(AuditLog.seq).limit(20),
    "a JSON value": select(literal({"a": [1, "ä", None]}, JSONB).label("value")),
    "a list": select(func.array_agg(User.id).label("ids")),
    "times": select(literal(now()).label("at"), cast(literal(timedelta(hours=3)), Interval).label("long")),
    "an address": select(cast(literal("203.0.113.7"), INET).label("address")),
    "nothing": select(User.id).where(User.username == "nobody of this name"),
    "one of several": select(User.username).where(User.username.in_(["owner", "admin"])).order_by(User.username),
    "the same name twice": select(User.id, Team.id).limit(3),
    "two statements in one": select(User.id).union_all(select(Team.id)).order_by("id").limit(5),
}


async def other_way(unit: ReadUnit, statement: Any, values: Any = None) -> Any:
    """What SQLAlchemy's own execution answers in the unit's transaction."""
    assert unit._connection is not None
    return await unit._connection.general().execute(statement, values)


def read(narrow: Narrow) -> ReadUnit:
    return narrow.database.read(narrow.tenants[0])


async def add_teams(unit: WriteUnit, *teams: tuple[UUID, str]) -> None:
    """All of them, or none."""
    async with unit.savepoint():
        for team_id, name in teams:
            await unit.execute(insert(Team).values(id=team_id, name=name))


@pytest.mark.parametrize("name", EVERY_TYPE)
async def test_both_ways_answer_the_same(narrow: Narrow, name: str) -> None:
    """Values and their types, the names of columns, and whoever asks for a column by itself."""
    statement = EVERY_TYPE[name]
    async with read(narrow) as unit:
        ours = await unit.execute(statement)
        assert isinstance(ours, Rows)
        theirs = await other_way(unit, statement)
        assert list(ours.keys()) == list(theirs.keys())
        for found, expected in itertools.zip_longest(ours.all(), theirs.all()):
            assert tuple(found) == tuple(expected)
            assert [type(value) for value in found] == [type(value) for value in expected]
            for column in statement.selected_columns if len(set(ours.keys())) == len(found) else ():
                assert found._mapping[column] == expected._mapping[column]


async def test_a_name_that_two_columns_have_is_nobody_s(narrow: Narrow) -> None:
    """As it is with SQLAlchemy, instead of one of the two."""
    async with read(narrow) as unit:
        for way in (unit.execute, lambda statement: other_way(unit, statement)):
            row = (await way(select(User.id, User.username.label("id")).limit(1))).one()
            with pytest.raises(Exception, match="mbiguous"):
                _ = row._mapping["id"]


async def test_both_ways_are_one_transaction(narrow: Narrow) -> None:
    """What one has written the other sees, in either order; a savepoint takes back what both did in it."""
    first, second, third = (new_id() for _ in range(3))
    async with narrow.database.write(narrow.tenants[0], origin=ORIGIN) as unit:
        await unit.execute(insert(Team).values(id=first, name=str(first)))
        names = select(Team.name).where(Team.id.in_([first, second, third])).order_by(Team.id)
        assert (await other_way(unit, names)).scalars().all() == [str(first)]
        await other_way(unit, insert(Team).values(id=second, name=str(second)))
        assert (await unit.execute(names)).scalars().all() == [str(first), str(second)]
        with pytest.raises(IntegrityError):
            await add_teams(unit, (third, str(third)), (new_id(), str(first)))
        assert (await unit.execute(names)).scalars().all() == [str(first), str(second)]
        changed = await unit.execute(update(Team).where(Team.id == first).values(description="changed"))
        assert changed.rowcount == 1
        gone = await unit.execute(delete(Team).where(Team.id.in_([first, second])).returning(Team.id))
        assert set(gone.scalars()) == {first, second}
        unit.audit("users.team.deleted")


@pytest.mark.parametrize(
    "statement",
    [
        select(1 / literal(0)),
        select(func.no_such_function()),
        insert(Team).values(id=UUID(int=0)),
        select(literal(10**30)),
    ],
    ids=["division", "function", "null", "a number too large"],
)
async def test_both_ways_fail_the_same(narrow: Narrow, statement: Any) -> None:
    """The kind of error, and the driver's own error below it."""
    errors = []
    for way in ("driver", "sqlalchemy"):
        async with narrow.database.bookkeeping(narrow.tenants[0]) as unit:
            await unit.execute(select(literal(1)))
            with pytest.raises(DBAPIError) as caught:
                await (unit.execute(statement) if way == "driver" else other_way(unit, statement))
            await unit.close()
        assert caught.value.orig is not None
        errors.append((type(caught.value), type(caught.value.orig.__cause__), caught.value.connection_invalidated))
    assert errors[0] == errors[1]


async def test_whoever_listens_hears_every_statement(servers: Servers, narrow: Narrow) -> None:
    """A listener, of a tracer for instance, has SQLAlchemy execute them."""
    database = Database(servers.config(narrow.wire.url), narrow.database.server._url)
    heard = []
    event.listen(database.server.engine.sync_engine, "before_cursor_execute", lambda *call: heard.append(call[2]))
    try:
        async with database.read(narrow.tenants[0]) as unit:
            assert not isinstance(await unit.execute(select(literal(1))), Rows)
            assert (await unit.execute(Written(select(bindparam("x", type_=User.username.type))), {"x": "a"})).one()
    finally:
        await database.close()
    assert len(heard) == 2


async def test_a_written_statement_is_written_once(narrow: Narrow) -> None:
    """It wants all of its values, keeps those it was made with, and has the same text each time."""
    written = Written(
        select(User.username, literal("fixed").label("fixed")).where(
            User.username == bindparam("name"), User.username.in_(["owner", "admin"])
        )
    )
    for tenant in narrow.tenants:
        async with narrow.database.read(tenant) as unit:
            for name in ("owner", "admin"):
                assert (await unit.execute(written, {"name": name})).one() == (name, "fixed")
            assert (await unit.execute(written, {"name": "viewer", "unknown": 1})).all() == []
            with pytest.raises(TypeError, match="name"):
                await unit.execute(written, {"nam": "owner"})


async def test_what_is_no_plain_statement_goes_the_other_way(narrow: Narrow) -> None:
    """Text, and several rows at once."""
    async with narrow.database.write(narrow.tenants[0], origin=ORIGIN) as unit:
        assert not isinstance(await unit.execute(text("SELECT 1")), Rows)
        rows = [{"id": new_id(), "name": str(new_id())} for _ in range(3)]
        await unit.execute(insert(Team), rows)
        gone = await unit.execute(delete(Team).where(Team.id.in_([row["id"] for row in rows])))
        assert gone.rowcount == 3
        unit.audit("users.team.deleted")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_statement_is_written_for_any_rights(kind: str) -> None:
    """Every kind's rule asks only for what is known of whoever has these rights."""
    item = KINDS[kind]
    names = sorted({other.needs(action) for other in KINDS.values() for action in ("read", "update", "delete")})
    for level in (None, "own", "team", "all"):
        rights: Any = tuple((name, level) for name in names)
        assert str(_finding(item, rights).statement)
        assert str(_locking(item, rights, "delete", False).statement)


def test_a_right_that_nobody_looked_up_is_a_defect() -> None:
    """It would be taken for one that is missing."""
    permissions = _Permissions((("notes:read", "own"), ("notes:update", None)))
    assert dict(permissions) == {"notes:read": "own"}
    assert len(permissions) == 1
    assert "notes:update" not in permissions
    with pytest.raises(AssertionError, match="notes:delete"):
        permissions.get("notes:delete")
    with pytest.raises(AttributeError):
        _ = _anybody_with(()).username
