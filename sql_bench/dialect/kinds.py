"""Kinds of values of expressions, as far as text and schema tell; several translations depend on them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sql_bench.dialect.meanings import Element, Meaning, TableColumn
from sql_bench.dialect.names import Names
from sql_bench.guard.names import read_groups

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


@dataclass(frozen=True)
class KindRules:
    """In what the dialects differ. As it stands, BigQuery.

    Attributes:
        fraction: the kind of a number with a decimal point.
        whole_division: the quotient of two whole numbers is one.
        condition: the kind of a condition's value.
        exact_averages: the mean of exact numbers is exact.
        exact_quotients: the quotient of two whole numbers is a decimal.
        functions: the kinds of functions that sqlglot has no node of, by their names in capitals; None for that of the
            first argument.
    """

    fraction: Kind = Kind.FLOAT
    whole_division: bool = False
    condition: Kind = Kind.BOOL
    exact_averages: bool = False
    exact_quotients: bool = False
    functions: Mapping[str, Kind | None] = field(default_factory=dict)


class Kinds:
    """The kinds of all expressions of one statement, taken before anything is rewritten.

    Args:
        query: the statement's tree.
        names: what its columns stand for.
        rules: its dialect's.
    """

    def __init__(self, query: exp.Query, names: Names, rules: KindRules | None = None) -> None:
        from sqlglot import exp

        self._names = names
        self._rules = rules or KindRules()
        # Every node is kept, so that no id is used twice while the tree is being rewritten.
        self._nodes = list(query.walk(bfs=False))
        self._by_id: dict[int, Kind | None] = {}
        self._open: set[int] = set()  # being looked at: a recursive query comes back to itself
        # Common table expressions in the order of the text: each names those before it, and a chain of them is long.
        for cte in [node for node in self._nodes if isinstance(node, exp.CTE)]:
            self._take(reversed(list(cte.walk(bfs=False))))
        self._take(reversed(self._nodes))

    def of(self, node: object) -> Kind | None:
        """The kind of an expression of the statement; None where it cannot be told."""
        return self._by_id.get(id(node))

    @property
    def names(self) -> Names:
        """What the statement's columns stand for."""
        return self._names

    def of_meaning(self, meaning: Meaning) -> Kind | None:
        """The kind of what a name stands for."""
        return _common(self._meant(item) for item in meaning if id(item) not in self._open)

    def inherit(self, replacement: exp.Expr, replaced: exp.Expr) -> None:
        """Give an expression that takes another's place its kind."""
        self._nodes.append(replacement)
        self._by_id[id(replacement)] = self.of(replaced)

    def _take(self, nodes: Iterable[exp.Expr]) -> None:
        from sqlglot import exp

        for node in nodes:
            if not isinstance(node, exp.Identifier):
                self._known(node)

    def _known(self, node: exp.Expr) -> Kind | None:
        if id(node) not in self._by_id:
            self._open.add(id(node))
            kind = self._kind(node)
            self._by_id[id(node)] = self._rules.condition if kind is Kind.BOOL else kind
            self._open.discard(id(node))
        return self._by_id[id(node)]

    def _kind(self, node: exp.Expr) -> Kind | None:
        from sqlglot import exp

        name = type(node).__name__
        functions = _function_kinds()
        if isinstance(node, exp.Avg) and self._rules.exact_averages:
            return Kind.NUMERIC if self._known(node.this) in (Kind.INT, Kind.NUMERIC) else Kind.FLOAT
        if name in functions:
            return functions[name] or self._known(node.this)
        if isinstance(node, exp.Distinct):
            return self._common_of(node.expressions)
        if isinstance(node, exp.DateAdd | exp.DateSub | exp.DateTrunc):
            kind = self._known(node.this)
            return Kind.DATE if kind is Kind.TEXT else kind
        if isinstance(node, exp.Column):
            return self.of_meaning(self._names.meaning(node))
        if isinstance(node, exp.Literal):
            return Kind.TEXT if node.is_string else self._number(str(node.this))
        if isinstance(node, exp.Anonymous) and node.name.upper() in self._rules.functions:
            kind = self._rules.functions[node.name.upper()]
            return self._known(node.expressions[0]) if kind is None and node.expressions else kind
        if isinstance(node, exp.Cast):
            return kind_of_type(node.to.this.value) if isinstance(node.to.this, exp.DType) else Kind.OTHER
        if isinstance(node, exp.Boolean):
            return Kind.BOOL
        if isinstance(node, exp.ByteString):
            return Kind.BYTES
        if isinstance(node, exp.RawString):
            return Kind.TEXT
        if isinstance(node, exp.Add | exp.Sub | exp.Mul | exp.SafeAdd | exp.SafeSubtract | exp.SafeMultiply):
            return self._arithmetic(node)
        if isinstance(node, exp.Div):
            return self._quotient(node)
        if isinstance(node, exp.Case | exp.If | exp.Coalesce | exp.Greatest | exp.Least):
            return self._common_of(branches(node))
        if isinstance(node, exp.Bracket):
            return self._element(node.this)
        if isinstance(node, exp.Subquery | exp.Alias | exp.SetOperation):
            return self._known(node.this)
        if isinstance(node, exp.Select) and len(node.selects) == 1 and not node.args.get("kind"):
            return self._known(node.selects[0])
        return None

    def _meant(self, item: exp.Expr | TableColumn | Element) -> Kind | None:
        if isinstance(item, TableColumn):
            return kind_of_type(item.type_name)
        return self._element(item.array) if isinstance(item, Element) else self._known(item)

    def _element(self, array: exp.Expr) -> Kind | None:
        """The kind of an array's elements."""
        from sqlglot import exp

        if isinstance(array, exp.Array):
            return self._common_of(array.expressions)
        if isinstance(array, exp.GenerateSeries):
            return self._common_of([array.args.get("start"), array.args.get("end")])
        if isinstance(array, exp.GenerateDateArray):
            return Kind.DATE
        if isinstance(array, exp.Split | exp.RegexpExtractAll | exp.JSONValueArray | exp.JSONExtractArray):
            return Kind.TEXT
        if isinstance(array, exp.ArrayAgg | exp.ApproxQuantiles):
            return self._known(array.this)
        if isinstance(array, exp.ArrayConcat | exp.ArrayReverse | exp.IgnoreNulls | exp.Paren | exp.Alias):
            return self._element(array.this)
        if isinstance(array, exp.Column):
            meaning = self._names.meaning(array)
            return _common(_array_kind(item) if isinstance(item, TableColumn) else None for item in meaning)
        return None

    def _arithmetic(self, node: exp.Expr) -> Kind | None:
        from sqlglot import exp

        left, right = self._known(node.this), self._known(node.expression)
        if left in _NUMBERS and right in _NUMBERS:
            return max(left, right, key=_NUMBERS.index)
        if isinstance(node.expression, exp.Interval) and left in (Kind.DATE, Kind.DATETIME):
            return Kind.DATETIME
        return left if left in (Kind.DATE, Kind.TIMESTAMP) and right in (Kind.INT, None) else None

    def _number(self, written: str) -> Kind:
        if written.isdecimal():
            return Kind.INT
        return Kind.FLOAT if "e" in written.lower() else self._rules.fraction

    def _quotient(self, node: exp.Expr) -> Kind | None:
        sides = {self._known(node.this), self._known(node.expression)}
        if self._rules.whole_division and sides <= {Kind.INT, None}:
            return Kind.INT if sides == {Kind.INT} else None
        if self._rules.exact_quotients and sides == {Kind.INT}:
            return Kind.NUMERIC
        return Kind.NUMERIC if Kind.NUMERIC in sides and sides <= {Kind.NUMERIC, Kind.INT} else Kind.FLOAT

    def _common_of(self, nodes: Iterable[exp.Expr | None]) -> Kind | None:
        from sqlglot import exp

        return _common(self._known(node) for node in nodes if node is not None and not isinstance(node, exp.Null))


def branches(node: exp.Expr) -> list[exp.Expr]:
    """What a CASE, an IF, or a function that chooses among its arguments, may give."""
    from sqlglot import exp

    if isinstance(node, exp.Case):
        found = [branch.args.get("true") for branch in node.args["ifs"]] + [node.args.get("default")]
    elif isinstance(node, exp.If):
        found = [node.args.get("true"), node.args.get("false")]
    else:
        found = [node.this, *node.expressions]
    return [branch for branch in found if branch is not None]


def _common(kinds: Iterable[Kind | None]) -> Kind | None:
    """The kind that values of several kinds have together."""
    present = set(kinds)
    if present and present <= set(_NUMBERS):
        return max((kind for kind in present if kind is not None), key=_NUMBERS.index)
    return present.pop() if len(present) == 1 else None


def _array_kind(column: TableColumn) -> Kind | None:
    return kind_of_type(column.type_name.removesuffix("[]")) if column.type_name.endswith("[]") else None
