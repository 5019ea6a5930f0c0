"""Runs of sqlmap and wapiti: the same options for the service and for the application with holes."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.scanners.questions import Question, as_given, in_log
from tests.support.source import ROOT

HERE: Final = Path(__file__).parent
SQLMAP: Final = (
    *(str(ROOT / ".scanners/sqlmap/bin/sqlmap"), "--batch", "--flush-session", "--disable-coloring"),
    *("--level", "1", "--risk", "1", "--technique", "BEUT", "--dbms", "PostgreSQL"),
    *("--threads", "4", "--time-sec", "2", "--timeout", "30", "--skip-waf", "--ignore-code", "*"),
    # Go on after the first hole, and do not climb in.
    *("--answers", "skip further tests=N,keep testing=Y,exploit=N"),
)
# Those that attack, and those that look at answers; the rest looks for other products, or asks other machines.
MODULES: Final = "cookieflags,crlf,csp,exec,file,htaccess,http_headers,methods,redirect,sql,ssrf,timesql,xss,xxe"
SECONDS_EACH: Final = os.environ.get("SECONDS_EACH", "60")  # of a module; by the owner's requests some would never end
WAPITI: Final = (
    *(str(ROOT / ".scanners/wapiti/bin/python"), str(HERE / "wapiti_given.py"), "--module", MODULES),
    *("--flush-session", "--scope", "domain", "--scan-force", "insane", "--no-bugreport", "--format", "json"),
    *("--dns-endpoint", "localhost"),
    *("--timeout", "10", "--tasks", "8", "--verbose", "1"),
    *("--max-attack-time", SECONDS_EACH),
)


def sqlmap(
    questions: list[Question], address: str, folder: Path, processes: int = 2
) -> tuple[list[dict[str, str]], str]:
    """Attack the questions' marks, fields and parameters. A row for each hole, and what sqlmap printed.

    What it took for one at first, and then for none (an answer shows what was sent, or calls it too long), is left out.
    """
    host = address.removeprefix("http://")
    rows, printed = list[dict[str, str]](), ""
    with ExitStack() as started:
        for number in range(processes):
            part = folder / f"sqlmap{number}"
            part.mkdir()
            (part / "requests.log").write_text(in_log(questions[number::processes], host), newline="")
            output = started.enter_context((part / "printed.txt").open("w"))
            files = ("-l", "requests.log", "--output-dir", "found", "--results-file", "results.csv")
            process = subprocess.Popen(
                [*SQLMAP, *files], cwd=part, env=_environment(part), stdout=output, stdin=subprocess.DEVNULL
            )
            started.callback(process.wait)
    for number in range(processes):
        part = folder / f"sqlmap{number}"
        printed += (part / "printed.txt").read_text()
        with (part / "results.csv").open(newline="") as results:
            rows += [row for row in csv.DictReader(results) if not row["Note(s)"]]
    return rows, printed


@dataclass(frozen=True)
class Report:
    """What wapiti tells: its findings by their kind, and what it printed."""

    found: Mapping[str, list[dict[str, Any]]]
    printed: str


def wapiti(
    questions: list[Question], address: str, folder: Path, *, endpoint: str, headers: Mapping[str, str]
) -> Report:
    """Attack the questions' parameters and fields, all with these headers."""
    folder.mkdir()
    (folder / "given.json").write_text(as_given(questions, address))
    command = [
        *(*WAPITI, "--url", f"{address}/", "--swagger", "given.json", "--endpoint", endpoint),
        *("--output", "report.json", "--store-session", "session", "--store-config", "config"),
        *(part for name, value in headers.items() for part in ("--header", f"{name}: {value}")),
    ]
    with (folder / "printed.txt").open("w") as output:
        subprocess.run(command, cwd=folder, env=_environment(folder), stdout=output, stderr=output, check=False)
    printed = (folder / "printed.txt").read_text()
    assert (folder / "report.json").exists(), printed
    report = json.loads((folder / "report.json").read_text())
    kinds = report["vulnerabilities"] | report["anomalies"]
    return Report({kind: ones for kind, ones in kinds.items() if ones}, printed)


def _environment(home: Path) -> dict[str, str]:
    """Nothing of ours, and a home of their own: they keep what they found there."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "NO_PROXY": "127.0.0.1", "PYTHONIOENCODING": "utf-8"}


class Counted:
    """What the service answered since this was made, by its own count."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._before = Counter(dict(self._now()))

    def _now(self) -> Iterator[tuple[tuple[str, str], int]]:
        text = httpx.get(f"{self._url}/metrics", trust_env=False, timeout=60).text
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == "http_requests_total":
                    yield (
                        (f"{sample.labels['method']} {sample.labels['route']}", sample.labels["status"]),
                        int(sample.value),
                    )

    def statuses(self) -> Counter[str]:
        """How many answers of each status."""
        found = Counter[str]()
        for (_, status), number in self.answers().items():
            found[status] += number
        return found

    def answers(self) -> Counter[tuple[str, str]]:
        """The same by operation, too: ``GET /api/v1/users``."""
        now = Counter[tuple[str, str]]()
        for key, number in self._now():
            now[key] += number
        return now - self._before
