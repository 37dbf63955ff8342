"""Tables a statement may name, as the engine has them, and the source dialect's names for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from bench_core.plugins.arguments import did_you_mean
from sql_bench.guard.check import check_table_name
from sql_bench.guard.rejected import Rejected, untranslatable
from sql_bench.types import Outcome

if TYPE_CHECKING:
    from sqlglot import exp


@dataclass(frozen=True)
class TableMap:
    """Other names under which statements know the mirror's tables.

    A table is always found by the last part of its name, in any case; this adds names that the mirror does not have.

    Attributes:
        aliases: the last part of a table's name in the source dialect -> the mirror's table.
    """

    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Schema:
    """What a mirror holds.

    Attributes:
        tables: table -> column -> DuckDB type, all as the mirror spells them.
        table_map: further names of the tables.
        nan_columns: columns, in lower case, that hold a NaN somewhere.
    """

    tables: Mapping[str, Mapping[str, str]]
    table_map: TableMap = TableMap()
    nan_columns: frozenset[str] = frozenset()

    @cached_property
    def _by_lower_name(self) -> Mapping[str, str]:
        names = {name.lower(): name for name in self.tables}
        return names | {alias.lower(): table for alias, table in self.table_map.aliases.items()}

    def find(self, name: str) -> str | None:
        """The mirror's table of a name in any case."""
        return self._by_lower_name.get(name.lower())

    def known_names(self) -> list[str]:
        """All names that lead to a table."""
        return [*self.tables, *self.table_map.aliases]


@dataclass(frozen=True)
class TableReference:
    """One place where a statement names a table of the mirror.

    Attributes:
        node: the place in its tree.
        written: the table's name without project and dataset, as it is written.
        table: the mirror's table.
    """

    node: exp.Table
    written: str
    table: str


def table_references(query: exp.Query, schema: Schema) -> list[TableReference]:
    """The tables a statement names; names of its own WITH clauses are left out, as far as they are in scope.

    Raises:
        Rejected: refused, for the engine's catalogue and for files; invalid_sql, for a table that is not there.
    """
    from sqlglot import exp

    references = []
    for node in list(query.find_all(exp.Table)):
        if not isinstance(node.this, exp.Identifier):  # a table function: the guard looks at its name
            continue
        parts = _parts(node)
        if len(parts) == 1 and parts[0].lower() in ctes_in_scope(node):
            continue
        check_table_name([name.name for name in node.parts])
        check_table_name(parts)
        table = schema.find(parts[-1])
        if table is None:
            _reject_unknown(node, parts, schema)
        else:
            references.append(TableReference(node, parts[-1], table))
    return references


def point_at_mirror(query: exp.Query, references: Sequence[TableReference]) -> dict[str, str]:
    """Replace the names in the tree by the mirror's, before columns (`dataset.table.column`) too.

    Returns:
        the mirror's table -> its name as the statement had it, where they differ.

    Raises:
        Rejected: untranslatable, where the mirror's name would mean a common table expression.
    """
    from sqlglot import exp

    qualified = {reference.written.lower() for reference in references if reference.node.args.get("db")}
    for column in query.find_all(exp.Column):
        if column.args.get("db") and column.table.rpartition(".")[2].lower() in qualified:
            column.set("db", None)
            column.set("catalog", None)
    renamed = {}
    for reference in references:
        node = reference.node
        written = ".".join(_parts(node))
        if reference.table.lower() in ctes_in_scope(node):
            raise untranslatable(f"{written} beside a common table expression of the same name")
        if written != reference.table:
            renamed[reference.table] = written
        if not node.alias and reference.written.lower() != reference.table.lower():
            node.set("alias", exp.TableAlias(this=exp.to_identifier(reference.written, quoted=True)))
        node.set("this", exp.to_identifier(reference.table, quoted=True))
        node.set("db", None)
        node.set("catalog", None)
        _unquote_alias_of_dashed_name(node)
    return renamed


def ctes_in_scope(node: exp.Expr) -> dict[str, exp.CTE]:
    """The common table expressions that a place in a statement sees, by name in lower case."""
    ctes: dict[str, exp.CTE] = {}
    for cte in _ctes_in_scope(node):
        ctes.setdefault(cte.alias.lower(), cte)
    return ctes


def _ctes_in_scope(node: exp.Expr) -> Iterator[exp.CTE]:
    """The nearest WITH clause's first, and in each the last one first."""
    from sqlglot import exp

    below: exp.Expr = node
    inside: exp.CTE | None = None
    ancestor = node.parent
    while ancestor is not None:
        if isinstance(below, exp.CTE):
            inside = below
        clause = ancestor.args.get("with_")
        if isinstance(clause, exp.With):
            yield from reversed(list(_visible(clause, inside if below is clause else None)))
        below, ancestor = ancestor, ancestor.parent


def _visible(clause: exp.With, inside: exp.CTE | None) -> Iterator[exp.CTE]:
    """What is seen of a WITH clause from one of its own queries, or from the query behind it."""
    for cte in clause.expressions:
        if cte is inside and not clause.args.get("recursive"):
            return
        yield cte


def _parts(node: exp.Table) -> list[str]:
    """The parts of a table's name; BigQuery lets several stand in one pair of backticks."""
    return [part for name in node.parts for part in name.name.split(".") if part]


def _reject_unknown(node: exp.Table, parts: Sequence[str], schema: Schema) -> None:
    from sqlglot import exp

    query = node.find_ancestor(exp.Query)
    sources = [*query.find_all(exp.Table), *query.find_all(exp.Subquery)] if query else []
    aliases = {source.alias_or_name.lower() for source in sources}
    for unnest in query.find_all(exp.Unnest) if query else ():
        alias = unnest.args.get("alias")
        aliases |= {name.name.lower() for name in (alias.columns if alias is not None else ())}
    if len(parts) > 1 and parts[0].lower() in aliases - {node.alias_or_name.lower()}:
        raise Rejected(Outcome.UNTRANSLATABLE, f"{'.'.join(parts)}: an array in FROM without UNNEST is not translated")
    guess = did_you_mean(parts[-1], schema.known_names())
    raise Rejected(Outcome.INVALID_SQL, f"no such table {'.'.join(parts)[:200]}{guess}")


def _unquote_alias_of_dashed_name(node: exp.Table) -> None:
    """sqlglot gives a name such as `p.d.INFORMATION_SCHEMA.X` itself as its alias; a dotted alias is never a user's."""
    alias = node.args.get("alias")
    if alias is not None and "." in alias.name:
        node.set("alias", None)
