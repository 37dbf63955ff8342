"""BigQuery's functions of texts, and values as it writes them as text, in DuckDB's terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sql_bench.dialect.bigquery_patterns import (
    constant_text,
    count_groups,
    extract_by_computed_pattern,
    from_position,
)
from sql_bench.dialect.kinds import Kind, Kinds
from sql_bench.guard.rejected import Rejected, untranslatable
from sql_bench.types import Outcome

if TYPE_CHECKING:
    from sqlglot import exp

# Unicode's White_Space; DuckDB's TRIM takes only the separators (\p{Z}) for it.
_WHITE_SPACE = r"[\t-\r\x{85}\p{Z}]"

# The types whose values both engines write alike.
_PLAIN_TYPES = ("VARCHAR", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "BOOLEAN", "DATE")


def as_text(value: exp.Expr, kind: Kind | None) -> exp.Expr:
    """A value as CAST AS STRING writes it; decided by the type at run time where the kind is not known."""
    from sqlglot import exp

    if kind is Kind.FLOAT:
        return float_as_text(value)
    if kind is Kind.NUMERIC:
        return _replaced(exp.cast(value.copy(), "TEXT"), r"\.0*$|(\.[0-9]*[1-9])0*$", r"\1")
    if kind in (Kind.DATETIME, Kind.TIMESTAMP):
        return _time_as_text(value, "+00" if kind is Kind.TIMESTAMP else "")
    if kind is Kind.BYTES:
        return exp.Anonymous(this="DECODE", expressions=[value.copy()])
    if kind is None and not isinstance(value, exp.Null):
        return _text_by_type(value)
    return exp.cast(value.copy(), "TEXT")


def float_as_text(value: exp.Expr) -> exp.Expr:
    """A FLOAT64 as BigQuery writes it: 15 significant digits, or 17 where those do not lead back; zero has no sign."""
    from sqlglot import exp

    short, long = (
        exp.func("PRINTF", exp.Literal.string(form), value.copy(), dialect="duckdb") for form in ("%.15g", "%.17g")
    )
    is_zero = exp.EQ(this=value.copy(), expression=exp.Literal.number(0))
    leads_back = exp.EQ(this=exp.cast(short.copy(), "DOUBLE"), expression=value.copy())
    return exp.Case(
        ifs=[exp.If(this=is_zero, true=exp.Literal.string("0")), exp.If(this=leads_back, true=short)], default=long
    )


def error_call(message: exp.Expr | str) -> exp.Expr:
    """DuckDB's call that ends the statement with a message."""
    from sqlglot import exp

    text = exp.Literal.string(message) if isinstance(message, str) else message
    return exp.Anonymous(this="ERROR", expressions=[text])


def is_error_call(node: exp.Expr) -> bool:
    """Whether an expression is such a call."""
    from sqlglot import exp

    return isinstance(node, exp.Anonymous) and node.name.upper() == "ERROR"


def concat(node: exp.Concat | exp.DPipe, kinds: Kinds) -> exp.Expr:
    """CONCAT and || write their arguments as CAST does; DuckDB writes a FLOAT64 its own way.

    Raises:
        Rejected: untranslatable, for || where neither side is known to be a text: they may be arrays.
    """
    from sqlglot import exp

    parts = node.expressions if isinstance(node, exp.Concat) else [node.this, node.expression]
    known = [kinds.of(part) for part in parts]
    if isinstance(node, exp.DPipe) and None in known and not set(known) & {Kind.TEXT, Kind.BYTES, Kind.OTHER}:
        raise untranslatable("|| of values of unknown type")
    for part, kind in zip(parts, known, strict=True):
        mixed = kind is None and Kind.OTHER not in known and not isinstance(part, exp.Null)
        if mixed or kind in (Kind.FLOAT, Kind.NUMERIC, Kind.DATETIME, Kind.TIMESTAMP):
            part.replace(as_text(part, kind))
    return node


def trim(node: exp.Trim, kinds: Kinds) -> exp.Expr:
    """Without a second argument all white space goes; DuckDB leaves tabs and line ends."""
    from sqlglot import exp

    if node.expression is not None and node.args.get("expression") is not None:
        return node
    side = str(node.args.get("position") or "").upper()
    ends = {"LEADING": f"^{_WHITE_SPACE}+", "TRAILING": f"{_WHITE_SPACE}+$"}
    pattern = ends.get(side) or "|".join(ends.values())
    return _replaced(node.this.copy(), pattern, "", exp.Literal.string("g"))


def with_count(node: exp.Left | exp.Right | exp.Repeat | exp.Pad, kinds: Kinds) -> exp.Expr:
    """LEFT, RIGHT, REPEAT, LPAD and RPAD of a negative number of characters are an error; DuckDB counts from behind."""
    from sqlglot import exp

    count = node.args["times"] if isinstance(node, exp.Repeat) else node.expression
    return _unless_negative(node, count)


def extract_by_pattern(node: exp.RegexpExtract | exp.RegexpExtractAll, kinds: Kinds) -> exp.Expr:
    """REGEXP_EXTRACT gives what the group of its pattern matched if there is one, else all that matched.

    sqlglot counts groups too, but by Python's syntax: where Python does not read a pattern it takes all that matched.

    Raises:
        Rejected: invalid_sql, for a pattern of several groups; what `from_position` raises.
    """
    from sqlglot import exp

    pattern = constant_text(node.expression)
    if pattern is None:
        return extract_by_computed_pattern(node)
    n_groups = count_groups(pattern)
    node.set("expression", exp.Literal.string(pattern))
    if n_groups > 1:
        raise Rejected(Outcome.INVALID_SQL, f"{node.sql_name()} takes a pattern with at most one group")
    node.set("group", exp.Literal.number(1) if n_groups else None)
    return from_position(node, pattern, n_groups)


def substring(node: exp.Substring, kinds: Kinds) -> exp.Expr:
    """Position 0 is the first character, one before the beginning is the beginning, and no length is negative."""

    if kinds.of(node.this) is Kind.BYTES:
        raise untranslatable("SUBSTR of bytes")
    start = node.args.get("start")
    if start is not None and not _is_count(start, least=1):
        node.set("start", _position(node.this, start))
    length = node.args.get("length")
    return node if length is None else _unless_negative(node, length)


def _position(text: exp.Expr, start: exp.Expr) -> exp.Expr:
    """Where SUBSTR begins, counted from 1."""
    from sqlglot import exp

    length = exp.Anonymous(this="LENGTH", expressions=[text.copy()])
    from_end = exp.Add(
        this=exp.Greatest(
            this=exp.Add(this=length, expression=exp.paren(start.copy())), expressions=[exp.Literal.number(0)]
        ),
        expression=exp.Literal.number(1),
    )
    zero = exp.Literal.number(0)
    return exp.Case(
        ifs=[
            exp.If(this=exp.LT(this=start.copy(), expression=zero), true=from_end),
            exp.If(this=exp.EQ(this=start.copy(), expression=zero.copy()), true=exp.Literal.number(1)),
        ],
        default=start.copy(),
    )


def _unless_negative(node: exp.Func, count: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    if _is_count(count):
        return node
    negative = exp.LT(this=count.copy(), expression=exp.Literal.number(0))
    error = error_call(f"{node.sql_name()} of a negative number of characters")
    return exp.Case(ifs=[exp.If(this=negative, true=error)], default=node.copy())


def _is_count(node: exp.Expr, least: int = 0) -> bool:
    """Whether an expression is a number written out that is large enough."""
    from sqlglot import exp

    return isinstance(node, exp.Literal) and str(node.this).isdecimal() and int(node.this) >= least


def _replaced(text: exp.Expr, pattern: str, by: str, *options: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    return exp.Anonymous(
        this="REGEXP_REPLACE", expressions=[text, exp.Literal.string(pattern), exp.Literal.string(by), *options]
    )


def _time_as_text(value: exp.Expr, zone: str) -> exp.Expr:
    """With 0, 3 or 6 digits behind the seconds; DuckDB leaves out all zeros at the end."""
    from sqlglot import exp

    whole = exp.Anonymous(this="STRFTIME", expressions=[value.copy(), exp.Literal.string("%Y-%m-%d %H:%M:%S.%f")])
    text = _replaced(whole, r"\.000000$|000$", "")
    return exp.paren(exp.DPipe(this=text, expression=exp.Literal.string(zone))) if zone else text


def _text_by_type(value: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    type_name = exp.Anonymous(this="TYPEOF", expressions=[value.copy()])
    text = exp.cast(value.copy(), "TEXT")
    is_float = exp.EQ(this=type_name, expression=exp.Literal.string("DOUBLE"))
    is_plain = exp.In(this=type_name.copy(), expressions=[exp.Literal.string(name) for name in _PLAIN_TYPES])
    return exp.Case(
        ifs=[
            exp.If(this=exp.Is(this=value.copy(), expression=exp.Null()), true=exp.Null()),
            # By way of a text, which leads back to the number: not every type can be cast to DOUBLE.
            exp.If(this=is_float, true=float_as_text(exp.cast(text.copy(), "DOUBLE"))),
            exp.If(this=is_plain, true=text),
        ],
        default=error_call("a value of this type as STRING is not translated"),
    )
