"""UNPIVOT: the order of the columns it makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp


def values_before_names(query: exp.Query) -> exp.Query:
    """`t UNPIVOT(v FOR k IN (…))` has the columns v and k last, in this order; DuckDB has k before v. In place."""
    from sqlglot import exp

    for pivot in list(query.find_all(exp.Pivot)):
        table = pivot.parent
        if not pivot.args.get("unpivot") or table is None or len(table.args.get("pivots") or ()) != 1:
            continue
        made = _made(pivot)
        if len(made) != 2:
            continue
        alias = pivot.args.get("alias") or table.args.get("alias")
        inner = table.copy()
        star = exp.Star(except_=[name.copy() for name in made])
        columns = [star, *(exp.column(name.copy()) for name in made)]
        name = alias.this.copy() if alias is not None and alias.this is not None else exp.to_identifier("_unpivoted")
        ordered = exp.Select(expressions=columns).from_(inner)
        table.replace(exp.Subquery(this=ordered, alias=exp.TableAlias(this=name)))
    return query


def _made(pivot: exp.Pivot) -> list[exp.Identifier]:
    """The names of the value column and of the column of names, where there is one of each."""
    from sqlglot import exp

    values = [item.this if isinstance(item, exp.Column) else item for item in pivot.expressions]
    fields = pivot.args.get("fields") or []
    names = [field.this.this if isinstance(field.this, exp.Column) else field.this for field in fields]
    found = [*values, *names]
    return found if all(isinstance(name, exp.Identifier) for name in found) else []
