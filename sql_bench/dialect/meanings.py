"""Meanings of the names in a statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp


@dataclass(frozen=True)
class TableColumn:
    """A column of one of the mirror's tables."""

    type_name: str


@dataclass(frozen=True)
class Element:
    """An element of an array that UNNEST makes rows of."""

    array: exp.Expr


Meaning = tuple["exp.Expr | TableColumn | Element", ...]
"""What a name stands for: several things in set operations, where each query gives one; none where it is not known."""


Fields = Sequence[tuple[str, Meaning]]
"""Names of columns or fields, and what they stand for, in order."""
