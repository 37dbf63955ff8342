"""Regular expressions that mean the same in another engine's syntax as in RE2's, which DuckDB has.

PostgreSQL: https://www.postgresql.org/docs/current/functions-matching.html#POSIX-SYNTAX-DETAILS; MySQL:
https://dev.mysql.com/doc/refman/8.4/en/regexp.html; RE2: https://github.com/google/re2/wiki/Syntax.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sql_bench.guard.rejected import untranslatable

if TYPE_CHECKING:
    from sqlglot import exp

# Back references, boundaries and classes that go by the locale, look-around, classes by name.
_OTHER_MEANING = re.compile(r"\\[^dDsS.*+?()\[\]{}|^$/\\-]|\(\?|\[\[?:|\[\[[.=]")
# What decides which of several matches is taken: alternatives, and quantifiers that take as little as they can.
_OTHER_MATCH = re.compile(r"\||[*+?}]\?")


def agreeing_pattern(pattern: exp.Expr, finds_text: bool) -> str:
    """The text of a pattern that both engines read alike.

    Args:
        pattern: as the statement has it.
        finds_text: what was matched counts, not only that something was.

    Raises:
        Rejected: untranslatable.
    """
    from sqlglot import exp

    if not isinstance(pattern, exp.Literal) or not pattern.is_string:
        raise untranslatable("a regular expression that is not written out")
    text = pattern.name
    if _OTHER_MEANING.search(text) or (finds_text and _OTHER_MATCH.search(text)):
        raise untranslatable(f"the regular expression {text[:50]}")
    return text
