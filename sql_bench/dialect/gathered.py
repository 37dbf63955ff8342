"""Result columns that gather the values of a group: ARRAY_AGG, STRING_AGG and their kin, through CTEs and subqueries.

What such an aggregate without an ORDER BY of its own returns first is not said by any engine's documentation
(docs/rules/comparing.md C3.5), so a comparator must know which columns are of this kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sql_bench.types import Gathered

if TYPE_CHECKING:
    from sqlglot import exp

# Where STRING_AGG's kin put nothing between members if no delimiter is given; elsewhere it is a comma.
_WITHOUT_DELIMITER = frozenset({"snowflake", "redshift", "oracle"})


@dataclass(frozen=True)
class _Members:
    """How a column gathers.

    Attributes:
        delimiter: what stands between the members of a text; None for a list.
        ordered: it says in which order.
    """

    delimiter: str | None
    ordered: bool


@dataclass(frozen=True)
class _Output:
    """A column of a query; `is_open` stands for any number of them, those of a star over an unknown table."""

    name: str
    members: _Members | None = None
    is_open: bool = False


_ANY_NUMBER = _Output("", is_open=True)
_Sources = Mapping[str, Sequence[_Output]]


def gathered_columns(query: exp.Query, dialect: str) -> tuple[Gathered, ...]:
    """The gathering columns of a statement's result, as far as its text tells their places.

    Args:
        query: its tree; not changed.
        dialect: sqlglot's name of the dialect it is written in.
    """
    outputs = _Reader(dialect).outputs(query, {})
    opened = [place for place, output in enumerate(outputs) if output.is_open]
    found = []
    for place, output in enumerate(outputs):
        if output.members is None or (opened and opened[0] < place < opened[-1]):
            continue
        counted = place if not opened or place < opened[0] else place - len(outputs)
        found.append(Gathered(counted, output.members.delimiter, output.members.ordered))
    return tuple(found)


@dataclass(frozen=True)
class _Reader:
    """Reads the columns of queries in a dialect."""

    dialect: str

    def outputs(self, query: exp.Expr, known: _Sources) -> list[_Output]:
        """A query's columns; `known` are those of the common table expressions around it."""
        from sqlglot import exp

        known = {**known, **self._ctes(query, known)}
        if isinstance(query, exp.Subquery):
            return self.outputs(query.this, known)
        if isinstance(query, exp.SetOperation):
            return _united(self.outputs(query.this, known), self.outputs(query.expression, known))
        if not isinstance(query, exp.Select):
            return [_ANY_NUMBER]
        sources = self._sources(query, known)
        return [output for projection in query.selects for output in self._projected(projection, sources, known)]

    def _ctes(self, query: exp.Expr, known: _Sources) -> dict[str, Sequence[_Output]]:
        found: dict[str, Sequence[_Output]] = {}
        clause = query.args.get("with_")
        if clause is not None and not clause.args.get("recursive"):
            for cte in clause.expressions:
                found[cte.alias.lower()] = _renamed(self.outputs(cte.this, {**known, **found}), cte)
        return found

    def _sources(self, query: exp.Select, known: _Sources) -> dict[str, Sequence[_Output]]:
        """What stands in FROM and JOIN, by the name it has there."""
        from sqlglot import exp

        from_ = query.args.get("from_")
        tables = [*([from_.this] if from_ is not None else []), *(j.this for j in query.args.get("joins") or ())]
        found: dict[str, Sequence[_Output]] = {}
        for number, table in enumerate(tables):
            name = table.alias_or_name.lower() or f"#{number}"
            if isinstance(table, exp.Subquery) and isinstance(table.this, exp.Query):
                found[name] = _renamed(self.outputs(table, known), table)
            elif isinstance(table, exp.Table) and not table.db and table.name.lower() in known:
                found[name] = _renamed(known[table.name.lower()], table)
            else:
                found[name] = [_ANY_NUMBER]
        return found

    def _projected(self, projection: exp.Expr, sources: _Sources, known: _Sources) -> Iterable[_Output]:
        from sqlglot import exp

        if isinstance(projection, exp.Star) and not any(projection.args.values()):
            return [output for columns in sources.values() for output in columns]
        if isinstance(projection, exp.Column) and isinstance(projection.this, exp.Star):
            changed = any(projection.this.args.values())
            return [_ANY_NUMBER] if changed else sources.get(projection.table.lower(), [_ANY_NUMBER])
        if projection.is_star:
            return [_ANY_NUMBER]
        return [_Output(projection.alias_or_name.lower(), self._members(projection, sources, known))]

    def _members(self, node: exp.Expr | None, sources: _Sources, known: _Sources) -> _Members | None:
        """How an expression gathers, None if it does not."""
        from sqlglot import exp

        if isinstance(node, exp.GroupConcat):
            delimiter = self._delimiter(node.args.get("separator"))
            return _Members(delimiter, _is_ordered(node)) if delimiter else None
        if isinstance(node, exp.ArrayAgg | exp.ArrayUniqueAgg):
            return _Members(None, _is_ordered(node))
        query = node.expressions[0] if isinstance(node, exp.Array) and len(node.expressions) == 1 else None
        if isinstance(query, exp.Query):
            return _Members(None, bool(query.args.get("order")))
        inner = self._inner(node, sources, known) if node is not None else None
        if inner is None or node is None:
            return None
        if isinstance(node, exp.ArrayToString):
            delimiter = self._delimiter(node.expression)
            return _Members(delimiter, inner.ordered) if delimiter and inner.delimiter is None else None
        sets_order = isinstance(node, exp.WithinGroup | exp.ArraySort)
        sets_order = sets_order or (isinstance(node, exp.Window) and node.args.get("order") is not None)
        return _Members(inner.delimiter, inner.ordered or sets_order)

    def _inner(self, node: exp.Expr | None, sources: _Sources, known: _Sources) -> _Members | None:
        """How the expression gathers whose members another one only hands on."""
        from sqlglot import exp

        if isinstance(node, exp.Column):
            return _column(node, sources)
        if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Query):
            outputs = self.outputs(node, known)
            return outputs[0].members if len(outputs) == 1 else None
        hands_on = (exp.Alias, exp.Paren, exp.IgnoreNulls, exp.RespectNulls, exp.Filter, exp.Window, exp.WithinGroup)
        if isinstance(node, (*hands_on, exp.Coalesce, exp.ArrayToString, exp.ArraySort, exp.AnyValue)):
            return self._members(node.this, sources, known)
        if isinstance(node, exp.Cast) and node.to.is_type(*exp.DataType.TEXT_TYPES):
            members = self._members(node.this, sources, known)
            return members if members is not None and members.delimiter is not None else None
        return None

    def _delimiter(self, node: exp.Expr | None) -> str:
        """A delimiter that is written out; empty where there is none to split at."""
        from sqlglot import exp

        if node is None:
            return "" if self.dialect in _WITHOUT_DELIMITER else ","
        return str(node.this) if isinstance(node, exp.Literal) and node.is_string else ""


def _is_ordered(aggregate: exp.Expr) -> bool:
    """Whether ARRAY_AGG(x ORDER BY y LIMIT 3) says in which order it gathers."""
    from sqlglot import exp

    node = aggregate.this
    while isinstance(node, exp.Limit | exp.Having | exp.HavingMax | exp.IgnoreNulls | exp.RespectNulls):
        node = node.this
    return isinstance(node, exp.Order)


def _column(column: exp.Column, sources: _Sources) -> _Members | None:
    """How a column of a subquery or common table expression gathers."""
    name, table = column.name.lower(), column.table.lower()
    where: Iterable[Sequence[_Output]] = [sources.get(table, ())] if table else sources.values()
    found = [output.members for outputs in where for output in outputs if output.name == name and not output.is_open]
    return found[0] if len(found) == 1 else None


def _renamed(outputs: Sequence[_Output], table: exp.Expr) -> Sequence[_Output]:
    """A subquery's columns under the names that its alias gives them: `AS c(a, b)`."""
    names = list(table.alias_column_names)
    if not names or any(output.is_open for output in outputs):
        return outputs
    renamed = [_Output(name.lower(), output.members) for name, output in zip(names, outputs, strict=False)]
    return [*renamed, *outputs[len(renamed) :]]


def _united(first: Sequence[_Output], second: Sequence[_Output]) -> list[_Output]:
    """The columns of a set operation: one gathers where it does on both sides, alike."""
    if len(first) != len(second) or any(output.is_open for output in (*first, *second)):
        return [_ANY_NUMBER]
    return [_Output(one.name, _both(one.members, other.members)) for one, other in zip(first, second, strict=True)]


def _both(one: _Members | None, other: _Members | None) -> _Members | None:
    if one is None or other is None or one.delimiter != other.delimiter:
        return None
    return _Members(one.delimiter, one.ordered and other.ordered)
