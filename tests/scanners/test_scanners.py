"""sqlmap and wapiti find nothing in the service, by more than a thousand requests; and with the same options they find
what is wrong with an application that has holes."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from tests.scanners.asking import EMPTY, SPARED
from tests.scanners.conftest import DOCUMENT, Target
from tests.scanners.questions import JSON, Question
from tests.scanners.scan import Counted, Report, sqlmap, wapiti
from tests.support.servers import PLATFORM_KEY

DOORS: Final = [
    Question("loud", "GET", "/loud", (("q", "chair"),)),
    Question("quiet", "GET", "/quiet", (("id", "1"),)),
    Question("one", "GET", "/things/chair*"),
    Question("posted", "POST", "/things", headers={"Content-Type": JSON}, body={"name": "chair"}),
    Question("greeting", "GET", "/greeting", (("name", "Maria"),)),
    Question("elsewhere", "GET", "/elsewhere", (("to", "/greeting"),)),
    Question("file", "GET", "/file", (("name", "notes.txt"),)),
    Question("fetched", "GET", "/fetched", (("url", "http://127.0.0.1:9/"),)),
]
# The only answers below 500 that say nothing about what was sent but who sent it.
AT_THE_DOOR: Final = ("401", "429")
SECRETS: Final = frozenset({"Authorization", "X-Platform-Key"})  # a stranger has neither


def unexplained(report: Report) -> list[str]:
    """What wapiti found, but for the header that ``frame-ancestors 'none'`` has replaced (CSP Level 3, section 6.4.2).

    That every answer has this, tests/http/test_hardening.py knows.
    """
    found = [f"{kind}: {one['info']} ({one['http_request']})" for kind, ones in report.found.items() for one in ones]
    return [one for one in found if not one.startswith("Clickjacking Protection: X-Frame-Options is not set")]


def told(counted: Counted, seconds: float) -> Counter[str]:
    """The statuses of a scan, which are also printed: the figures of this run."""
    statuses = counted.statuses()
    shares = ", ".join(f"{status}: {number}" for status, number in sorted(statuses.items()))
    print(f"{statuses.total()} requests in {seconds:.0f} s ({shares})")  # noqa: T201 - the figure
    return statuses


def operations(questions: list[Question]) -> set[str]:
    """Those that are attacked."""
    return {question.name for question in questions}


def attackable() -> set[str]:
    """The operations that take anything in their address or body, by the document."""
    found = [one for item in DOCUMENT["paths"].values() for one in item.values() if "operationId" in one]
    taking = [
        one for one in found if "requestBody" in one or any(p["in"] == "query" for p in one.get("parameters", ()))
    ]
    return {one["operationId"] for one in taking}


async def test_the_questions_are_good_ones(target: Target) -> None:
    """A request that is refused before it is looked at, or a list that is empty anyway, would hide a hole."""
    asked = operations(target.questions["tenant_north"])
    print(f"{len(target.questions['tenant_north'])} requests for {len(asked)} operations")  # noqa: T201 - the figure
    assert target.refused == {}, target.refused
    assert target.empty - EMPTY == set(), target.empty
    assert operations(target.questions["tenant_south"]) == asked
    assert attackable() - SPARED.keys() == asked & attackable()


@pytest.mark.promise("S1")
async def test_sqlmap_finds_nothing_in_the_service(target: Target, tmp_path: Path) -> None:
    """In two processes, one for each tenant."""
    names = sorted(operations(target.questions["tenant_north"]))
    questions = [
        question
        for number, asked in enumerate(target.questions.values())
        for question in asked
        if names.index(question.name) % 2 == number
    ]
    counted, started = Counted(target.url), time.monotonic()

    rows, printed = sqlmap(questions, target.url, tmp_path)

    statuses = told(counted, time.monotonic() - started)
    assert rows == []
    assert printed.count("all tested parameters do not appear to be injectable") == len(questions), printed
    assert statuses.total() > 50 * len(questions)
    assert sum(statuses[status] for status in AT_THE_DOOR) < statuses.total() / 20
    assert [status for status in statuses if status >= "500"] == []
    assert target.errors() == []


def test_sqlmap_finds_what_is_there(doors: str, tmp_path: Path) -> None:
    rows, printed = sqlmap(DOORS[:4], doors, tmp_path)

    found = {(row["Target URL"].removeprefix(doors).partition("?")[0], row["Parameter"]) for row in rows}
    assert found == {("/loud", "q"), ("/quiet", "id"), ("/things/chair", "#1*"), ("/things", "JSON name")}, printed


@pytest.mark.promise("S1")
async def test_wapiti_finds_nothing_as_the_owner(target: Target, endpoint: str, tmp_path: Path) -> None:
    """By every list with its filters, and by everything that is made."""
    twin, counted, started = target.twins["tenant_north"], Counted(target.url), time.monotonic()
    headers = twin.owner.headers | {"X-Platform-Key": PLATFORM_KEY}

    questions = {question.name: question for question in reversed(target.questions["tenant_north"])}
    first = [question for question in questions.values() if question.query or question.name.startswith("create_")]

    report = wapiti(first, target.url, tmp_path / "x", endpoint=endpoint, headers=headers)

    statuses = told(counted, time.monotonic() - started)
    assert unexplained(report) == []
    assert statuses.total() > 100 * len(first)
    assert sum(statuses[status] for status in AT_THE_DOOR) < statuses.total() / 20
    assert target.errors() == []


@pytest.mark.promise("S1")
async def test_wapiti_finds_nothing_as_a_stranger(target: Target, endpoint: str, tmp_path: Path) -> None:
    twin, counted, started = target.twins["tenant_south"], Counted(target.url), time.monotonic()
    questions = [question for question in target.questions["tenant_south"] if not question.headers.keys() & SECRETS]

    report = wapiti(questions, target.url, tmp_path / "x", endpoint=endpoint, headers=twin.anonymous.headers)

    statuses = told(counted, time.monotonic() - started)
    assert unexplained(report) == []
    assert statuses.total() > 20 * len(questions)
    assert target.errors() == []


def test_wapiti_finds_what_is_there(doors: str, endpoint: str, tmp_path: Path) -> None:
    report = wapiti(DOORS, doors, tmp_path / "x", endpoint=endpoint, headers={})

    found = {(kind, one["path"]) for kind, ones in report.found.items() for one in ones}
    assert found >= {
        ("SQL Injection", "/loud"),
        ("SQL Injection", "/quiet"),
        ("SQL Injection", "/things"),
        ("Reflected Cross Site Scripting", "/greeting"),
        ("Open Redirect", "/elsewhere"),
        ("Path Traversal", "/file"),
        ("Server Side Request Forgery", "/fetched"),
    }, report.printed
