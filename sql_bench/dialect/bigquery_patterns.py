"""Regular expressions of BigQuery's functions: their groups, patterns put together, places to start from.

Both engines have RE2: https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sql_bench.dialect.duckdb_text import duckdb_expression
from sql_bench.guard.rejected import untranslatable

if TYPE_CHECKING:
    from sqlglot import exp

    from sql_bench.dialect.kinds import Kinds

# What in a pattern only looks like a parenthesis that captures; and those that do.
_NO_GROUP = re.compile(r"\\.|\[\^?\]?(\[:\^?\w+:\]|\\.|[^\]])*\]", re.DOTALL)
_GROUP = re.compile(r"\((?!\?)|\(\?P?<")

# The same in RE2's own syntax, which has no lookahead: groups of a pattern that is computed are counted in the query.
_NO_GROUP_RE2 = r"(?s)\\.|\[\^?\]?(\[:\^?\w+:\]|\\.|[^\]])*\]"


def count_groups(pattern: str) -> int:
    """How many groups of a pattern capture."""
    return len(_GROUP.findall(_NO_GROUP.sub("", pattern)))


def constant_text(node: exp.Expr) -> str | None:
    """A text that is written out or put together of such; None for others."""
    from sqlglot import exp

    if isinstance(node, exp.RawString) or (isinstance(node, exp.Literal) and node.is_string):
        return str(node.this)
    if isinstance(node, exp.Paren):
        return constant_text(node.this)
    if isinstance(node, exp.Concat | exp.DPipe):
        parts = node.expressions if isinstance(node, exp.Concat) else [node.this, node.expression]
        texts = [constant_text(part) for part in parts]
        return None if None in texts else "".join(text for text in texts if text is not None)
    return None


def extract_by_computed_pattern(node: exp.RegexpExtract | exp.RegexpExtractAll) -> exp.Expr:
    """The rule of groups for a pattern that is known only when the query runs.

    Raises:
        Rejected: untranslatable, with a position or an occurrence.
    """
    from sqlglot import exp

    if node.args.get("position") or node.args.get("occurrence"):
        raise untranslatable(f"{node.sql_name()} with a pattern that is not written out and a position")
    whole, group = node.copy(), node.copy()
    whole.set("group", None)
    group.set("group", exp.Literal.number(1))
    bare = duckdb_expression(
        "REGEXP_REPLACE(pattern, syntax, '', 'g')", pattern=node.expression, syntax=exp.Literal.string(_NO_GROUP_RE2)
    )
    n_groups = duckdb_expression(
        "(LENGTH(bare) - LENGTH(REPLACE(bare, '(', '')))"
        " - LEN(REGEXP_EXTRACT_ALL(bare, '\\(\\?')) + LEN(REGEXP_EXTRACT_ALL(bare, '\\(\\?P?<'))",
        bare=bare,
    )
    return duckdb_expression(
        "CASE WHEN n = 0 THEN whole WHEN n = 1 THEN one"
        " WHEN n > 1 THEN ERROR('a pattern to extract by has at most one group') END",
        n=n_groups,
        whole=whole,
        one=group,
    )


def from_position(node: exp.RegexpExtract | exp.RegexpExtractAll, pattern: str, n_groups: int) -> exp.Expr:
    """REGEXP_EXTRACT(text, pattern, position, occurrence).

    Raises:
        Rejected: untranslatable, unless both are written out, and for a pattern that looks at what is before it.
    """
    from sqlglot import exp

    position, occurrence = (node.args.get(name) or exp.Literal.number(1) for name in ("position", "occurrence"))
    if not node.args.get("position") and not node.args.get("occurrence"):
        return node
    written_out = all(
        isinstance(n, exp.Literal) and n.name.isdecimal() and int(n.name) > 0 for n in (position, occurrence)
    )
    if not written_out or re.search(r"\^|\\[bBA]", pattern):
        raise untranslatable(f"{node.sql_name()} with a position or an occurrence that is not written out, or with ^")
    return duckdb_expression(
        "LIST_EXTRACT(REGEXP_EXTRACT_ALL(SUBSTRING(text, start), pattern, n_groups), nth)",
        text=node.this,
        start=position,
        pattern=exp.Literal.string(pattern),
        n_groups=exp.Literal.number(n_groups),
        nth=occurrence,
    )


def place_of_pattern(node: exp.RegexpInstr, kinds: Kinds) -> exp.Expr:
    """REGEXP_INSTR(text, pattern): where the first match starts.

    Raises:
        Rejected: untranslatable, for a pattern that is not written out or has a group, and for further arguments.
    """
    from sqlglot import exp

    pattern = constant_text(node.expression)
    further = any(value for name, value in node.args.items() if name not in ("this", "expression"))
    if pattern is None or further or count_groups(pattern):
        raise untranslatable("REGEXP_INSTR with a position, or with a pattern that is not written out or has a group")
    return duckdb_expression(
        "CASE WHEN text IS NULL THEN NULL WHEN REGEXP_MATCHES(text, pattern)"
        " THEN LENGTH(REGEXP_EXTRACT(text, before, 1)) + 1 ELSE 0 END",
        text=node.this,
        pattern=exp.Literal.string(pattern),
        before=exp.Literal.string(rf"^([\s\S]*?)(?:{pattern})"),
    )
