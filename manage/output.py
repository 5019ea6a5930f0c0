"""What commands print: tables for people, tab-separated lines for pipes, JSON when asked for.

Names come from tenants' users and may hold anything: control characters, which could rewrite the terminal, are shown as
escapes, and nothing is read as markup.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar

import structlog
import typer
from pydantic import BaseModel
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from shared_models import rfc3339

AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]

Item = TypeVar("Item", bound=BaseModel)
Columns = Mapping[str, Callable[[Item], object]]
"""A table's columns: the heading, and what to show of an item."""

NOTHING: Final = "-"  # an empty cell, which cut and awk would otherwise take for none


def show_list(items: Sequence[Item], columns: Columns[Item], *, as_json: bool) -> None:
    """Many things: a JSON array, a table, or a line for each without headings."""
    if as_json:
        show_json([item.model_dump(mode="json") for item in items])
        return
    rows = [[cell(read(item)) for read in columns.values()] for item in items]
    if is_terminal():
        _print_table(list(columns), rows)
    else:
        for row in rows:
            print("\t".join(row))


def show_item(item: BaseModel, *, as_json: bool, more: Mapping[str, Any] | None = None) -> None:
    """One thing with all its fields: a JSON object, or a line for each. ``more`` are fields that it does not have."""
    fields = {**item.model_dump(mode="json"), **(more or {})}
    if as_json:
        show_json(fields)
    elif is_terminal():
        _print_table([], [[name.replace("_", " "), cell(value)] for name, value in fields.items()])
    else:
        for name, value in fields.items():
            print(f"{name}\t{cell(value)}")


def show_json(value: object) -> None:
    """A value of JSON's types."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def cell(value: object) -> str:
    """A value as one cell."""
    if value in (None, "", []):
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(cell(item) for item in value)
    if isinstance(value, dict):  # a role, a team, a user, as others mention it
        return cell(value.get("name") or value.get("username"))
    text = rfc3339(value.replace(microsecond=0)) if isinstance(value, datetime) else str(value)
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def say(sentence: str) -> None:
    """What was done, or what to know beside an answer; on stderr, so that stdout has the answer alone."""
    print(sentence, file=sys.stderr)


def log_to_stderr() -> None:
    """Have what the service logs go there, if it is a warning."""
    structlog.reset_defaults()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # what it is then: tests have several in turn
    )


def is_terminal() -> bool:
    """Whether somebody looks at stdout."""
    return sys.stdout.isatty()


def is_watched() -> bool:
    """Whether somebody looks at stderr, where the bars are."""
    return sys.stderr.isatty()


def can_ask() -> bool:
    """Whether somebody is there to answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


@contextmanager
def long_work(title: str) -> Iterator[None]:
    """A bar with the time that has passed, while somebody looks; nothing elsewhere."""
    if not is_watched():
        yield
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        progress.add_task(title, total=None)
        yield


@contextmanager
def counted_work(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar that is told how much of how much is done, while somebody looks; nothing elsewhere."""
    if not is_watched():
        yield lambda _done, _all: None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(box=box.SIMPLE_HEAD, show_header=bool(headings))
    for heading in headings or ("", ""):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(text) for text in row))
    Console().print(table)
