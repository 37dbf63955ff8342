"""The tokens of SQL that may be followed by anything: a scanner that prose, cut strings and markup do not upset."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

# sqlglot's own tokenizers raise on a quote that is never closed, as prose behind a statement may hold one.
_WITH_BACKSLASHES = frozenset({"bigquery", "mysql", "spark", "spark2", "hive", "databricks", "clickhouse", "snowflake"})
_WITH_HASH_COMMENTS = frozenset({"bigquery", "mysql", "clickhouse"})
_WITH_DOLLAR_QUOTES = frozenset({"postgres", "duckdb", "snowflake", "databricks"})
_ONE_LINE_STRINGS = frozenset({"bigquery"})


class Kind(StrEnum):
    """What a token is."""

    BLANK = "blank"
    COMMENT = "comment"
    MARK = "mark"  # a closing tag, an end-of-turn token or a fence
    STRING = "string"  # or a quoted name
    OPEN = "open"  # a quote or comment that is never closed, with all that follows
    WORD = "word"
    NUMBER = "number"
    SYMBOL = "symbol"


@dataclass(frozen=True)
class Token:
    """A token, and where it begins."""

    kind: Kind
    text: str
    start: int


MARK = (
    r"</[A-Za-z_][\w:.=-]*+[ \t]*+>|<\|[^|<>\n]{1,60}+\|>|<｜[^｜<>\n]{1,60}+｜>"
    r"|<(?:end_of_turn|start_of_turn|eos|eot)>|\[/[A-Za-z]\w*+\]|\]\]>|`{3,}+|^[ ]{0,3}~{3,}+"
)
"""Where a reply, or its part that holds the statement, ends; none of these can stand in SQL."""


def tokens(text: str, dialect: str) -> Iterator[Token]:
    """The tokens of a text, all of it and in order; blanks are one token a run, comments one each.

    Args:
        dialect: sqlglot's name, which decides what escapes a quote and what begins a comment.
    """
    for match in _pattern(dialect).finditer(text):
        yield Token(Kind(match.lastgroup or "symbol"), match.group(), match.start())


@cache
def _pattern(dialect: str) -> re.Pattern[str]:
    body = r"[^{quote}\\]" if dialect in _WITH_BACKSLASHES else r"[^{quote}]"
    escapes = r"\\.|" if dialect in _WITH_BACKSLASHES else ""
    if dialect in _ONE_LINE_STRINGS:
        body = body.replace("]", r"\n]", 1)
    doubled = "" if dialect == "bigquery" else "{quote}{quote}|"

    def string(quote: str) -> str:
        inside = f"(?:{escapes}{doubled}{body})".replace("{quote}", quote)
        return f"{quote}{inside}*+{quote}"

    strings = [string("'"), string('"'), r"`[^`\n]*+`"]
    if dialect in ("postgres", "duckdb"):
        strings.insert(0, r"\b[eE]'(?:\\.|''|[^'\\])*+'")
    if dialect == "bigquery":
        strings = [r'"""(?:\\.|(?!""").)*+"""', r"'''(?:\\.|(?!''').)*+'''", *strings]
    if dialect in _WITH_DOLLAR_QUOTES:
        strings.append(r"\$(?P<tag>[A-Za-z_]?\w{0,20})\$(?:(?!\$(?P=tag)\$).)*+\$(?P=tag)\$")
    hashes = r"|\#[^\n]*+" if dialect in _WITH_HASH_COMMENTS else ""
    parts = {
        Kind.BLANK: r"\s++",
        Kind.MARK: MARK,
        Kind.COMMENT: rf"--[^\n]*+|/\*(?:(?!\*/).)*+\*/{hashes}",
        Kind.STRING: "|".join(strings),
        Kind.OPEN: r"(?:['\"`]|/\*).*+",
        Kind.NUMBER: r"\d[\w.]*+(?:(?<=[eE])[+-]\d++)?",
        Kind.WORD: r"[^\W\d][\w$]*+",
        Kind.SYMBOL: r"[<>!=|&:]{2}|.",
    }
    # Named tag groups inside a kind do not disturb `lastgroup`, which is the last group that was closed: the kind's.
    return re.compile("|".join(f"(?P<{kind}>{part})" for kind, part in parts.items()), re.DOTALL | re.MULTILINE)
