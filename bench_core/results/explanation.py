"""An explanation: titled sections of sentences, code and tables, laid out for a terminal, Markdown or a machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench_core.characters import printable, printable_json, printable_lines
from bench_core.identity import Json
from bench_core.results.tables import Cell, Column, Format, Table

_INDENT = "  "
_MOST_LINES = 60
"""Lines of one text or statement that a terminal gets; all of them with --wide, or elsewhere."""


@dataclass(frozen=True)
class Sentences:
    """Sentences, each a paragraph of its own."""

    texts: Sequence[str]


@dataclass(frozen=True)
class Code:
    """A text whose lines are its own.

    Attributes:
        language: what Markdown calls it.
    """

    text: str
    language: str = ""


@dataclass(frozen=True)
class Section:
    """A part of an explanation.

    Attributes:
        name: the key in JSON.
        title: what people read; a table's own title stands below it.
        for_machines: it is in JSON only.
    """

    name: str
    title: str
    content: Sentences | Code | Table
    for_machines: bool = False

    @property
    def is_shown(self) -> bool:
        """Whether there is something for people."""
        return not self.for_machines and not self._is_empty()

    def _is_empty(self) -> bool:
        if isinstance(self.content, Table):
            return not self.content.rows and not self.content.notes
        return not (self.content.texts if isinstance(self.content, Sentences) else self.content.text)


@dataclass(frozen=True)
class Explanation:
    """Why one thing is as it is. Empty sections are left out, but for machines."""

    title: str
    sections: Sequence[Section]

    def render(self, form: Format, width: int | None = None, styled: bool = False) -> str:
        """The explanation as text that ends with a newline.

        Args:
            form: how it is written; LaTeX and CSV have a row for each sentence, line and row of a table.
            width: characters of a terminal's line, which the form `rich` keeps to; None: whole lines.
            styled: the form `rich` may use bold.
        """
        if form == "json":
            content = {"title": self.title, **{section.name: _as_json(section.content) for section in self.sections}}
            return printable_json(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)) + "\n"
        shown = replace(self, sections=[section for section in self.sections if section.is_shown])
        if form == "markdown":
            return shown._markdown()
        return shown._terminal(width, styled) if form == "rich" else shown._flat().render(form)

    def _terminal(self, width: int | None, styled: bool) -> str:
        parts = [_bold(printable(self.title), styled)]
        for section in self.sections:
            lines = _lines_of(section.content, width, styled)
            parts.append("\n".join([_bold(printable(section.title), styled), *lines]))
        return "\n\n".join(parts) + "\n"

    def _markdown(self) -> str:
        parts = [f"## {printable(self.title)}"]
        for section in self.sections:
            content = section.content
            if isinstance(content, Sentences):
                body = "\n".join(f"- {printable(' '.join(text.split()))}" for text in content.texts)
            elif isinstance(content, Code):
                body = f"````{content.language}\n{printable_lines(content.text)}\n````"
            else:
                body = content.render("markdown").rstrip("\n")
            parts.append(f"### {printable(section.title)}\n\n{body}")
        return "\n\n".join(parts) + "\n"

    def _flat(self) -> Table:
        rows: list[list[Cell]] = [
            [section.name, text] for section in self.sections for text in _flat_texts(section.content)
        ]
        return Table(self.title, [Column("section", "section"), Column("text", "text", wraps=True)], rows)


def _lines_of(content: Sentences | Code | Table, width: int | None, styled: bool) -> list[str]:
    if isinstance(content, Sentences):
        return [line for text in content.texts for line in _cut(_paragraph(text, width), width)]
    if isinstance(content, Code):
        lines = [part for line in printable_lines(content.text).split("\n") for part in _folded(line, width)]
        return _cut(lines, width)
    lines = content.render("rich", _room(width), styled).rstrip("\n").split("\n")
    return [(_INDENT + line).rstrip() for line in (lines if content.title else lines[1:])]


def _room(width: int | None) -> int | None:
    return None if width is None else max(20, width - len(_INDENT))


def _paragraph(text: str, width: int | None) -> list[str]:
    from bench_core.results.terminal import wrapped

    text = " ".join(text.split())
    shown = printable(text if width is None else text[: 2 * width * _MOST_LINES])
    return [_INDENT + line for line in ([shown] if width is None else wrapped(shown, _room(width) or 0))]


def _folded(line: str, width: int | None) -> list[str]:
    """A line of code on as many lines of the terminal as it takes, those after the first further in."""
    room = _room(width)
    if room is None or len(line) <= room:
        return [_INDENT + line]
    import textwrap

    inner = " " * (len(line) - len(line.lstrip()) + 4)
    if len(inner) > room // 2:
        inner = ""
    parts = textwrap.wrap(
        line, room, subsequent_indent=inner, drop_whitespace=False, break_on_hyphens=False, replace_whitespace=False
    )
    return [_INDENT + part.rstrip() for part in parts]


def _cut(lines: Sequence[str], width: int | None) -> list[str]:
    """The first lines; that others are left out is said."""
    if width is None or len(lines) <= _MOST_LINES:
        return list(lines)
    return [*lines[:_MOST_LINES], f"{_INDENT}… cut here; --wide and --format json have all of it."]


def _bold(text: str, styled: bool) -> str:
    return f"\x1b[1m{text}\x1b[0m" if styled else text


def _as_json(content: Sentences | Code | Table) -> Json:
    if isinstance(content, Sentences):
        return list(content.texts)
    if isinstance(content, Code):
        return content.text
    names = [column.name for column in content.columns]
    rows: list[Json] = [dict(zip(names, row, strict=True)) for row in content.rows]
    return {"title": content.title, "rows": rows, "notes": list(content.notes)}


def _flat_texts(content: Sentences | Code | Table) -> list[str]:
    if isinstance(content, Sentences):
        return list(content.texts)
    if isinstance(content, Code):
        return content.text.split("\n")
    heads = [column.header for column in content.columns]
    rows = ["; ".join(map(": ".join, zip(heads, texts, strict=True))) for texts in content.text_rows("–")]
    return [*rows, *content.notes]
