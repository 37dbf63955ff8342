"""The dialects besides BigQuery whose functions are listed, and what is known of each list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sql_bench.dialect.kinds import Kind, KindRules, Kinds
from sql_bench.dialect.mixtures import refuse_mixtures
from sql_bench.dialect.names import Names
from sql_bench.dialect.rewriting import Rule, mend
from sql_bench.dialect.schema import Schema
from sql_bench.dialect.templates import Templates, templates_of
from sql_bench.dialect.written import KnownNames, known_names, written_name
from sql_bench.guard.names import read_groups, words
from sql_bench.guard.rejected import untranslatable
from sql_bench.types import Column, Row

if TYPE_CHECKING:
    from sqlglot import exp

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Call:
    """A function that takes more than a template to write.

    Attributes:
        kind: of its value.
        write: what stands in its place.
    """

    kind: Kind | None
    write: Callable[[exp.Anonymous, Kinds], exp.Expr]


@dataclass(frozen=True)
class ListedDialect:
    """A dialect with lists of its own.

    Attributes:
        name: sqlglot's.
        title: what people call it.
        rules: of nodes that sqlglot writes for DuckDB otherwise than the dialect means them.
        calls: of functions that take more than a template, by their names in capitals.
        kinds: of its values.
        made_texts: `Templates.made_texts`.
        prepare: changes the tree before anything is known of its values.
        finish: changes it after everything else.
        mixtures: refuses values of different kinds that meet.
        excuses: whether an error of DuckDB's, with a message on a text, is none in the dialect.
        result: rows as the dialect's engine gives them.
    """

    name: str
    title: str
    rules: Callable[[], Mapping[type, Rule]]
    calls: Mapping[str, Call] = field(default_factory=dict)
    kinds: KindRules = field(default_factory=KindRules)
    made_texts: frozenset[Kind] = frozenset()
    prepare: Callable[[exp.Query, Names], None] = lambda query, names: None
    finish: Callable[[exp.Query, Kinds], None] = lambda query, kinds: None
    mixtures: Callable[[exp.Query, Kinds], None] = refuse_mixtures
    excuses: Callable[[str, str], bool] = lambda message, sql: False
    result: Callable[[Sequence[Column], Sequence[Row]], Sequence[Row]] = lambda columns, rows: rows

    def names(self) -> KnownNames:
        """`<dialect>_names.tsv`, and the functions that have templates."""
        listed = known_names(_HERE / f"{self.name}_names.tsv")
        return replace(listed, translated=listed.translated | self.plain_names())

    def plain_names(self) -> frozenset[str]:
        """The functions that are read as their names and arguments."""
        return self.templates().names | frozenset(self.calls)

    def templates(self) -> Templates:
        """`<dialect>_functions.tsv`."""
        return templates_of(_HERE / f"{self.name}_functions.tsv", self.made_texts)

    def rewrite(self, query: exp.Query, schema: Schema) -> exp.Query:
        """Mend a statement for DuckDB, in place.

        Args:
            query: its tree, which names the mirror's tables.
            schema: those tables.

        Raises:
            Rejected: untranslatable, where it holds something that is not known to agree.
        """
        from sqlglot import exp

        names = Names(schema)
        self.prepare(query, names)
        templates = self.templates()
        functions = {**templates.kinds(), **{name: call.kind for name, call in self.calls.items()}}
        kinds = Kinds(query, names, replace(self.kinds, functions=functions))
        nodes = list(query.walk(bfs=False))
        for node in nodes:
            self._check(node)
        self.mixtures(query, kinds)
        mend(list(query.walk(bfs=False)), {**self.rules(), exp.Anonymous: self._write_call}, kinds)
        self.finish(query, kinds)
        return query

    def _write_call(self, node: exp.Anonymous, kinds: Kinds) -> exp.Expr:
        call = self.calls.get(node.name.upper())
        return self.templates().write(node, kinds) if call is None else call.write(node, kinds)

    def _check(self, node: exp.Expr) -> None:
        """Refuse syntax that is not on the list; functions are known by the names they were called by."""
        from sqlglot import exp

        if written_name(node) or isinstance(node, exp.Identifier):
            return
        if type(node).__name__ not in _syntax(self.name):
            raise untranslatable(words(type(node).__name__))


@cache
def _syntax(dialect: str) -> frozenset[str]:
    """The node types of `listed_syntax.tsv` that all dialects share, and the dialect's own."""
    groups = read_groups(_HERE / "listed_syntax.tsv")
    return frozenset(name for group, names in groups if group in ("all", dialect) for name in names)
