"""What README.md and docs/ tell people to paste works as it stands, against a real ``make run``."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from manage.embedded import postgres_bin_dir
from manage.kept_secrets import kept_secrets
from manage.psql import embedded_url
from migrations.login import plain_dsn
from tests.docs.documents import DOCUMENTS, ROOT, blocks_to_paste, shows

STAND_INS: Final = Path(__file__).parent / "stand_ins"
PORT_IN_DOCUMENTS: Final = "127.0.0.1:8008"
LAST_LINE_OF_BANNER: Final = "Ctrl-C stops everything"
BOUNDARY: Final = "=== end of block, status"

# One after the other, because the later ones use what the earlier ones made.
IN_ORDER: Final = (
    *("README.md", "docs/isolation.md", "docs/settings.md", "docs/feature-flags.md"),
    *sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/tools/*.md")),
    "docs/quickstart-service.md",
    "docs/operations.md",
    "docs/MIGRATION_GUIDE.md",
)


@contextmanager
def make_run(environment: Mapping[str, str], log: Path) -> Iterator[None]:
    """What ``make run`` starts, from the first line to the clean end."""
    command = [sys.executable, "-m", "manage", "up"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_for(LAST_LINE_OF_BANNER, log, process)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
    assert code == 0, log.read_text()


def wait_for(text: str, log: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90
    while text not in log.read_text(errors="replace"):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def paste(document: Path, environment: Mapping[str, str], port: int) -> None:
    """Run a document's blocks in one shell, as if pasted, and compare what each prints."""
    blocks = list(blocks_to_paste(document))
    assert blocks, f"{document} has nothing to try"
    script = "".join(f"{block.commands}\nprintf '\\n{BOUNDARY} %s\\n' $?\n" for block in blocks)
    script = script.replace(PORT_IN_DOCUMENTS, f"127.0.0.1:{port}")
    shell = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    parts = shell.stdout.split(BOUNDARY)
    assert len(parts) == len(blocks) + 1, shell.stdout
    for number, block in enumerate(blocks):
        printed = parts[number] if number == 0 else parts[number].partition("\n")[2]
        assert parts[number + 1].split()[0] == "0", f"{block.place} failed: {printed}"
        assert shows(block.output, printed), f"{block.place} shows\n{block.output}\nbut printed\n{printed}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, and open to the user that runs PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="ss-docs-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_every_block_to_paste_works_as_it_is(folder: Path) -> None:
    port, log = free_port(), folder / "log"
    # Nothing of the developer's own environment but where programs are; this Python and its PostgreSQL come first.
    first = [str(Path(sys.executable).parent), str(postgres_bin_dir()), os.environ["PATH"]]
    path = os.pathsep.join([*first, str(STAND_INS)])  # at the end: a real curl is preferred
    environment = {"PATH": path, "HOME": str(folder), "DATA_DIR": str(folder / "data")}

    with make_run({**environment, "PORT": str(port)}, log):
        for name in IN_ORDER:
            more = as_an_operator(folder) if name == "docs/operations.md" else {}
            paste(ROOT / name, {**environment, **more}, port)

        banner = log.read_text()
        for line in banner_of_readme().replace(PORT_IN_DOCUMENTS, f"127.0.0.1:{port}").splitlines():
            assert any(shows(line, printed) for printed in banner.splitlines()), f"`make run` does not print: {line}"


def as_an_operator(folder: Path) -> dict[str, str]:
    """The variables that somebody has set who runs the service on a PostgreSQL of his own."""
    return {
        "DATABASE_URL": plain_dsn(embedded_url(folder / "data")),
        "SECRET_KEY": kept_secrets(folder / "data")["SECRET_KEY"],
        "BACKUPS": str(folder / "backups"),
    }


def test_no_document_is_forgotten() -> None:
    with_blocks = {str(document.relative_to(ROOT)) for document in DOCUMENTS if any(blocks_to_paste(document))}

    assert with_blocks == set(IN_ORDER)


def banner_of_readme() -> str:
    """The block behind ``make run``."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return text.partition("make run\n```\n")[2].partition("```text\n")[2].partition("```")[0]


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("one\ntwo\n", "one\ntwo\n", True),
        ("one\n", "one\ntwo\n", False),
        ("one\ntwo\n", "one\n", False),
        ('{"id":"…","n":1}', '{"id":"7","n":1}', True),
        ('{"id":"…","n":1}', '{"id":"7","n":2}', False),
        ("a\n…\nd", "a\nb\nc\nd", True),
        ("a\n…\nd", "a\nb\nc\n", False),
        ("", "", True),
        ("", "something\n", False),
    ],
)
def test_outputs_are_compared_line_by_line(expected: str, printed: str, same: bool) -> None:
    assert shows(expected, printed) is same
