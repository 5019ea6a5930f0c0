"""docs/promises.md says what the suite guards, and the suite guards what it says."""

from __future__ import annotations

from pathlib import Path

from manage.promises import Guard, find_guards, read_figures, read_sentences, render_promises
from tests.support.source import ROOT

SNIPPET = """
import pytest
pytestmark = [pytest.mark.promise("S1"), pytest.mark.other("x")]

def helper(): ...

@pytest.mark.promise("T1", "T2")
def test_one(): ...

@pytest.mark.promise("T3")
class Contract:
    @pytest.mark.parametrize("a", [1])
    async def test_two(self, a): ...
    def not_a_test(self): ...
"""


def test_the_page_is_up_to_date() -> None:
    page = (ROOT / "docs/promises.md").read_text(encoding="utf-8")

    assert page == render_promises(read_sentences(), find_guards(), read_figures()), "run `python -m manage promises`"


def test_every_number_in_the_tests_and_of_a_figure_is_a_promise() -> None:
    promises = {number for group in read_sentences().values() for number in group}
    used = {guard.promise for guard in find_guards()}

    assert (used | read_figures().keys()) - promises == set()
    assert len(promises) == 30


def test_a_mark_is_found_on_a_test_its_class_and_its_file(tmp_path: Path) -> None:
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "test_x.py").write_text(SNIPPET)

    found = {(guard.promise, guard.test) for guard in find_guards(tests)}

    one = {("S1", "test_one"), ("T1", "test_one"), ("T2", "test_one")}
    assert found == one | {("S1", "test_two"), ("T3", "test_two")}


def test_a_promise_without_a_test_is_visible() -> None:
    guards = [Guard("A1", "tests/x.py", "test_it_holds")]
    page = render_promises({"Group": {"A1": "One.", "A2": "Two."}}, guards, {"A1": "3 of 3."})

    assert "**A1** One.\n\n- `tests/x.py`: it holds\n\nMeasured: 3 of 3.\n" in page
    assert "**A2** Two.\n\nNo test yet.\n" in page
