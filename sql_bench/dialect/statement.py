"""The shape of a statement's outermost query, and the variants that comparators ask for.

Everything here reads and edits sqlglot's tree of the statement as the model wrote it, before it is translated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sql_bench.dialect.clock import is_volatile, reads_clock
from sql_bench.types import Row, StatementShape, Variant

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


def shape_of(query: exp.Query, dialect: str) -> StatementShape:
    """The shape of a parsed statement.

    Args:
        query: its tree; not changed.
        dialect: sqlglot's name of the dialect it is written in.
    """
    from sqlglot import exp

    outermost = _outermost(query)
    return StatementShape(
        canonical_sql=query.sql(dialect=dialect, comments=False),
        ordered=any(layer.args.get("order") for layer in _layers(query)),
        limit=_literal_limit(query),
        offset=_literal_offset(query),
        has_limit=any(_limits(layer) for layer in _layers(query)) or _sampled(outermost),
        duplicate_free=_duplicate_free(outermost),
        unordered_aggregate=any(
            aggregate.find_ancestor(exp.Query) is outermost and not _ordered_within(aggregate)
            for projection in outermost.selects
            for aggregate in projection.find_all(exp.ArrayAgg, exp.GroupConcat, exp.ArrayUniqueAgg, exp.List)
        ),
        volatile=is_volatile(query),
        reads_clock=reads_clock(query),
    )


def as_variant(query: exp.Query, variant: Variant, limit: int | None = None) -> tuple[exp.Query, SortKeys | None]:
    """The form of a statement that is asked for.

    Args:
        query: its tree; changed in place.
        variant: the form.
        limit: how many rows a `LONGER_LIMIT` lets through.

    Returns:
        The statement to run, and where its sort keys will stand: None where the statement as written was asked for,
        where it has no outermost ORDER BY, and where a key can neither be found among the columns nor be added to them.
    """
    if variant is Variant.AS_WRITTEN:
        return query, None
    if variant is Variant.WITHOUT_LIMIT:
        for layer in _layers(query):
            for clause in _limits(layer):
                layer.set(clause, None)
    if variant is Variant.LONGER_LIMIT:
        _set_limit(query, limit)
    keys = _with_sort_keys(_outermost(query))
    if keys is not None:
        return query, keys
    wrapped = _wrapped(_outermost(query))
    return (query, None) if wrapped is None else (wrapped, _with_sort_keys(wrapped))


def _layers(query: exp.Query) -> Iterator[exp.Query]:
    """The statement and, where it is only a pair of parentheses, what stands in them."""
    from sqlglot import exp

    yield query
    while isinstance(query, exp.Subquery) and isinstance(query.this, exp.Query):
        query = query.this
        yield query


def _outermost(query: exp.Query) -> exp.Query:
    """The query that orders and cuts the result: inside parentheses unless something follows them."""
    from sqlglot import exp

    while (
        isinstance(query, exp.Subquery)
        and isinstance(query.this, exp.Query)
        and not any(query.args.get(clause) for clause in ("order", "limit", "offset", "with_"))
    ):
        query = query.this
    return query


def _limits(query: exp.Query) -> list[str]:
    return [clause for clause in ("limit", "offset") if query.args.get(clause)]


def _literal_limit(query: exp.Query) -> int | None:
    """The number of the outermost LIMIT or FETCH."""
    from sqlglot import exp

    for layer in _layers(query):
        limit = layer.args.get("limit")
        if limit is not None:
            count = limit.args.get("count") if isinstance(limit, exp.Fetch) else limit.expression
            options = limit.args.get("limit_options")
            if options is not None and options.args.get("percent"):
                return None
            return int(count.this) if isinstance(count, exp.Literal) and str(count.this).isdecimal() else None
    return None


def _literal_offset(query: exp.Query) -> int | None:
    """The number of the outermost OFFSET, 0 without one; None where a longer LIMIT could not be put in its place."""
    from sqlglot import exp

    limited = [layer for layer in _layers(query) if _limits(layer)]
    if len(limited) > 1 or _sampled(_outermost(query)):
        return None
    offset = limited[0].args.get("offset") if limited else None
    if offset is None:
        return 0
    count = offset.expression
    return int(count.this) if isinstance(count, exp.Literal) and str(count.this).isdecimal() else None


def _set_limit(query: exp.Query, limit: int | None) -> None:
    """Put a LIMIT in place of the one that is there, from the first row on."""
    from sqlglot import exp

    if limit is None:
        raise ValueError("a longer LIMIT needs its number of rows")
    for layer in _layers(query):
        if _limits(layer):
            layer.set("limit", exp.Limit(expression=exp.Literal.number(limit)))
            layer.set("offset", None)


def _sampled(query: exp.Query) -> bool:
    from sqlglot import exp

    if query.args.get("sample"):
        return True
    return any(
        table.args.get("sample") and table.find_ancestor(exp.Query) is query
        for table in query.find_all(exp.Table, exp.Subquery)
    )


def _duplicate_free(query: exp.Query) -> bool:
    from sqlglot import exp

    if isinstance(query, exp.SetOperation):
        return bool(query.args.get("distinct"))
    if not isinstance(query, exp.Select):
        return False
    distinct = query.args.get("distinct")
    if distinct is not None and not distinct.args.get("on"):
        return True
    group = query.args.get("group")
    if group is None:
        return False  # an aggregate's one row is an answer, and a table of such rows is none
    if group.args.get("all"):
        return True
    if any(group.args.get(kind) for kind in ("rollup", "cube", "grouping_sets")):
        return False
    return bool(group.expressions) and all(_is_projected(key, query.selects) for key in group.expressions)


def _is_projected(key: exp.Expr, selects: list[exp.Expr]) -> bool:
    """Whether a GROUP BY key, which may be a position or an alias, is one of the columns."""
    from sqlglot import exp

    if isinstance(key, exp.Literal) and not key.is_string:
        return True
    projected = [projection.unalias() for projection in selects]
    if key in projected:
        return True
    if not isinstance(key, exp.Column):
        return False
    if not key.table:
        names = {projection.alias_or_name.lower() for projection in selects}
        return key.name.lower() in names and not any(isinstance(p, exp.Star) for p in projected)
    # Of two tables' columns of one name only a qualified one can be meant, so an unqualified one is the key's.
    return any(isinstance(p, exp.Column) and not p.table and p.name.lower() == key.name.lower() for p in projected)


def _ordered_within(aggregate: exp.Expr) -> bool:
    """Whether ARRAY_AGG(x ORDER BY y) or … WITHIN GROUP (ORDER BY y) says in which order it gathers."""
    from sqlglot import exp

    return aggregate.find(exp.Order) is not None or isinstance(aggregate.parent, exp.WithinGroup)


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
