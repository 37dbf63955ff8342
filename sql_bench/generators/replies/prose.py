"""Prose and markup that begin a line behind a statement, against SQL that goes on (rules/extraction.md X5)."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum

from sql_bench.generators.replies.begins import line_starts_of_queries


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words that begin a clause or continue with an expression: what follows a statement's end is none of them.
_GOES_ON = _words("""
    FROM WHERE GROUP HAVING ORDER LIMIT OFFSET UNION INTERSECT EXCEPT MINUS JOIN LEFT RIGHT FULL INNER OUTER CROSS
    NATURAL ON USING AND OR NOT IN IS LIKE ILIKE BETWEEN AS BY ASC DESC NULLS FETCH QUALIFY WINDOW TABLESAMPLE
    LATERAL PIVOT UNPIVOT WHEN THEN ELSE END OVER PARTITION ROWS RANGE WITHIN FILTER ALL DISTINCT SELECT SEMI ANTI ASOF
""")
# Words that cannot be the last of a statement.
_WAITS = _words("""
    SELECT DISTINCT FROM WHERE AND OR NOT BY HAVING ON USING JOIN LEFT RIGHT FULL INNER CROSS OUTER NATURAL UNION EXCEPT
    INTERSECT AS IN LIKE ILIKE BETWEEN IS CASE WHEN THEN ELSE LIMIT OFFSET OVER PARTITION ORDER GROUP WITH RECURSIVE
    QUALIFY WINDOW INTERVAL
""")
_WAITING_SYMBOLS = _words("( [ { , . = < > <= >= <> != || + - / % & | ^ ~ : == && << >> := =>")
# First words of sentences about a query; a misspelt keyword is none of them.
_SENTENCE_STARTS = _words("""
    this that these those the it its here there i we you your they to in if since because as for however note please let
    hope explanation result results output answer a an after before first then finally also both each when while so no
    yes ok okay done thanks returns lists filters selects counts sorts finds gives shows assuming assumes
    die der das sie es diese dieser hier wir le la les il elle cette ce nous voici el los esta este
""")
_WORD = r"[^\W\d_]+(?:['’\-][^\W\d_]+)*"
_SENTENCE = re.compile(rf"{_WORD},?[ ]{_WORD},?[ ]{_WORD}(?![\w(.=])")
_FIRST_WORD = re.compile(rf"{_WORD}")
_SQL_SIGNS = re.compile(r"[=<>;]|\w\(|\w\.\w|'[^' ]*'|,\s*$")
_HEADING = re.compile(r"#{1,6}[ \t]+\S")
_RULE = re.compile(r"(?:-{3,}|\*{3,}|_{3,}|={3,})[ \t]*$", re.MULTILINE)
_BOLD = re.compile(r"\*\*[^\s*]|__[^\W_]|\*[A-Z][^*\n]*\*(?!\*)")
_LABEL = re.compile(r"\[?[^\W\d_][\w-]*(?:[ \t][\w-]+){0,3}[\])*]*[ \t]?(?::|：)(?=[\s*]|$|[^\x00-\x7f])", re.MULTILINE)
_NUMBERED = re.compile(r"\d{1,2}[.)][ \t]+\S*[^\W\d_]")
_LISTED = re.compile(r"[-*+][ \t]+")
_LISTED_WORDS = re.compile(rf"(?:\*\*|`|{_WORD}[`*]*[ \t]?[:(–—-]|[\w`]+[ \t]?:(?!:)|{_WORD}[ ]{_WORD})")
_QUOTED = re.compile(r">[ \t]+")
_TABLE_ROW = re.compile(r"\|(?![|>])[^\n|]*\||\+-{2,}")
_OPENING_TAG = re.compile(r"<[A-Za-z][\w-]*>")
_COMMENT_LINES = re.compile(
    r"(?:\s*+(?:--[^\n]*+|#[^\n]*+|/\*.*?\*/|[-*_=]{3,}+[ \t]*+$))*+\s*+", re.DOTALL | re.MULTILINE
)
_CLAUSE_LINE = re.compile(
    r"^[ \t]*(?:(from|where|having|limit|union|intersect|except|join|and|or|on|qualify)|(?:left|right|full|inner|cross)"
    r"(?=\s+(?:outer\s+)?join)|(?:group|order|partition)(?=\s+by))\b|^[ \t]*[),]",
    re.IGNORECASE | re.MULTILINE,
)


class Style(Enum):
    """How a statement writes its keywords."""

    UPPER = "upper"
    LOWER = "lower"
    MIXED = "mixed"


@dataclass(frozen=True)
class Writing:
    """What tells a statement's words from those of prose behind it."""

    style: Style

    @classmethod
    def of(cls, first_word: str) -> Writing:
        """The writing of a statement that begins with this keyword."""
        if first_word.isupper():
            return cls(Style.UPPER)
        return cls(Style.LOWER if first_word.islower() else Style.MIXED)

    def is_keyword(self, word: str) -> bool:
        """Whether a word is a keyword that continues with a statement, written as this statement writes them."""
        if word.upper() not in _GOES_ON:
            return False
        return word.isupper() or (self.style is not Style.UPPER and (self.style is Style.MIXED or word.islower()))

    def goes_on(self, following: str) -> bool:
        """Whether SQL follows: a clause's keyword, an operator, a comma, a bracket, or words that are rather SQL.

        Comments between are passed over, as are headings and rules, which are comments in some dialects.
        """
        rest = following[_end_of_comments(following) :]
        if not rest:
            return False
        return self._begins_like_sql(rest) or self._has_clause_lines(rest)

    def is_prose(self, line: str) -> bool:
        """Whether a line begins with three words of prose."""
        first = _FIRST_WORD.match(line)
        if first is None or _SENTENCE.match(line) is None:
            return False
        word = first.group()
        if self._opens_sentence(word):
            return True
        if _is_misspelt(word) or _SQL_SIGNS.search(line) or any(map(self.is_keyword, _FIRST_WORD.findall(line))):
            return False
        return (word[0].isupper() and not word[1:].isupper()) or line.rstrip().endswith((".", "!", "?", ":"))

    def ends_before(self, line: str) -> bool:
        """Whether what stands at the start of a line ends a statement: markup, a label, prose, or another script."""
        marks = (_HEADING, _RULE, _BOLD, _NUMBERED, _TABLE_ROW, _OPENING_TAG)
        if any(pattern.match(line) for pattern in marks) or self._is_label(line) or _is_other_script(line):
            return True
        return self.is_listed(line) or self._is_quoted(line) or self.is_prose(line)

    def may_be_operands(self, line: str) -> bool:
        """Whether the line that ends a statement is one of those that SQL could be written as, too."""
        is_marked = _LISTED.match(line) is not None and not _BOLD.match(line)
        return is_marked or _OPENING_TAG.match(line) is not None or self.is_prose(line)

    def is_listed(self, line: str) -> bool:
        """Whether a line is an item of a list whose mark might be an operator."""
        mark = _LISTED.match(line)
        if mark is None:
            return False
        words = line[mark.end() :]
        if not _LISTED_WORDS.match(words):
            return False
        is_marked = words.startswith(("**", "`")) or _LABEL.match(words) is not None
        return is_marked or not (_SQL_SIGNS.search(words) or any(map(self.is_keyword, _FIRST_WORD.findall(words))))

    def _is_quoted(self, line: str) -> bool:
        mark = _QUOTED.match(line)
        return mark is not None and self.is_prose(line[mark.end() :])

    def _is_label(self, line: str) -> bool:
        found = _LABEL.match(line)
        return found is not None and not self.is_keyword(found.group().split()[0].strip(":"))

    def _opens_sentence(self, word: str) -> bool:
        return word.lower() in _SENTENCE_STARTS and not word[1:].isupper() and (word[0].isupper() or len(word) > 1)

    def _begins_like_sql(self, rest: str) -> bool:
        line = rest.partition("\n")[0]
        if self.ends_before(line):
            return False
        word = _FIRST_WORD.match(line)
        if word is None:
            return re.match(r"[=<>+/%|&^~,()\[\]{}.:!*-]", line) is not None
        if word.group().upper() in _GOES_ON and (word.group().isupper() or word.group().islower()):
            return True
        if self._opens_sentence(word.group()):
            return False
        words = _FIRST_WORD.findall(line)
        return _is_misspelt(word.group()) or any(map(self.is_keyword, words)) or _SQL_SIGNS.search(line) is not None

    def _has_clause_lines(self, rest: str) -> bool:
        """Whether a later line begins like a clause, before another query begins."""
        queries = line_starts_of_queries(rest)
        before = rest[: queries[0]] if queries else rest
        return any(
            clause.group().strip() in ("", ")", ",") or self.is_keyword(clause.group().strip().split()[0])
            for clause in _CLAUSE_LINE.finditer(before)
        )


def waits(last: str, before_last: str) -> bool:
    """Whether a statement cannot end with this token: an operator, an open bracket, a keyword that needs more.

    Args:
        before_last: the token before it, which tells a star of columns from a product.
    """
    if last == "*":
        return before_last.upper() not in ("SELECT", "DISTINCT", ",", ".", "ALL")
    return last in _WAITING_SYMBOLS or last.upper() in _WAITS


def _end_of_comments(text: str) -> int:
    found = _COMMENT_LINES.match(text)
    return found.end() if found else 0


def _is_misspelt(word: str) -> bool:
    """Whether a word is rather a keyword with a slip than a word of prose."""
    if word.lower() in _SENTENCE_STARTS or len(word) < 4:
        return False
    return bool(get_close_matches(word.upper(), _GOES_ON, n=1, cutoff=0.75))


def _is_other_script(line: str) -> bool:
    """Whether a line begins with a letter that is not Latin, or with a sign that SQL does not have."""
    first = line[:1]
    return bool(first) and not first.isascii() and not unicodedata.name(first, "").startswith("LATIN")
