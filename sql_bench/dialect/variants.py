"""The forms of a statement that comparators ask for beside the one as written.

Everything here edits sqlglot's tree of the statement as the model wrote it, before it is translated.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from sql_bench.dialect.statement import layers, limit_clauses, outermost
from sql_bench.types import Reach, Row, Value, Variant

if TYPE_CHECKING:
    from sqlglot import exp

_KEY_ALIAS = "_sort_key_"


@dataclass(frozen=True)
class SortKeys:
    """Where the sort keys of a result's rows stand.

    Attributes:
        places: for each key of the outermost ORDER BY the index of its column, counted from the front if it is one of
            the statement's own, and from the back (negative) if it was added.
        n_added: how many columns were added behind the statement's own.
    """

    places: tuple[int, ...]
    n_added: int

    def split(self, rows: Iterable[Row]) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
        """The statement's own rows, and beside each its keys."""
        fetched = list(rows)
        own = tuple(row[: len(row) - self.n_added] for row in fetched)
        return own, tuple(tuple(row[place] for place in self.places) for row in fetched)


def as_variant(query: exp.Query, variant: Variant, reach: Reach | None = None) -> tuple[exp.Query, SortKeys | None]:
    """The form of a statement that is asked for.

    Args:
        query: its tree; changed in place.
        variant: the form.
        reach: what a `LONGER_LIMIT` lets through; a tie is picked out of the translated statement by `within_tie`.

    Returns:
        The statement to run, and where its sort keys will stand: None where the statement as written was asked for,
        where it has no outermost ORDER BY, and where a key can neither be found among the columns nor be added to them.
    """
    if variant is Variant.AS_WRITTEN:
        return query, None
    if variant is Variant.WITHOUT_LIMIT:
        for layer in layers(query):
            for clause in limit_clauses(layer):
                layer.set(clause, None)
    if variant is Variant.LONGER_LIMIT:
        if reach is None:
            raise ValueError("a longer LIMIT needs its reach")
        if reach.tie is not None:
            return _with_added_keys(query)
        _set_limit(query, reach.n_rows)
    keys = _with_sort_keys(outermost(query))
    if keys is not None:
        return query, keys
    wrapped = _wrapped(outermost(query))
    return (query, None) if wrapped is None else (wrapped, _with_sort_keys(wrapped))


def _set_limit(query: exp.Query, n_rows: int) -> None:
    """Put a LIMIT in place of the one that is there, from the first row on."""
    from sqlglot import exp

    for layer in layers(query):
        if limit_clauses(layer):
            layer.set("limit", exp.Limit(expression=exp.Literal.number(n_rows)))
            layer.set("offset", None)


def _with_sort_keys(query: exp.Query) -> SortKeys | None:
    """Find each key of the outermost ORDER BY among the columns, or add it behind them."""
    from sqlglot import exp

    order = query.args.get("order")
    if order is None:
        return None
    columns = _Columns.of(query)
    if columns is None:
        return None
    places: list[int | exp.Expr] = []
    for ordered in order.expressions:
        key = ordered.this if isinstance(ordered, exp.Ordered) else ordered
        place = columns.place(key)
        if place is None:
            return None
        places.append(place)
    added = [place for place in places if not isinstance(place, int)]
    if added and not columns.may_grow:
        return None
    for number, expression in enumerate(added):
        query.append("expressions", exp.alias_(expression, f"{_KEY_ALIAS}{number}"))
    first_added = iter(range(-len(added), 0))
    return SortKeys(tuple(p if isinstance(p, int) else next(first_added) for p in places), len(added))


def _wrapped(query: exp.Query) -> exp.Query | None:
    """A set operation or SELECT DISTINCT, to which no column can be added, as the source of a query that can have one.

    None unless the keys of its ORDER BY are made of its columns alone, by their names.
    """
    from sqlglot import exp

    order, columns = query.args.get("order"), _Columns.of(query)
    if order is None or columns is None or columns.may_grow or columns.n_known < len(columns.names):
        return None
    named = [column for key in order.expressions for column in key.find_all(exp.Column)]
    if order.find(exp.Query) or any(c.table or columns.names.count(c.name.lower()) != 1 for c in named):
        return None
    source = query.copy()
    for clause in ("order", "limit", "offset"):
        source.set(clause, None)
    outer = exp.select("*").from_(source.subquery("_rows"))
    for clause in ("order", "limit", "offset"):
        outer.set(clause, query.args[clause].copy() if query.args.get(clause) else None)
    return outer


@dataclass(frozen=True)
class _Columns:
    """The columns of the outermost query, as far as its text tells them.

    Attributes:
        expressions: what is projected, without aliases.
        names: their names in lower case.
        n_known: how many stand before the first star: only their positions are known.
        may_grow: a further column would not change the rows.
    """

    expressions: tuple[exp.Expr, ...]
    names: tuple[str, ...]
    n_known: int
    may_grow: bool

    @classmethod
    def of(cls, query: exp.Query) -> _Columns | None:
        from sqlglot import exp

        selects = query.selects
        if not selects:
            return None
        expressions = tuple(projection.unalias() for projection in selects)
        stars = [place for place, projection in enumerate(selects) if _is_star(projection)]
        distinct = query.args.get("distinct")
        plain = isinstance(query, exp.Select) and (distinct is None or bool(distinct.args.get("on")))
        kind = query.args.get("kind")
        return cls(
            expressions,
            tuple(projection.alias_or_name.lower() for projection in selects),
            stars[0] if stars else len(selects),
            plain and kind is None,
        )

    def place(self, key: exp.Expr) -> int | exp.Expr | None:
        """A key's position, or the expression to add for it, or None where neither can be told."""
        from sqlglot import exp

        if isinstance(key, exp.Literal) and not key.is_string:
            position = int(key.this) - 1 if str(key.this).isdecimal() else -1
            return position if 0 <= position < self.n_known else None
        if isinstance(key, exp.Var | exp.Null):  # ORDER BY ALL, ORDER BY NULL
            return None
        named = self._named(key)
        if named is None:
            named = next((place for place, expression in enumerate(self.expressions) if expression == key), None)
        if named is not None and named < self.n_known:
            return named
        return self.expressions[named].copy() if named is not None else self._without_aliases(key.copy())

    def added(self, key: exp.Expr) -> exp.Expr | None:
        """The expression to add for a key, also where it is one of the columns; None where it cannot be told."""
        place = self.place(key)
        return self.expressions[place].copy() if isinstance(place, int) else place

    def _named(self, key: exp.Expr) -> int | None:
        """The column an unqualified name stands for; ORDER BY looks among the results first."""
        from sqlglot import exp

        if not isinstance(key, exp.Column) or key.table:
            return None
        name = key.name.lower()
        return self.names.index(name) if self.names.count(name) == 1 and name else None

    def _without_aliases(self, key: exp.Expr) -> exp.Expr:
        """A key's expression with the aliases in it written out, so that it means the same in the SELECT list."""
        from sqlglot import exp

        for column in list(key.find_all(exp.Column)):
            place = self._named(column)
            if place is not None and self.expressions[place] != column and column is not key:
                column.replace(exp.paren(self.expressions[place].copy()))
        return key


def _is_star(projection: exp.Expr) -> bool:
    from sqlglot import exp

    return bool(projection.is_star) or isinstance(projection, exp.Columns | exp.Star)


def _with_added_keys(query: exp.Query) -> tuple[exp.Query, SortKeys | None]:
    """A statement without its outermost ORDER BY and LIMIT, each key of that order in a column of its own behind.

    No keys where one cannot be added, or where the order decides which rows there are (DISTINCT ON).
    """
    from sqlglot import exp

    target = outermost(query)
    columns, order = _Columns.of(target), target.args.get("order")
    if columns is not None and not columns.may_grow:
        wrapped = _wrapped(target)
        target = query = wrapped if wrapped is not None else query
        columns, order = _Columns.of(target), target.args.get("order")
    distinct = target.args.get("distinct")
    if order is None or columns is None or not columns.may_grow or isinstance(distinct, exp.Distinct):
        return query, None
    keys = [
        columns.added(ordered.this if isinstance(ordered, exp.Ordered) else ordered) for ordered in order.expressions
    ]
    known = [key for key in keys if key is not None]
    if len(known) < len(keys):
        return query, None
    for number, key in enumerate(known):
        target.append("expressions", exp.alias_(key, f"{_KEY_ALIAS}{number}"))
    for layer in layers(query):
        for clause in ("order", "limit", "offset"):
            layer.set(clause, None)
    return query, SortKeys(tuple(range(-len(known), 0)), len(known))


def within_tie(translated: exp.Query, reach: Reach) -> exp.Query | None:
    """The rows of one tie, out of a translated statement with added keys; None where a key's value is not written.

    Args:
        translated: in DuckDB's dialect.
        reach: with a tie.
    """
    from sqlglot import exp

    conditions = [_has_key(f"{_KEY_ALIAS}{number}", value) for number, value in enumerate(reach.tie or ())]
    written = [condition for condition in conditions if condition is not None]
    if not written or len(written) < len(conditions):
        return None
    return exp.select("*").from_(translated.subquery("_tie")).where(*written).limit(reach.n_rows)


_NEAR = 1e-11
"""Relative distance within which fractions are looked at; those that tie agree in 12 digits
(docs/rules/comparing.md C3.4)."""


def _has_key(name: str, value: Value) -> exp.Expr | None:
    """The condition that a key has a value, or nearly; None for types whose values are not written out."""
    from sqlglot import exp

    column = exp.column(name)
    if value is None:
        return column.is_(exp.null())
    if isinstance(value, float):
        if not math.isfinite(value):
            return exp.EQ(this=column, expression=_cast(repr(value), "DOUBLE"))
        one, other = value * (1 - _NEAR), value * (1 + _NEAR)
        bounds = [_cast(repr(bound), "DOUBLE") for bound in (min(one, other), max(one, other))]
        return exp.Between(this=column, low=bounds[0], high=bounds[1])
    if isinstance(value, bool | int | Decimal):
        literal = exp.convert(value) if isinstance(value, bool | int) else exp.Literal.number(f"{value:f}")
        return exp.EQ(this=column, expression=literal)
    if isinstance(value, str):
        same = exp.EQ(this=exp.cast(column, "TEXT"), expression=exp.Literal.string(value))
        return same if value.isprintable() else None
    if isinstance(value, datetime.datetime):
        type_name = "TIMESTAMPTZ" if value.tzinfo is not None else "TIMESTAMP"
        written = _cast(value.isoformat(sep=" "), type_name)
        return exp.EQ(this=exp.cast(column, exp.DataType.build(type_name, dialect="duckdb")), expression=written)
    if isinstance(value, datetime.date):
        return exp.EQ(this=column, expression=_cast(value.isoformat(), "DATE"))
    return None


def _cast(text: str, type_name: str) -> exp.Expr:
    from sqlglot import exp

    return exp.cast(exp.Literal.string(text), exp.DataType.build(type_name, dialect="duckdb"))
