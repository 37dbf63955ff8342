"""DuckDB's error messages without the mirror's file, and without advice that a guarded statement cannot follow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_MOST_READ = 4_000
"""Characters of a message that are looked at; it may repeat a value of any length."""
_MOST_CHARACTERS = 500
"""Of what is handed on."""

_EXCERPT = re.compile(r"\n+LINE \d+:")
# DuckDB joins sentences by a blank, a line end, or a line that begins with a star.
_SENTENCE_ENDS = re.compile(r"\s*\n+\s*|(?<=[.!?])\s+(?=[\"'A-Z*])|\s+(?=\* )")
# What changes a setting or loads an extension, which a statement that is guarded cannot do: quoted or not, at the
# beginning of a sentence or within it. Bare words are no advice: `UPDATE SET`, `SET operations`.
_ADVICE = re.compile(
    r"\b(?:re)?set\s+(?:session\s+|global\s+)?[a-z]+(?:_[a-z]+)*\s*=|\bSET\s+[a-z]+(?:_[a-z]+)*\s+TO\b"
    r"|\b(?:RE)?SET\s+[a-z]+(?:_[a-z]+)+|\bPRAGMA\s+[a-z]|\b(?:INSTALL|LOAD)\s+[a-z]|\bCALL\s+enable_"
    r"|\bUse TRY\(\.\.\.\)|duckdb\.org|\bPossible solutions?:|\bSee also\b",
    re.IGNORECASE,
)
_ADVICE_WITHIN = re.compile(
    r"(?:,? or|,)? ?\(?(?:use |run |enable |using the setting |via )?[\"'`(]?\b(?:RE)?SET [a-z]+(?:_[a-z]+)*\b.*"
)
_CASTS = re.compile(r"\. You might need to add explicit type casts.*", re.DOTALL)


class MessageWords:
    """What of an engine's message is handed on.

    Args:
        mirror_path: the file that the engine has opened, which names the database in its messages.
    """

    def __init__(self, mirror_path: Path) -> None:
        # The catalogue has the file's name: bare, or quoted where it is no plain word, before the one schema there is.
        name = re.escape(mirror_path.stem)
        quoted = re.escape(_quoted(mirror_path.stem))
        self._paths = [(str(mirror_path), "the database"), (str(mirror_path.parent), "")]
        self._catalogue = re.compile(rf'(?:{quoted}|(?<!\w){name})\."?main"?\.')
        self._database = re.compile(rf'\bdatabase (?:{quoted}|"{name}"|{name}\b)')

    def of(self, message: str, renamed: Mapping[str, str]) -> str:
        """One line without paths, excerpts of translated text, the mirror's own names, and advice on settings.

        Args:
            renamed: mirror table -> the name the statement knows it by.
        """
        text = _EXCERPT.split(message[:_MOST_READ])[0].strip()
        for hidden, shown in self._paths:
            text = text.replace(hidden, shown)
        text = self._database.sub("the database", self._catalogue.sub("", text))
        for table, written in renamed.items():
            text = re.sub(rf"\b{re.escape(table)}\b", written.replace("\\", r"\\"), text)
        line = " ".join(_without_advice(_CASTS.sub("", text)).split())[:_MOST_CHARACTERS]
        return "".join(character for character in line if character.isprintable())


def _without_advice(text: str) -> str:
    """The sentences that advise nothing; the first says what is wrong, and loses only the part that advises."""
    first, *others = _SENTENCE_ENDS.split(text)
    kept = [_ADVICE_WITHIN.sub("", first) if _ADVICE.search(first) else first]
    return " ".join([*kept, *(sentence for sentence in others if not _ADVICE.search(sentence))])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
