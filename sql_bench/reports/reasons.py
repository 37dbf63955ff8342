"""Reasons of a verdict, in sentences with values: the first is the one that a list shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sql_bench.comparators.explaining import CellDifference, Compared, OrderDifference
from sql_bench.reports.cells import cell_text, row_text
from sql_bench.types import Difference, Verdict, VerdictKind


def reasons(verdict: Verdict, compared: Compared) -> list[str]:
    """What is to be said of a comparison that did not end in `correct`, what matters most first."""
    found = list(_all(verdict, compared))
    moved = any(pair.predicted not in (None, pair.gold) for pair in compared.columns)
    if verdict.kind is VerdictKind.WRONG and verdict.difference is not Difference.ORDER_ONLY and moved and not found:
        found.append("The rows are gold's, but the columns stand in another order, which counts for this comparator.")
    if verdict.detail and verdict.kind is not VerdictKind.UNDETERMINED:
        detail = verdict.detail
        found.append(f"The comparator says: {detail}." if found else f"{detail[0].upper()}{detail[1:]}.")
    return found


def _all(verdict: Verdict, compared: Compared) -> Iterator[str]:
    if verdict.kind is VerdictKind.CORRECT:
        return
    if verdict.kind is VerdictKind.UNDETERMINED:
        yield f"It cannot be decided: {verdict.detail}."
        return
    yield from _columns(compared)
    if verdict.difference is Difference.ORDER_ONLY:
        yield from _order(compared)
    yield from _cells(compared)
    yield from _rows(compared, verdict.difference is Difference.CUT_SHORT)
    yield from _extra(compared)
    yield from _repeats(compared)
    if verdict.difference not in (Difference.COLUMNS, Difference.ORDER_ONLY):
        yield from _order_among_others(compared)


def _columns(compared: Compared) -> Iterator[str]:
    match, missing = compared.match, compared.missing
    if missing:
        yield f"No predicted column stands for gold's {_listed(missing)}."
    for pair in compared.columns:
        if pair.instead is not None and pair.predicted is not None:
            gold, other = match.gold_columns[pair.gold].name, match.predicted_columns[pair.instead].name
            there = match.predicted_columns[pair.predicted].name
            yield f"The values of gold's column {gold} are those of the predicted column {other}, not of {there}."


def _cells(compared: Compared) -> Iterator[str]:
    if not compared.n_cells:
        return
    columns = list(dict.fromkeys(cell.column for cell in compared.cells))
    patterns = dict(compared.patterns)
    for column in [*columns, *(name for name in patterns if name not in columns)]:
        example = next((cell for cell in compared.cells if cell.column == column), None)
        said = f": {patterns[column]}" if column in patterns else ""
        shown = f"{_example(example)}" if example else ""
        yield f"Values of {column} differ{said}{shown}."


def _example(cell: CellDifference) -> str:
    where = f" for {cell.row}" if cell.row else ""
    return f" (gold has {cell_text(cell.gold)}, the prediction {cell_text(cell.predicted)}{where})"


def _extra(compared: Compared) -> Iterator[str]:
    """Columns that were not asked for may have split the rows."""
    if compared.extra and (compared.n_only_predicted or compared.n_repeated):
        names = [compared.match.predicted_columns[place].name for place in compared.extra]
        yield f"The prediction has {_listed(names)} besides, which gold has not."


def _rows(compared: Compared, is_cut: bool) -> Iterator[str]:
    if not compared.n_only_gold and not compared.n_only_predicted:
        return
    if is_cut:
        n = compared.n_only_gold
        yield f"{_rows_of(n)} of gold's {_are(n)} missing: the prediction's own LIMIT has cut them off."
    else:
        yield _one_sided(compared)
    if compared.only_gold:
        yield f"Missing, for example: {row_text(compared.only_gold[0])}."
    if compared.only_predicted:
        yield f"Too many, for example: {row_text(compared.only_predicted[0])}."


def _one_sided(compared: Compared) -> str:
    n_missing, n_more, n_common = compared.n_only_gold, compared.n_only_predicted, compared.n_common
    n_gold, n_predicted = compared.n_gold, len(compared.match.reading.predicted_rows)
    missing = f"{_rows_of(n_missing)} of gold's {_are(n_missing)} missing"
    more = f"{_rows_of(n_more)} that gold does not have {_are(n_more)} there"
    if not n_predicted:
        return f"The prediction has no rows; gold has {n_gold}."
    if not n_gold:
        return f"Gold has no rows; the prediction has {n_predicted}."
    if not n_missing and not compared.n_cells:
        return f"All of gold's rows are there, and {_rows_of(n_more)} too many: gold is stricter."
    if not n_more and not compared.n_cells:
        return f"{missing}, and all that are there are gold's: the prediction is stricter."
    if not n_common and not compared.n_cells:
        return f"None of gold's rows ({n_gold}) is among the prediction's ({n_predicted})."
    said = " and ".join([*([missing] if n_missing else []), *([more] if n_more else [])])
    agree = "1 row agrees" if n_common == 1 else f"{n_common} different rows agree"
    return f"{said}; {agree}."


def _rows_of(n: int) -> str:
    return "1 row" if n == 1 else f"{n} rows"


def _are(n: int) -> str:
    return "is" if n == 1 else "are"


def _repeats(compared: Compared) -> Iterator[str]:
    if not compared.n_repeated:
        return
    first = compared.repeated[0]
    yield (
        f"{_rows_of(compared.n_repeated)} of gold's {_are(compared.n_repeated)} there another number of times: "
        f"{row_text(first.row)} stands {_times(first.n_gold)} in gold, {_times(first.n_predicted)} in the prediction."
    )


def _times(n: int) -> str:
    return "once" if n == 1 else f"{n} times"


def _order(compared: Compared) -> Iterator[str]:
    order = compared.order
    if compared.match.reading.if_right.difference is Difference.ORDER_ONLY:
        yield "The rows are gold's, but gold asks for an order and the prediction has no ORDER BY."
        if order is None:
            yield "They came in gold's order here, by luck: a statement without ORDER BY promises none."
    if order is not None:
        yield f"The rows are gold's in another order. {_departs(order)}"


def _order_among_others(compared: Compared) -> Iterator[str]:
    if (
        compared.order is not None
        and not compared.n_only_gold
        and not compared.n_only_predicted
        and not compared.n_cells
    ):
        yield _departs(compared.order)


def _departs(order: OrderDifference) -> str:
    gold, predicted = row_text(order.gold), row_text(order.predicted)
    if order.reversed:
        return f"It is the opposite one: gold begins with {gold}, the prediction with {predicted}."
    return f"Row {order.place} is {gold} in gold and {predicted} in the prediction."


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
