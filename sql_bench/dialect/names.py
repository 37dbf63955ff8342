"""Resolve the names of columns in a statement among the sources of each SELECT.

Names of its SELECT list are taken after those of its sources; where BigQuery does it the other way round,
`bigquery_aliases` has written the expressions out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sql_bench.dialect.meanings import Element, Fields, Meaning, TableColumn
from sql_bench.dialect.schema import Schema, ctes_in_scope
from sql_bench.dialect.struct_fields import StructFields

if TYPE_CHECKING:
    from sqlglot import exp


@dataclass(frozen=True)
class Source:
    """One item of a FROM clause.

    Attributes:
        name: its alias or name in lower case; empty where it has none.
        columns: the names of its columns and what they stand for, in order; None where not known.
    """

    name: str
    columns: Fields | None

    def find(self, name: str) -> list[Meaning]:
        """What a column's name (in lower case) stands for here, once for each column of that name."""
        return [meaning for column, meaning in self.columns or () if column.lower() == name]


class Names:
    """The sources of all queries of one statement, by the nodes of its tree.

    Args:
        schema: the mirror's tables.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._sources: dict[int, list[Source]] = {}
        self._outputs: dict[int, Fields | None] = {}
        self._fields = StructFields(self.meaning)

    def meaning(self, column: exp.Column) -> Meaning:
        """What a column stands for; empty where that cannot be told."""
        found = self._found(column)
        return tuple(item for meaning in found for item in meaning) if all(found) else ()

    def n_columns(self, column: exp.Column) -> int:
        """How many columns of one subquery a name may mean; only one is right."""
        for sources in self._visible(column):
            counts = [len(source.find(column.name.lower())) for source in _asked(sources, column)]
            if any(counts):
                return max(counts)
        return 0

    def row(self, column: exp.Column) -> Source | None:
        """The source whose row a name stands for, as in TO_JSON_STRING(t); None where it stands for a column."""
        name = column.name.lower()
        for sources in self._visible(column) if not column.table else ():
            if any(source.find(name) for source in sources):
                return None
            named = [source for source in sources if source.name == name]
            if named:
                return named[0]
        return None

    def element_fields(self, array: exp.Expr) -> Fields | None:
        """The fields of an array's elements, if those are structs whose fields have names."""
        return self._fields.of_array(array)

    def has_column(self, select: exp.Select, name: str) -> bool:
        """Whether a source of a SELECT has a column of a name (in lower case), or may have it."""
        return any(source.columns is None or source.find(name) for source in self.sources(select))

    def sources(self, select: exp.Select) -> list[Source]:
        """What stands in a SELECT's FROM clause."""
        if id(select) not in self._sources:
            from_ = select.args.get("from_")
            items = [from_.this] if from_ is not None else []
            items += [join.this for join in select.args.get("joins") or ()]
            items += select.args.get("laterals") or ()
            self._sources[id(select)] = [source for item in items for source in self._sources_of(item)]
        return self._sources[id(select)]

    def outputs(self, query: exp.Expr) -> Fields | None:
        """The columns of a query by name; None where they cannot be told."""
        if id(query) not in self._outputs:
            self._outputs[id(query)] = None  # what a recursive query finds of itself
            self._outputs[id(query)] = self._outputs_of(query)
        return self._outputs[id(query)]

    def _found(self, column: exp.Column) -> list[Meaning]:
        """What a name stands for in the innermost query that has it."""
        name = column.name.lower()
        for sources in self._visible(column):
            asked = _asked(sources, column)
            found = [meaning for source in asked for meaning in source.find(name)]
            if found or any(source.columns is None for source in asked):
                return found
            if asked and column.table:
                return []
        return []

    def _visible(self, column: exp.Column) -> Iterator[list[Source]]:
        """The sources that a place sees, from the innermost query outwards, and after each the query's own aliases."""
        from sqlglot import exp

        ancestor = column.parent
        while ancestor is not None:
            if isinstance(ancestor, exp.Select):
                yield self.sources(ancestor)
                yield [Source("", [(item.alias, (item.this,)) for item in _aliased(ancestor)])]
            elif isinstance(ancestor, exp.Query) and ancestor.args.get("order"):
                yield [Source("", self.outputs(ancestor))]
            ancestor = ancestor.parent

    def _sources_of(self, item: exp.Expr) -> Iterator[Source]:
        from sqlglot import exp

        if isinstance(item, exp.Subquery) and not isinstance(item.this, exp.Query):  # a join in parentheses
            yield from self._sources_of(item.this)
        elif item.args.get("pivots"):
            yield Source(item.alias_or_name.lower(), None)
        elif isinstance(item, exp.Table):
            yield Source(item.alias_or_name.lower(), self._columns_of_table(item))
        elif isinstance(item, exp.Subquery):
            yield Source(item.alias_or_name.lower(), _renamed(self.outputs(item), item))
        elif isinstance(item, exp.Unnest):
            yield self._unnested(item)
        else:
            yield Source(item.alias_or_name.lower(), None)
        for join in item.args.get("joins") or ():
            yield from self._sources_of(join.this)

    def _columns_of_table(self, table: exp.Table) -> Fields | None:
        cte = ctes_in_scope(table).get(table.name.lower()) if len(table.parts) == 1 else None
        if cte is not None:
            return _renamed(self.outputs(cte.this), cte)
        found = self._schema.find(table.name.rpartition(".")[2])
        if found is None:
            return None
        return [(name, (TableColumn(type_name),)) for name, type_name in self._schema.tables[found].items()]

    def _unnested(self, unnest: exp.Unnest) -> Source:
        """An array's elements under their name; of structs the fields, and their row under that name."""
        from sqlglot import exp

        alias, offset = unnest.args.get("alias"), unnest.args.get("offset")
        names = [name.name for name in alias.columns] if alias is not None else []
        columns: list[tuple[str, Meaning]] = [
            (name, (Element(array),)) for name, array in zip(names, unnest.expressions, strict=False)
        ]
        fields = self.element_fields(unnest.expressions[0]) if len(unnest.expressions) == 1 else None
        name = names[0].lower() if names and fields is not None else ""
        if fields is not None:
            columns = list(fields)
        if isinstance(offset, exp.Identifier):
            columns.append((offset.name, (TableColumn("BIGINT"),)))
        return Source(name, columns)

    def _outputs_of(self, query: exp.Expr) -> Fields | None:
        from sqlglot import exp

        if isinstance(query, exp.Subquery):
            return self.outputs(query.this)
        if isinstance(query, exp.SetOperation):
            left, right = self.outputs(query.this), self.outputs(query.expression)
            if left is None or right is None or len(left) != len(right) or query.args.get("by_name"):
                return [(name, ()) for name, _ in left] if left is not None else None
            return [
                (name, meaning + other if meaning and other else ())
                for (name, meaning), (_, other) in zip(left, right, strict=True)
            ]
        if not isinstance(query, exp.Select) or query.args.get("kind"):
            return None
        outputs: list[tuple[str, Meaning]] = []
        for projection in query.selects:
            columns = self._star(query, projection) if projection.is_star else _projected(projection)
            if columns is None:
                return None
            outputs += columns
        return outputs

    def _star(self, select: exp.Select, projection: exp.Expr) -> list[tuple[str, Meaning]] | None:
        """The columns of * and t.*, with those of USING once."""
        from sqlglot import exp

        star = projection.find(exp.Star)
        sources = self.sources(select)
        if isinstance(projection, exp.Dot):  # the fields of a struct
            return None
        if isinstance(projection, exp.Column):
            sources = [source for source in sources if source.name == projection.table.lower()]
        if star is None or star.args.get("rename") or not sources or any(s.columns is None for s in sources):
            return None
        left_out = {column.name.lower() for column in star.args.get("except_") or ()}
        replaced = {item.alias.lower(): (item.this,) for item in star.args.get("replace") or ()}
        merged = {name.name.lower() for join in select.args.get("joins") or () for name in join.args.get("using") or ()}
        columns: list[tuple[str, Meaning]] = []
        for source in sources:
            for name, meaning in source.columns or ():
                lower = name.lower()
                if lower in left_out or (lower in merged and any(lower == seen.lower() for seen, _ in columns)):
                    continue
                columns.append((name, replaced.get(lower, meaning)))
        return columns


def _aliased(select: exp.Select) -> list[exp.Alias]:
    from sqlglot import exp

    return [item for item in select.selects if isinstance(item, exp.Alias)]


def _asked(sources: Sequence[Source], column: exp.Column) -> list[Source]:
    """The sources that a column's qualifier leaves."""
    return [source for source in sources if not column.table or source.name == column.table.lower()]


def _projected(projection: exp.Expr) -> list[tuple[str, Meaning]]:
    return [(projection.alias_or_name, (projection,))]


def _renamed(columns: Fields | None, item: exp.Expr) -> Fields | None:
    """Columns under the names that an alias such as t(a, b) gives them."""
    alias = item.args.get("alias")
    names = [name.name for name in alias.columns] if alias is not None else []
    if columns is None or not names:
        return columns
    return [*((name, meaning) for name, (_, meaning) in zip(names, columns, strict=False)), *columns[len(names) :]]
