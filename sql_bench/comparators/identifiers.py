"""Identifier columns: which they are, and which of two results name rows of the same table (SQL.md section 4, rule 1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from bench_core.errors import UserError
from sql_bench.types import Column, IdentifierRule, Row


@dataclass(frozen=True)
class Identifier:
    """A column that names rows.

    Attributes:
        place: its position among the columns.
        name: its name in lower case.
        tables: whose rows its values name; empty where the values do not tell.
    """

    place: int
    name: str
    tables: frozenset[str]

    def is_of_the_table_of(self, other: Identifier) -> bool:
        """By the values of both; where those do not tell, by name."""
        if self.tables and other.tables:
            return not self.tables.isdisjoint(other.tables)
        return self.name == other.name


def identifiers_of(
    columns: Sequence[Column], rows: Sequence[Row], rule: IdentifierRule | None
) -> tuple[Identifier, ...]:
    """The identifier columns of a result: by name, or because every value that is not NULL matches the pattern.

    The part of a value that the pattern's first group matches names the table; without a group what stands before
    the last underscore.

    Raises:
        UserError: the pattern is no regular expression.
    """
    if rule is None:
        return ()
    found = []
    for place, column in enumerate(columns):
        name = column.name.lower()
        tables = _tables([row[place] for row in rows], rule.pattern) if rule.pattern else frozenset()
        if tables or name in rule.columns:
            found.append(Identifier(place, name, tables))
    return tuple(found)


def _tables(values: Sequence[object], pattern: str) -> frozenset[str]:
    """The tables that a column's values name; empty unless there are values and all of them match."""
    compiled = _compiled(pattern)
    tables = set()
    for value in values:
        if value is None:
            continue
        match = compiled.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            return frozenset()
        tables.add((match.group(1) if compiled.groups else None) or match.group().rpartition("_")[0])
    return frozenset(tables)


@lru_cache(maxsize=8)
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise UserError(
            f"The dataset's identifier pattern {pattern!r} is no regular expression ({error}); mend it in dataset.yaml."
        ) from error
