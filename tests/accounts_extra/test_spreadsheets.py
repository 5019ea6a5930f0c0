"""Formulas, defused and restored."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from common.spreadsheets import FORMULA_STARTS, defuse, restore


@given(st.text(alphabet="'=+-@\t\r\n＝a1 ") | st.text())
@example("'=1")
@example("'")
def test_a_defused_text_is_no_formula_and_can_be_restored(text: str) -> None:
    assert not defuse(text).startswith(FORMULA_STARTS)
    assert restore(defuse(text)) == text
