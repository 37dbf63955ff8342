"""One table, five forms: rich for people, Markdown and LaTeX for papers, CSV and JSON for machines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from bench_core.characters import printable, printable_json
from bench_core.errors import UserError

Format = Literal["rich", "markdown", "latex", "csv", "json"]
FORMATS: tuple[Format, ...] = ("rich", "markdown", "latex", "csv", "json")

Cell = str | int | float | bool | None

LONGEST_TEXT = 10_000
"""Characters of a cell that people get to see; machines get all."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: the key in CSV and JSON, and what `--columns` takes.
        header: what people read.
        decimals: digits after the point of its floats, in the forms for people.
        optional: left out of the forms for people where every cell is 0, empty or missing; machines always get it.
        priority: which columns a narrow terminal shows: 1 is shown at any width (what a row is, the headline measure
            with its interval, what fails); of the others the highest number is left out first, then the rightmost.
        least: a terminal may cut the texts of the column to this many characters, and not further while there is
            another column to leave out. Names that are typed again have a large one.
        wraps: its texts are sentences: too long for the terminal, they go on below themselves instead of being cut.
        together: columns of one such word are shown or left out together (the ends of an interval, wins and losses).
        best: which of a group's values a terminal shows in bold (`Table.groups`).
    """

    name: str
    header: str
    decimals: int = 4
    optional: bool = False
    priority: int = 2
    least: int = 20
    wraps: bool = False
    together: str = ""
    best: Literal["highest", "lowest"] | None = None


@dataclass(frozen=True)
class Table:
    """Rows under columns; `notes` stand below it (what N is, what was left out, how a figure was made).

    Attributes:
        groups: names of the columns whose values make a group: the best of each is shown in bold (`Column.best`).
        missing: what people read in a cell without a value, where that is not a dash.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str] = field(default_factory=tuple)
    groups: Sequence[str] = ()
    missing: str = ""

    def __post_init__(self) -> None:
        wrong = [row for row in self.rows if len(row) != len(self.columns)]
        if wrong:
            raise ValueError(f"{self.title}: a row has {len(wrong[0])} cells for {len(self.columns)} columns")

    def render(self, form: Format, width: int | None = None, styled: bool = False) -> str:
        """The table as text that ends with a newline.

        Args:
            form: how it is written.
            width: characters of a terminal's line, which the form `rich` keeps to; None: all columns, whole texts.
            styled: the form `rich` may use bold.
        """
        shown = self.for_people()
        if form == "rich":
            from bench_core.results.terminal import terminal_text

            return terminal_text(shown, width, styled)
        forms = {"markdown": shown._markdown, "latex": shown._latex, "csv": self._csv, "json": self._json}
        return forms[form]()

    def with_columns(self, names: Sequence[str]) -> Table:
        """The columns of these names, in this order, and shown whatever they hold.

        Raises:
            UserError: the table has no such column, or a name is given twice.
        """
        from bench_core.plugins.arguments import did_you_mean

        known = [column.name for column in self.columns]
        for name in names:
            if name not in known:
                meant = did_you_mean(name, known)
                raise UserError(f"The table has no column {name!r}{meant}; it has {', '.join(known)}.")
            if names.count(name) > 1:
                raise UserError(f"The column {name} is given twice; give it once.")
        places = [known.index(name) for name in names]
        columns = [replace(self.columns[place], optional=False, priority=1, together="") for place in places]
        return replace(self, columns=columns, rows=[[row[place] for place in places] for row in self.rows])

    def for_people(self) -> Table:
        """The table without optional columns that say nothing."""
        shown = [
            index
            for index, column in enumerate(self.columns)
            if not column.optional or any(row[index] not in (None, 0, "") for row in self.rows)
        ]
        rows = [[row[index] for index in shown] for row in self.rows]
        notes = [*self.notes, *_cut_note(rows)]
        return replace(self, columns=[self.columns[index] for index in shown], rows=rows, notes=notes)

    def text_rows(self, missing: str) -> list[list[str]]:
        """The cells as people read them; `missing` stands for a cell without a value where the table says nothing."""
        return [
            [
                _text(cell, column.decimals, self.missing or missing)
                for cell, column in zip(row, self.columns, strict=True)
            ]
            for row in self.rows
        ]

    def is_numeric(self, index: int) -> bool:
        """Whether a column holds numbers, and at least one."""
        cells = [row[index] for row in self.rows if row[index] is not None]
        return bool(cells) and all(isinstance(cell, int | float) for cell in cells)

    def _markdown(self) -> str:
        def line(cells: Sequence[str]) -> str:
            return "| " + " | ".join(_on_one_line(cell).replace("|", "\\|") for cell in cells) + " |"

        rule = [("---:" if self.is_numeric(index) else "---") for index in range(len(self.columns))]
        lines = [
            f"**{_on_one_line(self.title)}**",
            "",
            line([column.header for column in self.columns]),
            line(rule),
            *(line(row) for row in self.text_rows("–")),
        ]
        notes = [f"\n{_on_one_line(note)}" for note in self.notes]
        return "\n".join([*lines, *notes]) + "\n"

    def _latex(self) -> str:
        def line(cells: Sequence[str]) -> str:
            return " & ".join(_latex_escaped(cell) for cell in cells) + r" \\"

        alignment = "".join("r" if self.is_numeric(index) else "l" for index in range(len(self.columns)))
        return "\n".join(
            [
                r"\begin{table}",
                rf"\caption{{{_latex_escaped(self.title)}}}",
                rf"\begin{{tabular}}{{{alignment}}}",
                r"\toprule",
                line([column.header for column in self.columns]),
                r"\midrule",
                *(line(row) for row in self.text_rows("--")),
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
        return printable_json(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)) + "\n"


def _text(cell: Cell, decimals: int, missing: str) -> str:
    if cell is None:
        return missing
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return f"{cell:.{decimals}f}"
    text = str(cell)
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}… ({len(text):,} characters)"


def _cut_note(rows: Sequence[Sequence[Cell]]) -> list[str]:
    """What is said where texts are cut."""
    lengths = [len(cell) for row in rows for cell in row if isinstance(cell, str) and len(cell) > LONGEST_TEXT]
    if not lengths:
        return []
    cut = "1 text is" if len(lengths) == 1 else f"{len(lengths):,} texts are"
    return [
        f"{cut} cut to {LONGEST_TEXT:,} characters (the longest has {max(lengths):,}); --format csv or json has all."
    ]


def _on_one_line(text: str) -> str:
    """What a terminal would act on written out, line ends as blanks."""
    return printable(text.replace("\r\n", " ").replace("\n", " "))


_LATEX = str.maketrans(
    {
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
)


def _latex_escaped(text: str) -> str:
    return _on_one_line(text).translate(_LATEX)
