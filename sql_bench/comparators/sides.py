"""One side of a comparison: its rows as far as its LIMIT leaves them known, with the sort keys beside them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from sql_bench.comparators.equality import ValueRules, canonical
from sql_bench.types import Evidence, ExecutionResult, Outcome, Row


@dataclass(frozen=True)
class Top:
    """The first rows of an ordered statement, from the very first to beyond the tie that its LIMIT cuts.

    Attributes:
        rows: they, without the statement's OFFSET.
        keys: the sort keys beside each.
        first: how many stand before the statement's own rows.
        more: there are further rows, which were not fetched and of which some may tie with the last.
    """

    rows: Sequence[Row]
    keys: Sequence[Row]
    first: int
    more: bool


@dataclass(frozen=True)
class Side:
    """One side's rows, once LIMITs that do not count are taken off.

    Attributes:
        rows: what is compared.
        keys: the sort keys beside each row, None where they are not known.
        whole: all rows that there are without a LIMIT, None where that is not known.
        whole_keys: the sort keys beside those.
        cut: whether a LIMIT left rows out; None where that is not known.
        ordered: the outermost query has an ORDER BY.
        in_no_order: it is known to have none, so that the order of its rows is luck.
        to_be_whole: its LIMIT does not count, but what it leaves out is not known.
        top: the rows with the ties at both ends, where the statement was run with a longer LIMIT.
        key_columns: its own columns that are sort keys.
    """

    rows: Sequence[Row]
    keys: Sequence[Row] | None
    whole: Sequence[Row] | None
    whole_keys: Sequence[Row] | None
    cut: bool | None
    ordered: bool
    in_no_order: bool = False
    to_be_whole: bool = False
    top: Top | None = None
    key_columns: tuple[int, ...] = ()


def read_side(evidence: Evidence, ignored_limits: frozenset[int]) -> Side:
    """One side's rows.

    Args:
        evidence: its runs.
        ignored_limits: numbers of an outermost LIMIT that does not count.
    """
    written, shape = evidence.as_written, evidence.as_written.shape
    ordered, in_no_order = shape is not None and shape.ordered, shape is not None and not shape.ordered
    keyed = evidence.longer_limit or evidence.with_sort_keys
    key_columns = keyed.key_columns if keyed is not None else ()
    rows, keys = _with_keys(written, evidence.with_sort_keys)
    if shape is None or not shape.has_limit or shape.exhausted_by(len(written.rows)):
        return Side(rows, keys, rows, keys, False, ordered, in_no_order, key_columns=key_columns)
    whole, whole_keys, cut = _without_limit(evidence)
    top = _top(evidence)
    if shape.limit in ignored_limits:
        if whole is None:
            return Side(rows, keys, None, None, None, ordered, in_no_order, to_be_whole=True)
        return Side(whole, whole_keys, whole, whole_keys, False, ordered, in_no_order)
    if top is not None:
        window = slice(top.first, top.first + len(rows))
        rows, keys = top.rows[window], top.keys[window]
    return Side(rows, keys, whole, whole_keys, cut, ordered, in_no_order, top=top, key_columns=key_columns)


def _without_limit(evidence: Evidence) -> tuple[Sequence[Row] | None, Sequence[Row] | None, bool | None]:
    """All rows that there are, their keys, and whether the LIMIT left some of them out; None for what is not known."""
    n_rows = len(evidence.as_written.rows)
    whole, longer = evidence.without_limit, evidence.longer_limit
    if whole is not None and whole.outcome is Outcome.OK:
        return whole.rows, _keys(whole), len(whole.rows) > n_rows
    if longer is None or longer.outcome is not Outcome.OK:
        return None, None, None
    cut = len(longer.rows) > n_rows
    return (None, None, cut) if longer.cut else (longer.rows, _keys(longer), cut)


def _top(evidence: Evidence) -> Top | None:
    """None where the statement was not run so, has no keys, or gave fewer rows than the run as written."""
    longer, shape = evidence.longer_limit, evidence.as_written.shape
    if longer is None or longer.outcome is not Outcome.OK or shape is None or shape.offset is None:
        return None
    keys = _keys(longer)
    if not shape.ordered or keys is None or len(longer.rows) < shape.offset + len(evidence.as_written.rows):
        return None
    return Top(longer.rows, keys, shape.offset, longer.cut and not longer.tie_is_whole)


def _with_keys(written: ExecutionResult, keyed: ExecutionResult | None) -> tuple[Sequence[Row], Sequence[Row] | None]:
    """The rows as written, from the run that has keys beside them if there is one."""
    if keyed is None or keyed.outcome is not Outcome.OK or len(keyed.rows) != len(written.rows):
        return written.rows, _keys(written)
    return keyed.rows, _keys(keyed)


def _keys(result: ExecutionResult) -> Sequence[Row] | None:
    keys = result.sort_keys
    return keys if keys is not None and len(keys) == len(result.rows) else None


def same_statement(one: ExecutionResult, other: ExecutionResult) -> bool:
    """Whether two results are of one statement: one text when it is written out again, and one that ran.

    The first alone is not enough: sqlglot writes `CAST(x AS NUMERIC(10, 2))` without its digits in BigQuery's dialect.
    """
    if one.shape is None or other.shape is None:
        return False
    return one.shape.canonical_sql == other.shape.canonical_sql and one.executed_sql == other.executed_sql


def ranks(keys: Sequence[Row]) -> list[int]:
    """The place of each row's key among the distinct keys, in the order in which they come."""
    place_of: dict[Hashable, int] = {}
    return [place_of.setdefault(tie_key(key), len(place_of)) for key in keys]


_TIE_RULES = ValueRules()
_TIE_DIGITS = 12
"""Sums of floats differ in their last digits with the order of summation: fractions equal to 12 digits tie."""


def tie_key(keys: Row) -> Hashable:
    """What is equal for rows whose sort keys tie."""
    return tuple(
        float(f"{key:.{_TIE_DIGITS}g}") if isinstance(key, float) and key % 1 > 0 else canonical(key, _TIE_RULES)
        for key in keys
    )
