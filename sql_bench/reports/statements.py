"""Statements as people read them: formatted, and the clauses in which two of them differ."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp

_LONGEST = 20_000
"""Characters of a statement that is parsed to be shown."""
_DEEPEST = 100
"""Parentheses within parentheses."""


def formatted(sql: str, dialect: str) -> str:
    """The statement with a clause a line, as sqlglot writes it; as it is where that cannot be done."""
    tree = _parsed(sql, dialect)
    if tree is None:
        return sql.strip()
    return str(tree.sql(dialect=dialect, pretty=True))


def is_reworded(sql: str, shown: str) -> bool:
    """Whether formatting has changed more than blanks, case, quotes, and words' places or ones that may be left out."""
    return _words(sql) != _words(shown)


_WORDS = re.compile(r"\w+|[^\w\s`\";()]+")
_NEEDLESS = ("as", "inner", "asc")


def _words(sql: str) -> Counter[str]:
    return Counter(word for word in _WORDS.findall(sql.replace("!=", "<>").casefold()) if word not in _NEEDLESS)


@dataclass(frozen=True)
class ClauseDifference:
    """What one of two statements has in a clause and the other has not."""

    clause: str
    gold: tuple[str, ...]
    predicted: tuple[str, ...]


_ORDER = (
    "set operation",
    "DISTINCT",
    "SELECT",
    "FROM",
    "JOIN",
    "WHERE",
    "GROUP BY",
    "HAVING",
    "QUALIFY",
    "ORDER BY",
    "LIMIT",
    "OFFSET",
)


def clause_differences(gold: str, predicted: str, gold_dialect: str, dialect: str) -> list[ClauseDifference]:
    """The parts of clauses that only one of two statements has, subqueries' among them; none where one is no SQL."""
    trees = _parsed(gold, gold_dialect), _parsed(predicted, dialect)
    if trees[0] is None or trees[1] is None:
        return []
    parts = [list(_parts(tree, dialect)) for tree, dialect in zip(trees, (gold_dialect, dialect), strict=True) if tree]
    one, other = _only_in(*parts)
    return [
        ClauseDifference(clause, tuple(one.get(clause, ())), tuple(other.get(clause, ())))
        for clause in _ORDER
        if clause in one or clause in other
    ]


Part = tuple[str, str]
"""A clause and what stands in it."""


def _only_in(gold: Sequence[Part], predicted: Sequence[Part]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """By clause what only one side has; a column named without its table is the same as one with it."""
    left, others = (
        list((Counter(gold) - Counter(predicted)).elements()),
        list((Counter(predicted) - Counter(gold)).elements()),
    )
    for part in list(left):
        same = next((other for other in others if _is_same(part, other)), None)
        if same is not None:
            left.remove(part)
            others.remove(same)
    by_clause: tuple[dict[str, list[str]], dict[str, list[str]]] = ({}, {})
    for found, texts in zip(by_clause, (left, others), strict=True):
        for clause, text in texts:
            found.setdefault(clause, []).append(text)
    return by_clause


_QUALIFIER = re.compile(r"(?<![\w.'])[A-Za-z_]\w*\.(?=[A-Za-z_`\"*])")


def _is_same(one: Part, other: Part) -> bool:
    if one[0] != other[0]:
        return False
    bare = [_bare(_QUALIFIER.sub("", text)) for text in (one[1], other[1])]
    return bare[0] == bare[1] and (bare[0] == _bare(one[1]) or bare[1] == _bare(other[1]))


_LITERAL = re.compile(r"('(?:[^'\\]|\\.)*')")


def _bare(text: str) -> str:
    """A part without blanks, quotes of names and, outside of literals, case."""
    pieces = _LITERAL.split(text)
    pieces[::2] = ["".join(re.sub(r"[`\"]", "", piece).split()).casefold() for piece in pieces[::2]]
    return "".join(pieces)


def _parsed(sql: str, dialect: str) -> exp.Expr | None:
    """The tree of a statement; None where it is none, or is too long or too deep for a look."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    if len(sql) > _LONGEST or _depth(sql) > _DEEPEST:
        return None
    try:
        trees = sqlglot.parse(sql, read=dialect)
    except (SqlglotError, RecursionError, ValueError, KeyError, AttributeError, IndexError, TypeError):
        return None  # the parser's own ways of failing on text that is no statement
    found = [tree for tree in trees if tree is not None]
    return found[0] if len(found) == 1 and not isinstance(found[0], sqlglot.exp.Command) else None


def _depth(sql: str) -> int:
    deepest = depth = 0
    for sign in sql:
        depth += (sign == "(") - (sign == ")")
        deepest = max(deepest, depth)
    return deepest


def _parts(tree: exp.Expr, dialect: str) -> Iterator[tuple[str, str]]:
    from sqlglot import exp

    for node in tree.walk():
        if isinstance(node, exp.SetOperation):
            yield "set operation", f"{node.key.upper()}{'' if node.args.get('distinct') else ' ALL'}"
        if isinstance(node, exp.Query) and not isinstance(node, exp.Subquery):
            yield from _ends(node, dialect)
        if isinstance(node, exp.Select):
            yield from _of_select(node, dialect)


def _ends(query: exp.Expr, dialect: str) -> Iterator[tuple[str, str]]:
    """What stands at the end of a query of any kind."""
    text = _Writer(query, dialect)
    if order := query.args.get("order"):
        yield "ORDER BY", ", ".join(map(text, order.expressions))
    if limit := query.args.get("limit"):
        yield "LIMIT", text(limit.expression if limit.expression is not None else limit)
    if offset := query.args.get("offset"):
        yield "OFFSET", text(offset.expression)


def _of_select(select: exp.Select, dialect: str) -> Iterator[tuple[str, str]]:
    text = _Writer(select, dialect)
    if select.args.get("distinct"):
        yield "DISTINCT", "DISTINCT"
    for projection in select.expressions:
        yield "SELECT", text(projection)
    source = select.args.get("from_") or select.args.get("from")
    if source is not None:
        yield "FROM", text(source.this)
    for join in select.args.get("joins") or ():
        kind = " ".join(filter(None, (join.side, join.kind))) or ("CROSS" if not join.args.get("on") else "INNER")
        conditions = [*map(text, _conjuncts(join.args.get("on"))), *map(text, join.args.get("using") or ())]
        yield "JOIN", f"{kind.upper()} {text(join.this)}{' ON ' if conditions else ''}{' AND '.join(conditions)}"
    for clause, name in (("where", "WHERE"), ("having", "HAVING"), ("qualify", "QUALIFY")):
        condition = select.args.get(clause)
        for part in _conjuncts(condition.this if condition is not None else None):
            yield name, text(part)
    group = select.args.get("group")
    for key in group.expressions if group is not None else ():
        yield "GROUP BY", text(key)


def _conjuncts(condition: exp.Expr | None) -> list[exp.Expr]:
    from sqlglot import exp

    if condition is None:
        return []
    condition = condition.unnest()
    if isinstance(condition, exp.And):
        return [*_conjuncts(condition.left), *_conjuncts(condition.right)]
    return [condition]


class _Writer:
    """Writes parts of one query with its tables' own names in place of their aliases, subqueries as `(…)`.

    A table that is joined with itself keeps its aliases.
    """

    def __init__(self, query: exp.Expr, dialect: str) -> None:
        from sqlglot import exp

        self._dialect = dialect
        sources = [query.args.get("from_") or query.args.get("from"), *(query.args.get("joins") or ())]
        tables = [source.this for source in sources if source is not None and isinstance(source.this, exp.Table)]
        self._is_alone = len(sources) == 1
        n_times = Counter(table.name for table in tables)
        self._name_of = {
            table.alias.casefold(): table.name for table in tables if table.alias and n_times[table.name] == 1
        }

    def __call__(self, part: exp.Expr) -> str:
        from sqlglot import exp

        part = part.copy()
        shortened = part.transform(self._changed)
        if isinstance(shortened, exp.Table):
            alias = shortened.alias if shortened.alias.casefold() not in self._name_of else ""
            return " ".join(filter(None, (shortened.name, alias))) or str(
                shortened.sql(dialect=self._dialect, comments=False)
            )
        return str(shortened.sql(dialect=self._dialect, comments=False))

    def _changed(self, node: exp.Expr) -> exp.Expr:
        from sqlglot import exp

        if isinstance(node, exp.Subquery) or (isinstance(node, exp.Query) and node.parent is not None):
            return exp.Paren(this=exp.Var(this="…"))
        if isinstance(node, exp.Column) and node.table:
            table = None if self._is_alone else exp.to_identifier(self._name_of.get(node.table.casefold(), node.table))
            return exp.Column(this=node.this, table=table)
        if isinstance(node, exp.Identifier) and node.args.get("quoted"):
            return exp.Identifier(this=node.this, quoted=False)
        return node
