"""UNNEST in FROM: positions counted from 0, and structs spread over columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sql_bench.dialect.duckdb_text import duckdb_expression
from sql_bench.dialect.names import Names
from sql_bench.guard.rejected import untranslatable

if TYPE_CHECKING:
    from sqlglot import exp

_SPREAD = "spreads a struct"


def note_structs(query: exp.Query, names: Names) -> None:
    """Remember, before anything is rewritten, which arrays in FROM hold structs whose fields are known.

    Raises:
        Rejected: untranslatable, where the row of structs and their position is asked for at once.
    """
    from sqlglot import exp

    for unnest in query.find_all(exp.Unnest):
        if not isinstance(unnest.parent, exp.From | exp.Join | exp.Lateral) or len(unnest.expressions) != 1:
            continue
        if names.element_fields(unnest.expressions[0]) is None:
            continue
        unnest.meta[_SPREAD] = True
        if isinstance(unnest.args.get("offset"), exp.Identifier) and _asks_for_row(query, _name(unnest)):
            raise untranslatable("the struct itself of an UNNEST of structs WITH OFFSET")


def rewrite_unnests(query: exp.Query) -> None:
    """Write every UNNEST in FROM for DuckDB, in place."""
    from sqlglot import exp

    for unnest in list(query.find_all(exp.Unnest)):
        if unnest.meta.get(_SPREAD):
            _spread(unnest)
        elif isinstance(unnest.args.get("offset"), exp.Identifier):
            _count_from_zero(unnest)


def _spread(unnest: exp.Unnest) -> None:
    """A table of the fields under the elements' name, which is its row; DuckDB's UNNEST has a column of structs."""
    from sqlglot import exp

    array, offset = unnest.expressions[0], unnest.args.get("offset")
    columns = [duckdb_expression("UNNEST(items, max_depth := 2)", items=array)]
    if isinstance(offset, exp.Identifier):
        position = duckdb_expression("UNNEST(RANGE(0, LEN(items)))", items=array)
        columns.append(exp.alias_(position, offset.copy()))
    name = _name(unnest)
    alias = exp.TableAlias(this=name.copy() if name is not None else exp.to_identifier("_structs"))
    _replace(unnest, exp.Lateral(this=exp.Subquery(this=exp.Select(expressions=columns)), alias=alias))


def _count_from_zero(unnest: exp.Unnest) -> None:
    """WITH OFFSET counts from 0, WITH ORDINALITY, which sqlglot makes of it, from 1."""
    from sqlglot import exp

    offset = unnest.args["offset"]
    element = (_name(unnest) or exp.to_identifier("_element")).copy()
    inner = unnest.copy()
    inner.set("alias", exp.TableAlias(columns=[element.copy()]))
    counted = exp.Sub(this=exp.column(offset.copy()), expression=exp.Literal.number(1))
    query = exp.Select(expressions=[exp.column(element.copy()), exp.alias_(counted, offset.copy())]).from_(inner)
    alias = exp.TableAlias(this=exp.to_identifier(f"_offset_{offset.name}"))
    _replace(unnest, exp.Lateral(this=exp.Subquery(this=query), alias=alias))


def _replace(unnest: exp.Unnest, table: exp.Expr) -> None:
    from sqlglot import exp

    join = unnest.parent
    if isinstance(join, exp.Join) and join.side and not join.args.get("on"):
        join.set("on", exp.true())
    unnest.replace(table)


def _name(unnest: exp.Unnest) -> exp.Identifier | None:
    alias = unnest.args.get("alias")
    names = list(alias.columns) if alias is not None else []
    return names[0] if names else None


def _asks_for_row(query: exp.Query, name: exp.Identifier | None) -> bool:
    """Whether a statement uses the elements' name as a value or before a star."""
    from sqlglot import exp

    wanted = name.name.lower() if name is not None else ""
    return any(
        (column.name.lower() == wanted and not column.table) or (column.is_star and column.table.lower() == wanted)
        for column in query.find_all(exp.Column)
    )
