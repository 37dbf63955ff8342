"""MySQL's exact quotients and means: four digits more than what is divided has.

https://dev.mysql.com/doc/refman/8.4/en/arithmetic-functions.html (div_precision_increment); within an expression more
digits are kept, so only what a statement returns is cut.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sql_bench.dialect.duckdb_text import duckdb_expression
from sql_bench.dialect.kinds import Kind, Kinds
from sql_bench.dialect.meanings import TableColumn
from sql_bench.guard.rejected import untranslatable

if TYPE_CHECKING:
    from sqlglot import exp

_MORE_DIGITS = 4
_DECIMAL = re.compile(r"DECIMAL\(\d+, ?(\d+)\)")


def cut_quotients(query: exp.Query, kinds: Kinds) -> None:
    """Round the columns of a statement that are exact and divided, in place.

    Raises:
        Rejected: untranslatable, where it is not known how many digits one has.
    """
    from sqlglot import exp

    for projection in list(query.selects):
        value = projection.unalias()
        if kinds.of(value) is not Kind.NUMERIC or value.find(exp.Div, exp.Avg) is None:
            continue
        if isinstance(value, exp.Round):
            continue
        cut = duckdb_expression(f"ROUND(CAST(x AS DECIMAL(38, 12)), {_digits(value, kinds)})", x=value)
        kinds.inherit(cut, value)
        if isinstance(projection, exp.Alias):
            projection.set("this", cut)
        else:
            value.replace(exp.alias_(cut, value.sql(dialect="mysql"), quoted=True))


def _digits(node: exp.Expr, kinds: Kinds) -> int:
    """How many digits an exact expression has behind the point."""
    from sqlglot import exp

    if isinstance(node, exp.Literal):
        return len(str(node.this).partition(".")[2])
    if isinstance(node, exp.Div | exp.Avg):
        return _digits(node.this, kinds) + _MORE_DIGITS
    if isinstance(node, exp.Mul):
        return _digits(node.this, kinds) + _digits(node.expression, kinds)
    if isinstance(node, exp.Add | exp.Sub):
        return max(_digits(node.this, kinds), _digits(node.expression, kinds))
    if isinstance(node, exp.Paren | exp.Neg | exp.Max | exp.Min | exp.Sum | exp.Abs):
        return _digits(node.this, kinds)
    if kinds.of(node) is Kind.INT:
        return 0
    digits = _DECIMAL.fullmatch(_type_name(node, kinds))
    if digits is None:
        raise untranslatable("a quotient of which it is not known how many digits it has")
    return int(digits[1])


def _type_name(node: exp.Expr, kinds: Kinds) -> str:
    """The type of a column of the mirror, or what a value is converted to; empty for others."""
    from sqlglot import exp

    if isinstance(node, exp.Cast):
        return node.to.sql(dialect="duckdb")
    if isinstance(node, exp.Column):
        meaning = kinds.names.meaning(node)
        if len(meaning) == 1 and isinstance(meaning[0], TableColumn):
            return meaning[0].type_name
    return ""
