"""What is told of a statement: what it does, to which table, and its text without a single literal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.postgresql.tracing import MAX_TEXT, shape_of

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)


@pytest.mark.parametrize(
    ("sql", "operation", "table"),
    [
        ("SELECT notes.id, notes.title \nFROM notes \nWHERE notes.id = $1::UUID", "SELECT", "notes"),
        ("SELECT (SELECT count(*) FROM roles) AS n FROM users", "SELECT", "users"),
        ("SELECT extract(year FROM tasks.due_at) FROM tasks", "SELECT", "tasks"),
        ("SELECT a.id FROM (SELECT id FROM users) AS a", "SELECT", ""),
        ("SELECT audit_append($1::JSONB) AS audit_append_1", "SELECT", ""),
        ("WITH due AS (SELECT id FROM outbox) SELECT id FROM due", "SELECT", ""),
        ("WITH due AS MATERIALIZED (SELECT id FROM a) UPDATE outbox SET x = $1 FROM due", "UPDATE", "outbox"),
        ("INSERT INTO notes (id, title) VALUES ($1, $2) RETURNING notes.id", "INSERT", "notes"),
        ("INSERT INTO notes (id) SELECT id FROM tasks", "INSERT", "notes"),
        ("UPDATE system.tenants SET name = $1", "UPDATE", "system.tenants"),
        ('DELETE FROM "outbox" WHERE id = $1', "DELETE", "outbox"),
        ("LOCK TABLE notes", "LOCK", ""),
        ("", "UNKNOWN", ""),
    ],
)
def test_operation_and_table_are_found(sql: str, operation: str, table: str) -> None:
    shape = shape_of(sql)

    assert (shape.operation, shape.table) == (operation, table)


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("SELECT 'a''b', 1, 2.5, $1 FROM t1", "SELECT ?, ?, ?, $1 FROM t1"),
        ("SELECT E'a\\'b', e'c' AS \"it's\" FROM t", 'SELECT ?, ? AS "it\'s" FROM t'),
        ("SELECT $$a'b$$, $x$c$$d$x$, $12", "SELECT ?, ?, $12"),
        ("SELECT 1e10, x1, anon_1.y2, 'simple'::regconfig", "SELECT ?, x1, anon_1.y2, ?::regconfig"),
        ("SELECT 'a\\', 'b'", "SELECT ?, ?"),
    ],
)
def test_literals_go_and_the_rest_stays(sql: str, text: str) -> None:
    assert shape_of(sql).text == text


@pytest.mark.promise("I8")
@given(TEXTS, TEXTS)
def test_whatever_is_quoted_is_gone(first: str, second: str) -> None:
    one, other = ("'" + value.replace("'", "''") + "'" for value in (first, second))

    assert shape_of(f"SELECT {one} AS a WHERE b = {other} AND c = $1").text == "SELECT ? AS a WHERE b = ? AND c = $1"


def test_a_long_text_is_cut() -> None:
    numbers = ", ".join(f"${number}" for number in range(1, 5000))

    assert len(shape_of(f"SELECT id FROM notes WHERE id IN ({numbers})").text) == MAX_TEXT
