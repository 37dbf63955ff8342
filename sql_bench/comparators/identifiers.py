"""Identifier columns of a result, and the tables they belong to (docs/rules/comparing.md C1.1)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sql_bench.types import Column, IdentifierRule, Row

_NUMBER_AT_END = re.compile(r"\d+$")


@dataclass(frozen=True)
class IdentifierColumn:
    """A column of identifiers.

    Attributes:
        position: where it stands in its result, from 0.
        tables: what stands before the number in its values, one for each table they come from.
    """

    position: int
    tables: frozenset[str]

    def may_be_of_same_table(self, other: IdentifierColumn) -> bool:
        """Whether the two share a table; a column without values may be of any."""
        return not self.tables or not other.tables or bool(self.tables & other.tables)


def identifier_columns(
    columns: Sequence[Column], rows: Sequence[Row], rule: IdentifierRule | None
) -> list[IdentifierColumn]:
    """The identifiers of a result: by name in any case, or because it has values and all of them match the pattern.

    Nothing of the other side is looked at: a column is no identifier because it equals gold's.

    Raises:
        UserError: the dataset's pattern is no regular expression.
    """
    if rule is None:
        return []
    names = {name.casefold() for name in rule.columns}
    pattern = None if rule.pattern is None else re.compile(rule.pattern)
    found = []
    for position, column in enumerate(columns):
        values = [row[position] for row in rows if row[position] is not None]
        if column.name.casefold() in names or _all_match(values, pattern):
            tables = frozenset(_NUMBER_AT_END.sub("", str(value)) for value in values)
            found.append(IdentifierColumn(position, tables))
    return found


def _all_match(values: Sequence[object], pattern: re.Pattern[str] | None) -> bool:
    if pattern is None or not values:
        return False
    return all(isinstance(value, str) and pattern.fullmatch(value) is not None for value in values)
