"""Extraction of the SQL from a model's text (docs/rules/extraction.md X1 to X6).

The last closed fence counts (of several the last that holds a statement), else the last unclosed one, else the text
from where a query begins. Reasoning in `<think>` tags is no answer, nor what stands before a `</think>` that nothing
opened: chat templates open it. One statement is taken; two are refused; a plain statement that the question cannot be
answered is an abstention.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice

from sql_bench.types import PredictionStatus

_THINKING = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_END_OF_THINKING = re.compile(r"</think(?:ing)?>", re.IGNORECASE)
_FENCE = re.compile(
    r"```[ \t]*(?:[\w+-]+[ \t]*(?=\n)|(?:sql|bigquery|googlesql|duckdb|postgres\w*)\b)?(.*?)(```|\Z)",
    re.DOTALL | re.IGNORECASE,
)
# A model may write anything of any length, so no pattern may try a run of characters in more than one way: quantifiers
# are possessive (`*+`) where two neighbours could share a run.
# WITH and FROM are English too: they begin a query only as `WITH name AS (`, and FROM only at the start of a line.
_WITH = r"with\s++(?:recursive\s++)?[\w`\"]++\s*+(?:\([^()]*+\)\s*+)?as\s*+(?:(?:not\s++)?materialized\s*+)?\("
_LINE_START = re.compile(
    rf"^[ \t`>*]*+(?:\[?\w++[\]*]*+[ \t]*+:[ \t`]*+)?(?P<query>[(\s]{{0,99}}+select\b|{_WITH}|from\s++[\w`\"(])",
    re.IGNORECASE | re.MULTILINE,
)
_ANYWHERE = re.compile(
    rf"\bSELECT\b|(?i:{_WITH})|\b(?i:select\s++(?:distinct\b|count\b|\*|case\s++when\b"
    r"|(?:max|min|sum|avg|round|coalesce|cast|concat|lower|upper)\s*+\(|[\w`\".]++\s*+(?:,|(?<=\s)from\b)))"
)
# Another statement before the query: one that ends with a semicolon, or whose last part the query is.
_STATEMENT_BEFORE = re.compile(
    r"^[ \t`>]*+(?:(?:create|drop|alter|truncate)\s++(?:or\s++replace\s++)?(?:temp\w*+\s++)?"
    r"(?:table|view|schema|database|index|function|macro|sequence|type)\b"
    r"|insert\s++into\b|delete\s++from\b|update\s++[\w.`\"]++\s++set\b|merge\s++into\b|attach\s++['\"]|copy\s++\S++\s++"
    r"(?:to|from)\b|(?:install|load)\s++\w++\s*+;|set\s++\w++\s*+(?:=|to\b)|declare\s++\w++\b|pragma\b)"
    r"(?:[^;]*+;|[^;]*\bas[\s(]*+\Z|[\w.`\"\s]++(?:\([^()]*+\))?[\s(]*+\Z)",
    re.IGNORECASE | re.MULTILINE,
)
_STATEMENT_START = re.compile(
    r"\s*(?:select|with|from|insert|update|delete|merge|create|drop|alter|truncate|replace|grant|revoke|attach|detach|"
    r"copy|export|import|install|load|set|reset|pragma|call|begin|commit|vacuum|describe|show|explain|use|declare|execute|"
    r"prepare|values|table|checkpoint)\b",
    re.IGNORECASE,
)
_ABSTENTION = re.compile(
    r"\bno answer (?:is )?possible\b|\bnot possible to (?:answer|determine|provide|write)\b|\bunanswerable\b"
    r"|\b(?:can ?not|can't|could not|couldn't|unable to|not able to)\s+(?:be\s+)?"
    r"(?:answer|determine|provide|write|generate|tell|find)"
    r"|\b(?:insufficient|not enough) (?:information|data|context)\b|\bI (?:do not|don't) know\b"
    r"|\bdoes not (?:contain|include|hold|provide|have) (?:the |any |enough |sufficient )?"
    r"(?:information|data|column|table)",
    re.IGNORECASE,
)
_BETWEEN_STATEMENTS = "; \t\r\n"
_MOST_ATTEMPTS = 20


@dataclass(frozen=True)
class Extraction:
    """What was found: `sql` is there exactly when the status is `sql`."""

    status: PredictionStatus
    sql: str | None = None
    detail: str = ""


def extract(raw: str, dialect: str) -> Extraction:
    """Take one statement out of a model's text. Never raises, whatever the text.

    Args:
        raw: all the model wrote.
        dialect: sqlglot's name of the dialect, which decides what a string or a comment is.
    """
    text = _END_OF_THINKING.split(_THINKING.sub("\n", raw))[-1]
    fenced = _last_fence(text)
    if fenced is not None:
        return _one_statement(fenced, dialect)
    start = _query_start(text)
    if start is not None and _STATEMENT_BEFORE.search(text[:start]):
        return Extraction(PredictionStatus.REFUSED, detail="another statement stands before the query")
    if start is not None:
        return _one_statement(_unwrapped(text, start), dialect)
    if _ABSTENTION.search(text):
        return Extraction(PredictionStatus.ABSTAINED, detail="the text says that the question cannot be answered")
    return Extraction(PredictionStatus.NO_SQL, detail="no query in the text" if text.strip() else "the text is empty")


def _last_fence(text: str) -> str | None:
    """The content of the last closed fence with a statement, or else with anything, else of an unclosed one at the end.

    A table of results in a fence of its own may follow the statement.
    """
    fences = [(match.group(1), bool(match.group(2))) for match in _FENCE.finditer(text) if match.group(1).strip()]
    closed = [content for content, is_closed in fences if is_closed]
    if closed:
        return next(filter(_begins_like_a_statement, reversed(closed)), closed[-1])
    return fences[-1][0] if fences else None


def _query_start(text: str) -> int | None:
    """Where a query begins: at the start of a line, perhaps behind a label; else anywhere it cannot be English."""
    at_line = _LINE_START.search(text)
    if at_line is not None:
        return at_line.start("query")
    anywhere = _ANYWHERE.search(text)
    return anywhere.start() if anywhere is not None else None


def _unwrapped(text: str, start: int) -> str:
    """The text from the query on, up to the backtick that closes one opened before it, or to a paragraph of prose."""
    query = text[start:]
    if text[:start].rstrip(" ").endswith("`") and "`" in query:
        query = query[: query.rindex("`")]
    paragraphs = re.split(r"\n\s*\n", query)
    kept = [paragraphs[0]]
    for paragraph in paragraphs[1:]:
        if re.match(r"\s*[A-Z][a-z']+ [a-z']+ [a-z']+", paragraph):
            break
        kept.append(paragraph)
    return "\n\n".join(kept)


def _one_statement(text: str, dialect: str) -> Extraction:
    first, rest = _split(text, dialect)
    if not first:
        return Extraction(PredictionStatus.NO_SQL, detail="no query in the text")
    if _STATEMENT_START.match(rest):
        return Extraction(PredictionStatus.REFUSED, detail="the text holds more than one statement")
    if not _begins_like_a_statement(first) and _ABSTENTION.search(first):
        return Extraction(PredictionStatus.ABSTAINED, detail="the text says that the question cannot be answered")
    return Extraction(PredictionStatus.SQL, first)


def _begins_like_a_statement(text: str) -> bool:
    return _STATEMENT_START.match(_without_comments(text).lstrip("( \t\n")) is not None


def _split(text: str, dialect: str) -> tuple[str, str]:
    """The first statement without its semicolon, and what stands behind that, comments left out."""
    body = text.strip(_BETWEEN_STATEMENTS)
    start, end = _first_statement(body, dialect)
    return body[start:end].strip(), _without_comments(body[end + 1 :])


def _first_statement(body: str, dialect: str) -> tuple[int, int]:
    """Where the first statement begins, and where the semicolon stands that ends it; else the end of the text.

    Prose behind a statement need not be SQL ("it's"). Where the whole cannot be read, the text up to each of the first
    semicolons is tried.
    """
    import sqlglot
    from sqlglot.errors import TokenError

    from sql_bench.guard.check import MAX_SQL_BYTES

    if len(body) > MAX_SQL_BYTES:  # the guard refuses it, however many statements it holds
        return 0, len(body)
    ends = [match.end() for match in islice(re.finditer(";", body), _MOST_ATTEMPTS)]
    for end in [len(body), *ends] if ends else []:
        try:
            tokens = sqlglot.tokenize(body[:end], read=dialect)
        except TokenError:
            continue
        start = 0
        for previous, token in zip([None, *tokens], tokens, strict=False):
            if token.token_type.name != "SEMICOLON":
                continue
            if previous is not None and previous.token_type.name != "SEMICOLON":
                return start, token.start
            start = token.end + 1  # nothing but comments stands before it
        if end == len(body):
            return start, end
    return 0, len(body)


def _without_comments(text: str) -> str:
    return re.sub(r"--[^\n]*+|/\*.*?(?:\*/|\Z)|^[\s;]++", " ", text, flags=re.DOTALL).strip(_BETWEEN_STATEMENTS)
