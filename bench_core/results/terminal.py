"""Lay a table out for a terminal: the columns that fit, texts cut where they must be, one line a row."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench_core.characters import printable

if TYPE_CHECKING:
    from bench_core.results.tables import Cell, Column, Table

_MISSING = "–"
_GAP = 3
"""Characters between two columns."""
_BETWEEN = " " * _GAP
_MARGIN = 2
"""Characters beside the columns: one at each end of a line."""
_NARROWEST = 4
"""A text that is cut further than this says nothing."""
_SENTENCE = 72
"""Where sentences are broken that may go on below themselves, before other columns are left out for them."""
_BEYOND = 4
"""Lines' widths after which a text is cut without being measured."""
_LONGEST_HEADER = 200
"""Characters of a header."""
_HEADER_LINES = 2
"""What a header is folded into at most."""
_NOTE_LINES = 1
"""What the names of columns that are not shown take at most, on a terminal of the usual width or more."""
_USUAL_WIDTH = 80


def terminal_text(table: Table, width: int | None, styled: bool) -> str:
    """The table as lines for a terminal.

    Args:
        width: characters of a line; None: all columns, whole texts, notes unbroken.
        styled: the best of each group is bold.
    """
    texts = [[printable(text) for text in row] for row in table.text_rows(_MISSING)]
    if width is not None:
        texts = [_beginnings(table.columns, row, width) for row in texts]
    measured = [
        _measure(index, column, table.is_numeric(index), [row[index] for row in texts])
        for index, column in enumerate(table.columns)
    ]
    if width is None:
        shown, headers = [(one.index, one.natural) for one in measured], [one.header for one in measured]
    else:
        shown, headers = _fitted(measured, width - _MARGIN)
    lines = _drawn(table, texts, shown, headers, styled)
    notes = [printable(note) for note in table.notes]
    left_out = [_named(column) for index, column in enumerate(table.columns) if index not in dict(shown)]
    title = [printable(table.title)]
    if width is not None:
        notes += _left_out_note(left_out, width)
        title, notes = ([part for text in texts for part in wrapped(text, width)] for texts in (title, notes))
    return "\n".join([*title, *lines, *notes]).rstrip() + "\n"


def _beginnings(columns: Sequence[Column], row: Sequence[str], width: int) -> list[str]:
    """Texts that stand on one line without what is far beyond its end, so that measuring them costs nothing."""
    return [
        text if column.wraps or len(text) <= _BEYOND * width else f"{text[: width + 1]}…"
        for column, text in zip(columns, row, strict=True)
    ]


def _left_out_note(names: Sequence[str], width: int) -> list[str]:
    """What is not shown, as far as one line holds the names."""
    for n_named in range(len(names), -1, -1):
        more = [f"{len(names) - n_named} more"] if n_named < len(names) else []
        note = f"Not shown for want of room: {', '.join([*names[:n_named], *more])} (--wide, or --columns NAME,…)."
        if len(wrapped(note, max(width, _USUAL_WIDTH))) <= _NOTE_LINES:
            break
    return [note] if names else []


def _named(column: Column) -> str:
    """A column by its head, with the name that `--columns` takes where that is another."""
    header = _header(column)
    alike = header.lower().replace(" ", "_") in ("", column.name)
    return column.name if alike else f"{header} ({column.name})"


@dataclass(frozen=True)
class _Measured:
    """A column with the widths it can have, in characters.

    Attributes:
        cuttable: its texts may be cut; numbers are not.
        natural: every text and the header on one line, whole.
        folded: the same with the header on two lines, and sentences on several.
        least: what it may be cut to before another column is left out.
        together: see `Column`.
    """

    index: int
    priority: int
    header: str
    cuttable: bool
    natural: int
    folded: int
    least: int
    together: str


def _measure(index: int, column: Column, numeric: bool, texts: Sequence[str]) -> _Measured:
    header = _header(column)
    widest = max(map(_n_places, texts), default=0)
    folded = max(min(widest, _SENTENCE) if column.wraps else widest, _folded(header))
    least = folded if numeric else min(folded, column.least)
    natural = max(widest, _n_places(header))
    return _Measured(index, column.priority, header, not numeric, natural, folded, least, column.together)


def _header(column: Column) -> str:
    """A column's head as it is shown: a statement that names none gives its columns whole expressions as names."""
    text = printable(column.header[: _LONGEST_HEADER + 1])
    return text if len(column.header) <= _LONGEST_HEADER else f"{text[:_LONGEST_HEADER]}…"


def _folded(header: str) -> int:
    """The least width at which a header takes no more lines than it may."""
    words = header.split()
    widths = (max(map(_n_places, wrapped(header, width))) for width in range(1, len(header) + 1))
    longest = max(map(_n_places, words), default=0)
    return next(
        (width for width in widths if width >= longest and len(wrapped(header, width)) <= _HEADER_LINES), longest
    )


def _fitted(measured: Sequence[_Measured], room: int) -> tuple[list[tuple[int, int]], list[str]]:
    """Which columns are shown, each with its width, and their headers; a header is folded only where room is short."""
    if _needed([one.natural for one in measured]) <= room:
        return [(one.index, one.natural) for one in measured], [one.header for one in measured]
    shown = list(measured)
    widths = {one.index: one.least for one in shown}
    while (short := _needed([widths[one.index] for one in shown]) - room) > 0:
        worst = max(shown, key=lambda one: (one.priority, one.index))
        cuttable = [one for one in shown if one.cuttable and widths[one.index] > _NARROWEST]
        if worst.priority > 1 and len(shown) > 1:
            shown = [one for one in shown if one is not worst and not _belong(one, worst)] or [worst]
        elif cuttable:
            widths[max(cuttable, key=lambda one: widths[one.index]).index] -= 1
        elif len(shown) > 1:
            shown.remove(worst)
        else:
            widths[worst.index] = max(1, widths[worst.index] - short)
            break
    _widen(shown, widths, {one.index: one.folded for one in shown}, room)
    _widen(shown, widths, {one.index: one.natural for one in shown}, room)
    return (
        [(one.index, widths[one.index]) for one in shown],
        ["\n".join(wrapped(one.header, widths[one.index])) for one in shown],
    )


def _belong(one: _Measured, other: _Measured) -> bool:
    return one.together != "" and one.together == other.together


def _widen(shown: Sequence[_Measured], widths: dict[int, int], wanted: Mapping[int, int], room: int) -> None:
    """Give the room that is left to the columns that want it, the ones that matter most first."""
    left = room - _needed([widths[one.index] for one in shown])
    for one in sorted(shown, key=lambda one: (one.priority, one.index)):
        more = max(0, min(left, wanted[one.index] - widths[one.index]))
        widths[one.index] += more
        left -= more


def _needed(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def wrapped(text: str, width: int) -> list[str]:
    """The lines of a text broken between words; a longer word (a path, a hash) stays whole, to be copied."""
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def _drawn(
    table: Table, texts: Sequence[Sequence[str]], shown: Sequence[tuple[int, int]], headers: Sequence[str], styled: bool
) -> list[str]:
    """The header, a rule, and the rows. Drawn here: rich takes 0.2 ms a row, and a result may have 100,000."""
    widths = [width for _, width in shown]
    aligned = [_padded_left if table.is_numeric(index) else _padded_right for index, _ in shown]
    wraps = [table.columns[index].wraps for index, _ in shown]
    bold = _best_cells(table, texts) if styled else set()

    def line(cells: Sequence[str], is_bold: Sequence[bool] = ()) -> str:
        padded = [pad(cell, width) for pad, cell, width in zip(aligned, cells, widths, strict=True)]
        if any(is_bold):
            padded = [f"\x1b[1m{cell}\x1b[0m" if it else cell for cell, it in zip(padded, is_bold, strict=True)]
        return f" {_BETWEEN.join(padded)}".rstrip()

    def lines(cells: Sequence[Sequence[str]], is_bold: Sequence[bool] = ()) -> list[str]:
        tallest = max(map(len, cells), default=1)
        return [line([cell[n] if n < len(cell) else "" for cell in cells], is_bold) for n in range(tallest)]

    heads = [[_cut(part, width) for part in head.split("\n")] for head, width in zip(headers, widths, strict=True)]
    tallest = max(map(len, heads), default=1)
    drawn = lines([[*[""] * (tallest - len(head)), *head] for head in heads])
    drawn.append("─" * (_needed(widths) + _MARGIN))
    for number, row in enumerate(texts):
        cells = [row[index] for index, _ in shown]
        is_bold = [(number, index) in bold for index, _ in shown] if bold else ()
        if any(wraps):
            parted = [
                _parts(cell, width) if wrap else [_cut(cell, width)]
                for cell, width, wrap in zip(cells, widths, wraps, strict=True)
            ]
            drawn += lines(parted, is_bold)
        else:
            drawn.append(line([_cut(cell, width) for cell, width in zip(cells, widths, strict=True)], is_bold))
    return drawn


def _n_places(text: str) -> int:
    """Places that a text takes on a terminal: Chinese characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _padded_left(text: str, width: int) -> str:
    return " " * (width - _n_places(text)) + text


def _padded_right(text: str, width: int) -> str:
    return text + " " * (width - _n_places(text))


def _cut(text: str, width: int) -> str:
    """A text on one line, with … where it goes on."""
    if _n_places(text) <= width:
        return text
    from rich.cells import set_cell_size

    return f"{set_cell_size(text, width - 1)}…"


def _parts(text: str, width: int) -> list[str]:
    """A text on as many lines as it takes, broken between words; a word that is longer than a line is cut."""
    if _n_places(text) <= width:
        return [text]
    lines: list[str] = []
    for word in text.split():
        if lines and _n_places(lines[-1]) + 1 + _n_places(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(_cut(word, width))
    return lines or [""]


def _best_cells(table: Table, texts: Sequence[Sequence[str]]) -> set[tuple[int, int]]:
    """(row, column) of the best values of each group with at least two; equal as shown is equal."""
    places = [index for index, column in enumerate(table.columns) if column.name in table.groups]
    groups: dict[tuple[Cell, ...], list[int]] = {}
    for number, row in enumerate(table.rows):
        groups.setdefault(tuple(row[place] for place in places), []).append(number)
    found: set[tuple[int, int]] = set()
    for index, column in enumerate(table.columns):
        if column.best is None:
            continue
        for numbers in groups.values():
            values = {
                number: value for number in numbers if isinstance(value := table.rows[number][index], int | float)
            }
            if len(values) > 1:
                chosen = max if column.best == "highest" else min
                best = texts[chosen(values, key=lambda number: values[number])][index]
                found |= {(number, index) for number in values if texts[number][index] == best}
    return found
