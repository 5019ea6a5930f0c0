"""``make audit`` passes only when every pinned package was asked about and nothing is known against it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tests.support.source import ROOT

KNOWN = "GHSA-test-test-test"
FAULT = {"id": KNOWN, "summary": "made up", "affected": []}


@contextmanager
def advisories(faults: dict[str, Any]) -> Iterator[tuple[str, set[str]]]:
    """A service like OSV that knows these faults, by package: its address, and whom it was asked about."""
    asked: set[str] = set()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = query["package"]["name"]
            asked.add(name)
            body = json.dumps({"vulns": [faults[name]]} if name in faults else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:  # says nothing
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def audit(address: str, cache: Path) -> subprocess.CompletedProcess[str]:
    """Run it against this service."""
    arguments = f"AUDIT_ARGS=--vulnerability-service osv --osv-url {address} --cache-dir {cache}"
    return subprocess.run(["make", "audit", arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def pinned() -> set[str]:
    """The packages of requirements.txt that this Python and system need."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return {line.partition("==")[0].partition("[")[0] for line in lines if "==" in line and ";" not in line}


def test_what_cannot_be_asked_does_not_pass(tmp_path: Path) -> None:
    with advisories({}) as (address, _):
        pass  # nobody listens there any more

    result = audit(address, tmp_path)

    assert result.returncode != 0
    assert "Not passed" in result.stderr


def test_a_known_fault_does_not_pass(tmp_path: Path) -> None:
    with advisories({"starlette": FAULT}) as (address, _):
        result = audit(address, tmp_path)

    assert result.returncode != 0
    assert "Not passed" in result.stderr
    assert KNOWN in result.stdout


def test_every_package_is_asked_about(tmp_path: Path) -> None:
    with advisories({}) as (address, asked):
        result = audit(address, tmp_path)

    assert result.returncode == 0, result.stderr
    assert len(pinned()) > 50
    assert pinned() <= asked
