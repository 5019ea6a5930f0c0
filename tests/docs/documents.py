"""The documents, as the tests read them: their shell blocks, what those print, and what they mention."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
DOCUMENTS: Final = (
    *sorted(ROOT.glob("*.md")),
    *sorted(ROOT.glob("clients/*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
)
DECISIONS: Final = tuple(sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md")))

# A block to be pasted, and right behind it, if it prints anything, what it prints.
_TESTED: Final = re.compile(
    r"^<!-- tested -->\n```sh\n(?P<commands>.*?)^```\n(?:\n```text\n(?P<output>.*?)^```\n)?", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """A shell block that a document promises to work, and the output it shows for it."""

    place: str
    commands: str
    output: str


def blocks_to_paste(document: Path) -> Iterator[Block]:
    """The blocks marked with ``<!-- tested -->``, in order."""
    text = document.read_text(encoding="utf-8")
    for found in _TESTED.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(f"{document.relative_to(ROOT)}:{line}", found["commands"], found["output"] or "")


def code_to_run(document: Path, language: str) -> list[str]:
    """The blocks marked with ``<!-- tested python -->``, or another language, in order."""
    block = re.compile(rf"^<!-- tested {language} -->\n```\w+\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
    return block.findall(document.read_text(encoding="utf-8"))


def shows(expected: str, printed: str) -> bool:
    """Whether a document's output is what was printed. ``…`` stands for anything in a line, alone for any lines."""
    pattern = ""
    for line in expected.rstrip().splitlines():
        if line.strip() == "…":
            pattern += r"(?:[^\n]*\n)*?"
        else:
            pattern += "[^\n]*".join(re.escape(part) for part in line.rstrip().split("…")) + r"[ ]*\n"
    return re.fullmatch(pattern, f"{printed.rstrip()}\n" if printed.strip() else "") is not None


def headings(document: Path) -> set[str]:
    """The anchors of a document, as code hosts make them from its headings."""
    titles = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
