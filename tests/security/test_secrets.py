"""No secret is committed: every tracked file is scanned, and what only looks like one is listed with its reason."""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from tests.support.source import ROOT

SCANNER: Final = ROOT / ".security/bin/detect-secrets"  # make test-security installs it
ALLOWED: Final[list[dict[str, str]]] = tomllib.loads(
    (ROOT / "tests/security/allowed.toml").read_text(encoding="utf-8")
)["allowed"]
# The scanner would pass over lines that say so themselves; here only the list decides.
NO_REMARKS: Final = ("--disable-filter", "detect_secrets.filters.allowlist.is_line_allowlisted")
# Put together here, so that this file holds none of them.
PLANTED: Final = {
    "Private Key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "AWS Access Key": "id = 'AKIA" + "Q3EGPZ7VXN4LTB2M'",
    "GitHub Token": "t = 'ghp_" + "wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx'",
    "JSON Web Token": "eyJhbGciOiJIUzI1NiJ9."
    + "eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "Secret Keyword": "password = " + "'Tr0ub4dor-and-3'",
    "Basic Auth Credentials": "postgresql://admin:" + "Tr0ub4dor3@db.internal/x",
}

Finding = tuple[str, str, int, str]


def scan(folder: Path, *more: str) -> set[Finding]:
    """Path, kind, line and its text of what looks like a secret in a folder, without asking anybody whether it is."""
    command = [str(SCANNER), "scan", "--no-verify", *NO_REMARKS, *more]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    found: dict[str, list[dict[str, object]]] = json.loads(result.stdout)["results"]
    lines = {path: (folder / path).read_text(encoding="utf-8").splitlines() for path in found}
    places = [(path, str(one["type"]), int(str(one["line_number"]))) for path, ones in found.items() for one in ones]
    return {(path, kind, line, lines[path][line - 1]) for path, kind, line in places}


def fits(entry: dict[str, str], finding: Finding) -> bool:
    """Whether this entry of the list is about this finding."""
    path, kind, _, text = finding
    return fnmatch(path, entry["path"]) and kind == entry["kind"] and entry.get("text", "") in text


def unexplained(findings: Iterable[Finding]) -> list[Finding]:
    """Findings that no entry of the list is about."""
    return sorted(finding for finding in findings if not any(fits(entry, finding) for entry in ALLOWED))


def test_no_secret_is_committed() -> None:
    found = scan(ROOT)

    assert unexplained(found) == []
    assert [entry for entry in ALLOWED if not any(fits(entry, finding) for finding in found)] == [], "listed in vain"
    assert all(entry["why"] for entry in ALLOWED)


def test_a_planted_secret_is_found(tmp_path: Path) -> None:
    for number, text in enumerate(PLANTED.values()):
        (tmp_path / f"planted{number}.py").write_text(f"{text}  # pragma: allowlist secret\n")
    (tmp_path / "clean.py").write_text("password = read_password()\n")

    found = scan(tmp_path, "--all-files")

    assert {(path, kind) for path, kind, *_ in found} >= {(f"planted{n}.py", kind) for n, kind in enumerate(PLANTED)}
    assert "clean.py" not in {path for path, *_ in found}
    assert unexplained(found) == sorted(found)


def test_an_entry_with_a_text_is_about_that_text_alone() -> None:
    """What is allowed in a generated file is the example, not whatever stands there next."""
    (entry, *_) = [
        entry for entry in ALLOWED if entry["path"] == "docs/openapi.json" and entry["kind"] == "Secret Keyword"
    ]
    known: Finding = (entry["path"], entry["kind"], 1, f'"password": "{entry["text"]}"')

    assert unexplained([known]) == []
    assert unexplained([(*known[:3], '"password": "another"')]) != []
    assert unexplained([("docs/other.json", *known[1:])]) != []
