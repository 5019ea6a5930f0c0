"""The benchmarks' own arithmetic: what counts as met, and what as worse than before."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from benchmarks import __main__ as program
from benchmarks import results
from benchmarks.figures import Figure, Pace, against_limit, at_least, at_most

RATE = Figure.of("a route", [(70.0, 100.0), (80.0, 100.0), (90.0, 100.0)], "/s", "bare", at_least(0.75))
COST = Figure.of("a cost", [(2.0, 1.0)], "ms", "by psql", at_most(1.5))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, file in (("LATEST", "latest.json"), ("CHART", "latest.svg"), ("RECORDED", "recorded.json")):
        monkeypatch.setattr(results, name, tmp_path / file)
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    return tmp_path


def test_the_median_of_the_turns_decides() -> None:
    assert (RATE.value, RATE.theirs, RATE.ratio, RATE.spread, RATE.met) == (80.0, 100.0, 0.8, (0.7, 0.9), True)
    assert (COST.ratio, COST.met) == (2.0, False)
    assert against_limit("memory", [48.0], "MB", 64.0).met


def test_only_what_is_slower_in_every_run_fails_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    slow, slower = {("s", "a route"): "slow"}, {("s", "a route"): "slow", ("t", "a cost"): "slow"}
    asked: list[set[str]] = []

    def check(*runs: dict[tuple[str, str], str]) -> int:
        told = iter(runs)

        def measure(_: Console, chosen: set[str], __: Pace) -> tuple[dict[str, list[Figure]], dict[str, str]]:
            asked.append(set(chosen))
            return {}, {}

        monkeypatch.setattr(results, "regressions", lambda _: next(told))
        monkeypatch.setattr(program, "_measure", measure)
        return program._check(Console(quiet=True), {"s", "t"}, Pace.of(fast=True))

    assert check(slower, slow, slow) == 1
    assert asked == [{"s", "t"}, {"s", "t"}, {"s"}]
    assert (check(slow, {}), check({}), check(slow, {("t", "a cost"): "slow"})) == (0, 0, 0)


@pytest.mark.parametrize(
    ("recorded", "worse"),
    [
        ({"s: a route": 1.4}, True),  # even the best turn had less than two thirds of it
        ({"s: a route": 1.3}, False),
        ({"s: a cost": 1.4}, True),
        ({"s: a cost": 1.6}, False),
        ({}, False),
    ],
)
def test_a_third_less_than_recorded_is_told(folder: Path, recorded: dict[str, float], worse: bool) -> None:
    (folder / "recorded.json").write_text(json.dumps(recorded))

    assert bool(results.regressions({"s": [RATE, COST]})) is worse


def test_the_median_of_three_runs_is_recorded(folder: Path) -> None:
    (folder / "recorded.json").write_text(json.dumps({"s: another": 1.0, "s: a route": 3.0}))

    results.record(
        [{"s": [Figure.of("a route", [turn], "/s", "bare")]} for turn in ((1.0, 2.0), (9.0, 2.0), (2.0, 2.0))]
    )

    assert json.loads((folder / "recorded.json").read_text()) == {"s: another": 1.0, "s: a route": 1.0}


def test_a_section_replaces_its_own_figures_and_no_others(folder: Path) -> None:
    results.write({"first": [RATE], "second": [COST]}, {"cores": 2}, fast=True)
    results.write({"second": [RATE]}, {"cores": 4}, fast=False)

    kept = json.loads((folder / "latest.json").read_text())
    assert kept["machine"] == {"cores": 4}
    assert [(one["section"], one["name"], one["met"]) for one in kept["figures"]] == [
        ("first", "a route", True),
        ("second", "a route", True),
    ]
    assert {"value", "unit", "baseline", "ratio", "goal"} <= kept["figures"][0].keys()
    ElementTree.fromstring((folder / "latest.svg").read_text())
