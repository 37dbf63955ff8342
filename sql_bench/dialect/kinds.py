"""What kind of value an expression has, as far as its text and the schema tell; several translations depend on it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sql_bench.guard_names import read_groups

if TYPE_CHECKING:
    from sqlglot import exp


class Kind(Enum):
    """The kinds that translate differently."""

    INT = "int"
    FLOAT = "float"
    NUMERIC = "numeric"
    TEXT = "text"
    BYTES = "bytes"
    BOOL = "bool"
    DATE = "date"
    DATETIME = "datetime"
    TIMESTAMP = "timestamp"
    OTHER = "other"


_NUMBERS = (Kind.INT, Kind.NUMERIC, Kind.FLOAT)

_KIND_OF_TYPE = {
    Kind.INT: re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER|128)?"),
    Kind.FLOAT: re.compile(r"FLOAT|DOUBLE|REAL"),
    Kind.NUMERIC: re.compile(r"(BIG)?DECIMAL"),
    Kind.TEXT: re.compile(r"N?(VAR)?CHAR|TEXT"),
    Kind.BYTES: re.compile(r"BLOB|(VAR)?BINARY"),
    Kind.BOOL: re.compile(r"BOOLEAN"),
    Kind.DATE: re.compile(r"DATE"),
    Kind.DATETIME: re.compile(r"DATETIME|TIMESTAMP(_S|_MS|_NS|NTZ)?"),
    Kind.TIMESTAMP: re.compile(r"TIMESTAMP(TZ|LTZ| WITH TIME ZONE)"),
}


def kind_of_type(name: str) -> Kind:
    """The kind of a type by the name that DuckDB or sqlglot gives it, such as `DECIMAL(18,3)`."""
    bare = name.upper().partition("(")[0].strip() if not name.endswith("]") else ""
    return next((kind for kind, names in _KIND_OF_TYPE.items() if names.fullmatch(bare)), Kind.OTHER)


@cache
def _function_kinds() -> Mapping[str, Kind | None]:
    """The list `function_kinds.tsv`; None for the functions whose value is of the kind of their first argument."""
    groups = read_groups(Path(__file__).with_name("function_kinds.tsv"))
    return {name: None if group == "argument" else Kind(group) for group, names in groups for name in names}


class Kinds:
    """The kinds of all expressions of one statement, taken before anything is rewritten.

    Args:
        query: the statement's tree.
        columns: for each table that the statement names, column -> DuckDB type.
    """

    def __init__(self, query: exp.Query, columns: Iterable[Mapping[str, str]]) -> None:
        from sqlglot import exp

        self._columns: dict[str, Kind | None] = {}
        for table in columns:
            for name, type_name in table.items():
                self._note_column(name.lower(), kind_of_type(type_name))
        # Every node is kept, so that no id is used twice while the tree is being rewritten.
        self._nodes = list(query.walk(bfs=False))
        self._by_id: dict[int, Kind | None] = {}
        for node in reversed(self._nodes):
            if not isinstance(node, exp.Identifier):
                self._by_id[id(node)] = self._kind(node)
        # Once more, now that aliases of subqueries and common table expressions are known.
        for node in reversed(self._nodes):
            if isinstance(node, exp.Alias):
                self._note_alias(node)
        for node in reversed(self._nodes):
            if not isinstance(node, exp.Identifier):
                self._by_id[id(node)] = self._kind(node)

    def of(self, node: object) -> Kind | None:
        """The kind of an expression of the statement; None where it cannot be told."""
        return self._by_id.get(id(node))

    def inherit(self, replacement: exp.Expr, replaced: exp.Expr) -> None:
        """Give an expression that takes another's place its kind."""
        self._nodes.append(replacement)
        self._by_id[id(replacement)] = self.of(replaced)

    def _note_column(self, name: str, kind: Kind | None) -> None:
        self._columns[name] = kind if self._columns.get(name, kind) is kind else None

    def _note_alias(self, node: exp.Alias) -> None:
        """An alias names a column elsewhere, unless it only repeats a column's own name."""
        from sqlglot import exp

        name = node.alias.lower()
        if not (isinstance(node.this, exp.Column) and node.this.name.lower() == name):
            self._note_column(name, self.of(node.this))

    def _kind(self, node: exp.Expr) -> Kind | None:
        from sqlglot import exp

        name = type(node).__name__
        functions = _function_kinds()
        if name in functions:
            return functions[name] or self.of(node.this)
        if isinstance(node, exp.Column):
            return self._columns.get(node.name.lower())
        if isinstance(node, exp.Literal):
            return Kind.TEXT if node.is_string else Kind.INT if str(node.this).isdecimal() else Kind.FLOAT
        if isinstance(node, exp.Cast):
            return kind_of_type(node.to.this.value) if isinstance(node.to.this, exp.DType) else Kind.OTHER
        if isinstance(node, exp.Boolean):
            return Kind.BOOL
        if isinstance(node, exp.RawString):
            return Kind.TEXT
        if isinstance(node, exp.Add | exp.Sub | exp.Mul):
            return self._arithmetic(node)
        if isinstance(node, exp.Div):
            return Kind.NUMERIC if self._numeric_division(node) else Kind.FLOAT
        if isinstance(node, exp.Case | exp.If | exp.Coalesce | exp.Greatest | exp.Least):
            return self._branches(node)
        if isinstance(node, exp.Subquery | exp.Alias):
            return self.of(node.this)
        if isinstance(node, exp.Select) and len(node.selects) == 1:
            return self.of(node.selects[0])
        return None

    def _arithmetic(self, node: exp.Expr) -> Kind | None:
        from sqlglot import exp

        left, right = self.of(node.this), self.of(node.expression)
        if left in _NUMBERS and right in _NUMBERS:
            return max(left, right, key=_NUMBERS.index)
        if isinstance(node.expression, exp.Interval) and left in (Kind.DATE, Kind.DATETIME):
            return Kind.DATETIME
        return left if left in (Kind.DATE, Kind.TIMESTAMP) and right in (Kind.INT, None) else None

    def _numeric_division(self, node: exp.Expr) -> bool:
        sides = {self.of(node.this), self.of(node.expression)}
        return Kind.NUMERIC in sides and sides <= {Kind.NUMERIC, Kind.INT}

    def _branches(self, node: exp.Expr) -> Kind | None:
        from sqlglot import exp

        if isinstance(node, exp.Case):
            branches = [branch.args.get("true") for branch in node.args["ifs"]] + [node.args.get("default")]
        elif isinstance(node, exp.If):
            branches = [node.args.get("true"), node.args.get("false")]
        else:
            branches = [node.this, *node.expressions]
        kinds = {self.of(branch) for branch in branches if branch is not None and not isinstance(branch, exp.Null)}
        if kinds and kinds <= set(_NUMBERS):
            return max((kind for kind in kinds if kind is not None), key=_NUMBERS.index)
        return kinds.pop() if len(kinds) == 1 else None
