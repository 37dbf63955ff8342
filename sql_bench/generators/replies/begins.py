"""The place where a query begins in a text, and texts that begin like a statement (rules/extraction.md X3)."""

from __future__ import annotations

import re

# A model may write anything of any length, so no pattern may try a run of characters in more than one way: quantifiers
# are possessive (`*+`) where two neighbours could share a run.
# WITH and FROM are English too: they begin a query only as `WITH name AS (`, and FROM only at the start of a line.
_WITH = r"with\s++(?:recursive\s++)?[\w`\"]++\s*+(?:\([^()]*+\)\s*+)?as\s*+(?:(?:not\s++)?materialized\s*+)?\("
_BEFORE_ON_LINE = r"^[ \t`>*]*+(?:\[?\w++(?:[ \t]\w++){0,3}+[\]*]*+[ \t]*+:[ \t`*]*+)?"
_LINE_START = re.compile(
    rf"{_BEFORE_ON_LINE}(?P<query>[(\s]{{0,99}}+select\b|{_WITH})",
    re.IGNORECASE | re.MULTILINE,
)
_FROM_LINE = re.compile(
    r"^[ \t`>*]*+(?P<query>FROM\s++[\w`\"(]|from\s++[\w.`\"]++\s++(?:select|where|join)\b)", re.MULTILINE
)
_ANYWHERE = re.compile(
    rf"\bSELECT\b|(?i:{_WITH})|\b(?i:select\s++(?:distinct\b|count\b|\*|case\s++when\b"
    r"|(?:max|min|sum|avg|round|coalesce|cast|concat|lower|upper)\s*+\(|[\w`\".]++\s*+(?:,|(?<=\s)from\b)))"
)
# Another statement before the query: one that ends with a semicolon, or whose last part the query is.
_OTHER_STATEMENT = (
    r"(?:(?:create|drop|alter|truncate)\s++(?:or\s++replace\s++)?(?:temp\w*+\s++)?"
    r"(?:table|view|schema|database|index|function|macro|sequence|type)\b"
    r"|insert\s++into\b|delete\s++from\b|update\s++[\w.`\"]++\s++set\b|merge\s++into\b|attach\s++['\"]|copy\s++\S++\s++"
    r"(?:to|from)\b|(?:install|load)\s++\w++\s*+;|set\s++\w++\s*+(?:=|to\b)|declare\s++\w++\b|pragma\b)"
)
_STATEMENT_BEFORE = re.compile(
    rf"^[ \t`>]*+{_OTHER_STATEMENT}(?:[^;]*+;|[^;]*\bas[\s(]*+\Z|[\w.`\"\s]++(?:\([^()]*+\))?[\s(]*+\Z)",
    re.IGNORECASE | re.MULTILINE,
)
_OTHER_STATEMENT_START = re.compile(rf"^[ \t`>]*+{_OTHER_STATEMENT}", re.IGNORECASE | re.MULTILINE)
_QUERY = re.compile(r"(?:select|with|from)\b", re.IGNORECASE)
_STATEMENT_START = re.compile(
    r"\s*(?:select|with|from|insert|update|delete|merge|create|drop|alter|truncate|replace|grant|revoke|attach|detach|"
    r"copy|export|import|install|load|set|reset|pragma|call|begin|commit|vacuum|describe|show|explain|use|declare|execute|"
    r"prepare|values|table|checkpoint)\b",
    re.IGNORECASE,
)
_COMMENTS = re.compile(r"--[^\n]*+|^\s*+#[^\n]*+|/\*.*?(?:\*/|\Z)|^[\s;]++", re.DOTALL | re.MULTILINE)
BETWEEN_STATEMENTS = "; \t\r\n"


def query_start(text: str) -> int | None:
    """Where a query begins: at the start of a line, perhaps behind a label; else anywhere it cannot be English."""
    at_line, from_line, anywhere = (pattern.search(text) for pattern in (_LINE_START, _FROM_LINE, _ANYWHERE))
    if from_line is not None and all(
        other is None or from_line.start("query") < other.start() for other in (at_line, anywhere)
    ):
        return from_line.start("query")
    if at_line is not None:
        return at_line.start("query")
    return anywhere.start() if anywhere is not None else None


def line_starts_of_queries(text: str) -> list[int]:
    """Where a line begins with a query, perhaps behind a label or a mark."""
    return [match.start("query") for match in _LINE_START.finditer(text)]


def query_starts(text: str) -> list[int]:
    """Every place where a query may begin, in order."""
    found = {match.start("query") for match in _LINE_START.finditer(text)}
    return sorted(found | {match.start() for match in _ANYWHERE.finditer(text)})


def follows_another_statement(text: str, start: int) -> bool:
    """Whether the query at `start` comes behind, or is a part of, a statement of another kind."""
    return _STATEMENT_BEFORE.search(text[:start]) is not None


def holds_other_statement(text: str) -> bool:
    """Whether a line begins with a statement that is no query, unmistakably."""
    return _OTHER_STATEMENT_START.search(text) is not None


def begins_like_a_statement(text: str) -> bool:
    """Whether the first word, comments and brackets aside, begins a statement of any kind."""
    return _STATEMENT_START.match(without_comments(text).lstrip("( \t\n")) is not None


def begins_like_a_query(text: str) -> bool:
    """Whether the first word, comments and brackets aside, begins a query."""
    return _QUERY.match(without_comments(text).lstrip("( \t\r\n")) is not None


def without_comments(text: str) -> str:
    """The text with comments made blanks."""
    return _COMMENTS.sub(" ", text).strip(BETWEEN_STATEMENTS)
