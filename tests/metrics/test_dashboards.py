"""The dashboard and the alerts ask for metrics that there are, and every alert says what to do."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from common.observability.counts import LOGIN_REASONS
from tests.docs.documents import headings
from tests.metrics.names import asked_for, labels_of

ROOT: Final = Path(__file__).parents[2]
OURS: Final = {"method", "route", "status", "cache", "outcome", "shard", "state", "reason", "le", "instance"}
SECONDS: Final = re.compile(r"\d+[smh]")


def rules() -> list[dict[str, Any]]:
    """Every alert."""
    (group,) = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text(encoding="utf-8"))["groups"]
    assert group["name"] == "system-service"
    return list(group["rules"])


def panels() -> list[dict[str, Any]]:
    """Every panel of the dashboard."""
    board = json.loads((ROOT / "deploy/grafana/system-service.json").read_text(encoding="utf-8"))
    assert (board["uid"], board["title"]) == ("system-service", "System Service")
    return list(board["panels"])


def expressions() -> list[str]:
    """All that is asked of Prometheus."""
    return [rule["expr"] for rule in rules()] + [target["expr"] for panel in panels() for target in panel["targets"]]


async def test_whatever_is_asked_for_is_there(http: httpx.AsyncClient) -> None:
    await http.get("/")  # one has been answered
    families = list(text_string_to_metric_families((await http.get("/metrics")).text))
    there = {sample.name for family in families for sample in family.samples}
    there |= {family.name for family in families if family.type == "gauge"}  # one that was not measured yet
    asked = {name for expression in expressions() for name in asked_for(expression)}

    assert len(asked) >= 15
    assert asked - there == set()
    assert {label for expression in expressions() for label in labels_of(expression)} <= OURS
    reasons = re.findall(r'reason=~"([^"]+)"', " ".join(expressions()))
    assert {reason for found in reasons for reason in found.split("|")} <= set(LOGIN_REASONS)


def test_every_alert_says_how_bad_it_is_what_it_means_and_what_to_do() -> None:
    anchors, names = headings(ROOT / "docs/operations.md"), [rule["alert"] for rule in rules()]

    assert len(names) == len(set(names)) >= 10
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"].endswith(".")
        assert SECONDS.fullmatch(rule.get("for", "0s"))
        document, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert (ROOT / document).is_file()
        assert anchor == f"alert-{rule['alert'].lower()}"
        assert anchor in anchors, anchor
    assert {anchor for anchor in anchors if anchor.startswith("alert-")} == {f"alert-{name.lower()}" for name in names}


def test_panels_have_a_place_a_title_and_a_source() -> None:
    places = set()
    for panel in panels():
        assert panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["type"] in {"timeseries", "stat"}
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        places.add((place["x"], place["y"]))
    assert len(places) == len({panel["id"] for panel in panels()}) == len(panels())


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ('sum by (le) (rate(a_bucket{x="y"}[5m])) > 1', {"a_bucket"}),
        ("time() - max(b > 0) and on (shard) c offset 5m", {"b", "c"}),
        ("topk(5, d) / ignoring (x) group_left e", {"d", "e", "group_left"}),
    ],
)
def test_names_are_found_in_expressions(expression: str, names: set[str]) -> None:
    assert asked_for(expression) - {"m"} == names
    assert labels_of('a{x="y", z=~"w"}') == {"x", "z"}
