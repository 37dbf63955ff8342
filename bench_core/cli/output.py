"""Results on standard output, messages on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import click

from bench_core.characters import printable, printable_lines
from bench_core.errors import UserError
from bench_core.results.explanation import Explanation
from bench_core.results.tables import Format, Table
from bench_core.results.terminal import wrapped

_VIEW = "bench_core.table_view"
_UNKNOWN_WIDTH = 80
"""Of a terminal that does not say."""
_PLAIN = str.maketrans({"─": "-", "–": "-", "…": "~", "±": "+", "×": "x", "→": ">"})
"""What stands for our own signs where a terminal's encoding lacks them, each as wide as it is."""


@dataclass(frozen=True)
class TableView:
    """What of a table the user asked for.

    Attributes:
        wide: all columns and whole texts, whatever the terminal's width.
        columns: names of the columns to show, in this order; none: the table's own.
    """

    wide: bool = False
    columns: Sequence[str] = ()


def choose_view(view: TableView) -> None:
    """Keep what the user asked for with the command that runs; the tables it prints keep to it."""
    click.get_current_context().meta[_VIEW] = view


def chosen_view() -> TableView:
    """What the user of the command that runs asked for."""
    context = click.get_current_context(silent=True)
    view: TableView = context.meta.get(_VIEW, TableView()) if context else TableView()
    return view


def print_table(table: Table, form: Format) -> None:
    """Write a table to standard output; what stands below it goes to standard error where the form has no place.

    On a terminal the form `rich` fits its width; elsewhere all columns are written, so that equal tables are equal
    bytes.

    Raises:
        UserError: the user asked for a column that the table does not have.
    """
    view = chosen_view()
    if view.columns:
        table = table.with_columns(view.columns)
    _print_rendered(table, form, view.wide)
    if form == "csv":
        for note in table.notes:
            say(note)


def print_explanation(explanation: Explanation, form: Format) -> None:
    """Write an explanation to standard output; on a terminal the form `rich` keeps to its width.

    Raises:
        UserError: the user asked for columns, which an explanation has none of.
    """
    view = chosen_view()
    if view.columns:
        raise UserError("--columns chooses among the columns of a table, and an explanation is none; leave it out.")
    _print_rendered(explanation, form, view.wide)


def _print_rendered(content: Table | Explanation, form: Format, is_wide: bool) -> None:
    width = _terminal_width(_results())
    styled = width is not None and os.environ.get("TERM") != "dumb"
    text = content.render(form, None if is_wide else width, styled)
    # CSV has texts as they are; on a terminal alone what would be acted on is written out.
    _write(printable_lines(text) if form == "csv" and width is not None else text, err=False)


def print_line(text: str) -> None:
    """Write one line of a result (a path, a count) to standard output, as it is but on a terminal."""
    _write((printable(text) if _terminal_width(_results()) is not None else text) + "\n", err=False)


def say(message: str) -> None:
    """Report what happens; on standard error, so that standard output stays the result.

    On a terminal lines are broken between words.
    """
    lines = printable_lines(message).split("\n")
    width = _terminal_width(sys.stderr)
    if width is not None:
        lines = [part for line in lines for part in wrapped(line, width)]
    _write("\n".join(lines) + "\n", err=True)


@contextmanager
def results_alone() -> Iterator[None]:
    """Keep standard output for results: what a user's class or a library prints meanwhile goes to standard error."""
    if _kept:
        yield
        return
    _kept.append(sys.stdout)
    sys.stdout = sys.stderr
    try:
        yield
    finally:
        sys.stdout = _kept.pop()


_kept: list[TextIO] = []  # standard output, while it is kept for results


def _results() -> TextIO:
    return _kept[0] if _kept else sys.stdout


def _terminal_width(stream: TextIO | None) -> int | None:
    """Characters of a line of the terminal that a stream writes to, COLUMNS before what it says; None: it is none."""
    if stream is None or not stream.isatty():
        return None
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or _UNKNOWN_WIDTH
    except (OSError, ValueError):
        return _UNKNOWN_WIDTH


def open_closed_streams() -> None:
    """Let what is written to a standard stream that was closed when the process began go nowhere.

    Python has None in place of such a stream, which libraries do not expect; and the next file that is opened would
    take its number, and get what a subprocess or a C library writes to it.
    """
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is not None:
            continue
        nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open as long as the process
        try:
            os.fstat(number)
        except OSError:
            os.dup2(nowhere.fileno(), number)
        setattr(sys, name, nowhere)


def _write(text: str, err: bool) -> None:
    """Write to a standard stream; what its encoding lacks is replaced, and a message nobody can read is dropped.

    A terminal may be set to Latin-1, where a dash of ours does not exist, and whoever read our messages may have gone:
    neither may end a run.
    """
    stream = sys.stderr if err else _results()
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_PLAIN).encode(encoding, "replace").decode(encoding)
    try:
        # The stream of now: the line of progress takes it over while it is shown, and puts messages above itself.
        # In colour, or click takes escape sequences out of data where no terminal is.
        click.echo(text, nl=False, file=stream, err=err, color=True)
    except (OSError, ValueError):  # ValueError: the stream is closed
        if not err:
            raise
