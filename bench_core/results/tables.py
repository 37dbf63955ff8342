"""One table, five forms: rich for people, Markdown and LaTeX for papers, CSV and JSON for machines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Format = Literal["rich", "markdown", "latex", "csv", "json"]
FORMATS: tuple[Format, ...] = ("rich", "markdown", "latex", "csv", "json")

_WIDEST_TEXT = 72

Cell = str | int | float | bool | None


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: the key in CSV and JSON.
        header: what people read.
        decimals: digits after the point of its floats, in the forms for people.
        optional: left out of the forms for people where every cell is 0 or missing; machines always get it.
    """

    name: str
    header: str
    decimals: int = 4
    optional: bool = False


@dataclass(frozen=True)
class Table:
    """Rows under columns; `notes` stand below it (what N is, what was left out, how a figure was made)."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        wrong = [row for row in self.rows if len(row) != len(self.columns)]
        if wrong:
            raise ValueError(f"{self.title}: a row has {len(wrong[0])} cells for {len(self.columns)} columns")

    def render(self, form: Format) -> str:
        """The table as text that ends with a newline."""
        forms = {
            "rich": self._for_people()._rich,
            "markdown": self._for_people()._markdown,
            "latex": self._for_people()._latex,
            "csv": self._csv,
            "json": self._json,
        }
        return forms[form]()

    def _for_people(self) -> Table:
        """The table without optional columns that say nothing."""
        shown = [
            index
            for index, column in enumerate(self.columns)
            if not column.optional or any(row[index] not in (None, 0) for row in self.rows)
        ]
        rows = [[row[index] for index in shown] for row in self.rows]
        return Table(self.title, [self.columns[index] for index in shown], rows, self.notes)

    def _text_rows(self, missing: str) -> list[list[str]]:
        return [
            [_text(cell, column.decimals, missing) for cell, column in zip(row, self.columns, strict=True)]
            for row in self.rows
        ]

    def _is_numeric(self, index: int) -> bool:
        cells = [row[index] for row in self.rows if row[index] is not None]
        return bool(cells) and all(isinstance(cell, int | float) for cell in cells)

    def _rich(self) -> str:
        from rich import box
        from rich.console import Console
        from rich.measure import Measurement
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable(title=Text(self.title), title_justify="left", box=box.SIMPLE_HEAD, show_edge=False)
        for index, column in enumerate(self.columns):
            numeric = self._is_numeric(index)
            table.add_column(
                Text(column.header),
                justify="right" if numeric else "left",
                no_wrap=numeric,
                max_width=None if numeric else _WIDEST_TEXT,
                overflow="fold",
            )
        for row in self._text_rows("–"):
            table.add_row(*(Text(cell) for cell in row))
        # As wide as the content needs, whatever the terminal: same input, same bytes. Long text is folded, not cut.
        unbounded = Console(width=100_000)
        width = max(Measurement.get(unbounded, unbounded.options, table).maximum, len(self.title) + 1)
        buffer = io.StringIO()
        console = Console(file=buffer, width=width, color_system=None)
        console.print(table)
        lines = [line.rstrip() for line in buffer.getvalue().splitlines()]
        return "\n".join([*lines, *self.notes]).rstrip() + "\n"

    def _markdown(self) -> str:
        def line(cells: Sequence[str]) -> str:
            return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

        rule = [("---:" if self._is_numeric(index) else "---") for index in range(len(self.columns))]
        lines = [
            f"**{self.title}**",
            "",
            line([column.header for column in self.columns]),
            line(rule),
            *(line(row) for row in self._text_rows("–")),
        ]
        notes = [f"\n{note}" for note in self.notes]
        return "\n".join([*lines, *notes]) + "\n"

    def _latex(self) -> str:
        def line(cells: Sequence[str]) -> str:
            return " & ".join(_latex_escaped(cell) for cell in cells) + r" \\"

        alignment = "".join("r" if self._is_numeric(index) else "l" for index in range(len(self.columns)))
        return "\n".join(
            [
                r"\begin{table}",
                rf"\caption{{{_latex_escaped(self.title)}}}",
                rf"\begin{{tabular}}{{{alignment}}}",
                r"\toprule",
                line([column.header for column in self.columns]),
                r"\midrule",
                *(line(row) for row in self._text_rows("--")),
                r"\bottomrule",
                r"\end{tabular}",
                *(rf"\par {_latex_escaped(note)}" for note in self.notes),
                r"\end{table}",
                "",
            ]
        )

    def _csv(self) -> str:
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(column.name for column in self.columns)
        writer.writerows(["" if cell is None else cell for cell in row] for row in self.rows)
        return buffer.getvalue()

    def _json(self) -> str:
        names = [column.name for column in self.columns]
        content = {
            "title": self.title,
            "rows": [dict(zip(names, row, strict=True)) for row in self.rows],
            "notes": list(self.notes),
        }
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _text(cell: Cell, decimals: int, missing: str) -> str:
    if cell is None:
        return missing
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return f"{cell:.{decimals}f}" if isinstance(cell, float) else str(cell)


_LATEX = {
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
}


def _latex_escaped(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)
