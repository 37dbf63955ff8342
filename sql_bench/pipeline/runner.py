"""Run statements, each distinct one once: what ran before is looked up by its text and by its translation.

Guard and static check judge each text as it is written; only what would run is compared. A statement that draws lots is
run for each item that asks for it (docs/rules/executing.md E3.5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from bench_core.errors import BenchError
from bench_core.identity import Json
from bench_core.runs.item_lines import Item, Shared
from bench_core.runs.items import Key, Made
from sql_bench.comparators.sides import tie_key
from sql_bench.types import ExecutionResult, Limits, Outcome, Reach, Row, SqlBackend, Variant
from sql_bench.values import result_to_json


@dataclass(frozen=True)
class Asked:
    """One form of one statement, and the items that ask for it.

    Attributes:
        sql: its text; that of the first item, where several texts are equal once translated.
        texts: the item's key and its own text, for each item.
        executed_sql: what ran as written; None where that is not known yet.
        n_first: the rows that a longer LIMIT must go beyond.
    """

    sql: str
    variant: Variant
    texts: Sequence[tuple[Key, str]]
    executed_sql: str | None = None
    n_first: int = 0


class Known(Protocol):
    """Results of statements that were run before, with the same engine on the same rows under the same limits."""

    def of_text(self, sql: str) -> ExecutionResult | None:
        """What this text gave as written."""

    def of_translation(self, executed_sql: str, variant: Variant) -> ExecutionResult | None:
        """What a form of a statement gave that ran as this text."""


@dataclass(frozen=True)
class Index:
    """Where results are stored, by the texts that they came of.

    Attributes:
        read: the result of an item in one form; None where it was not run in it.
    """

    read: Callable[[str, Variant], ExecutionResult | None]
    _by_text: dict[str, str] = field(default_factory=dict)
    _by_translation: dict[str, str] = field(default_factory=dict)

    def note(self, item: str, sql: str, result: ExecutionResult) -> None:
        """Remember where the result of a statement as written is stored, unless it is chance's."""
        if result.executed_sql is not None and not (result.shape and result.shape.volatile):
            self._by_text.setdefault(sql, item)
            self._by_translation.setdefault(result.executed_sql, item)

    def of_text(self, sql: str) -> ExecutionResult | None:
        """See `Known`."""
        return self.read(self._by_text[sql], Variant.AS_WRITTEN) if sql in self._by_text else None

    def of_translation(self, executed_sql: str, variant: Variant) -> ExecutionResult | None:
        """See `Known`."""
        item = self._by_translation.get(executed_sql)
        return None if item is None else self.read(item, variant)


_LEAST_TIE = 1024
"""Rows that are asked for at least once a tie is known to go on: a top 1,024 costs what a top 2 does."""


@dataclass(frozen=True)
class Runner:
    """What runs statements.

    Attributes:
        title: what a bar of progress says.
        known: what was run elsewhere.
    """

    backend: SqlBackend
    limits: Limits
    title: str
    known: Sequence[Known] = ()

    def run(self, asked: Asked, own: Index) -> Made:
        """One run for all items that ask for it; as many as there are items, where lots are drawn.

        Args:
            own: what stands in the file that the results go to.

        Raises:
            BenchError: the backend itself failed.
        """
        if asked.variant is Variant.AS_WRITTEN:
            return self._as_written(asked, own)
        found = self._of_translation(asked.executed_sql, asked.variant, own)
        return _made(asked, found or self._form(asked))

    def _as_written(self, asked: Asked, own: Index) -> Made:
        result = next(self._of_text(asked.sql, own), None)
        if result is None:
            prepared = self.backend.prepare(asked.sql, self.limits)
            if prepared.outcome is Outcome.OK and prepared.shape is not None and prepared.shape.volatile:
                return _of_chance(asked, lambda: self._executed(asked.sql, prepared))
            result = prepared
            if prepared.outcome is Outcome.OK:
                twin = self._of_translation(prepared.executed_sql, Variant.AS_WRITTEN, own)
                result = self._executed(asked.sql, prepared) if twin is None else _judged_as(prepared, twin)
        made = _made(asked, result)
        own.note(asked.texts[0][0][0], asked.sql, result)
        return made

    def _of_text(self, sql: str, own: Index) -> Iterator[ExecutionResult]:
        return (found for known in (own, *self.known) if (found := known.of_text(sql)) is not None)

    def _of_translation(self, executed_sql: str | None, variant: Variant, own: Index) -> ExecutionResult | None:
        if executed_sql is None:
            return None
        found = (known.of_translation(executed_sql, variant) for known in (own, *self.known))
        return next((result for result in found if result is not None), None)

    def _executed(self, sql: str, prepared: ExecutionResult) -> ExecutionResult:
        """A run as written; of one whose worker was killed what was known before stays known."""
        result = self.backend.execute(sql, self.limits)
        return result if result.executed_sql is not None else _judged_as(prepared, result)

    def _form(self, asked: Asked) -> ExecutionResult:
        if asked.variant is Variant.LONGER_LIMIT:
            return self._longer(asked)
        return self.backend.execute(asked.sql, self.limits, asked.variant)

    def _longer(self, asked: Asked) -> ExecutionResult:
        """A LIMIT of one row more, and where an order's last tie goes on the rest of that tie."""
        reach = min(asked.n_first + 1, self.limits.max_rows)
        result = self._reaching(asked.sql, reach)
        if not self._is_open(result, reach, asked.n_first):
            return result
        whole = self._with_tie(asked, result)
        return whole if whole is not None else self._doubled(asked, reach, result)

    def _with_tie(self, asked: Asked, first: ExecutionResult) -> ExecutionResult | None:
        """The first rows and all that tie with the last of them, picked by their sort keys: no second sort.

        None where the tie cannot be picked so, or is larger than may be fetched.
        """
        keys = first.sort_keys or ()
        last = tie_key(keys[asked.n_first - 1])
        found = self.backend.execute(
            asked.sql, self.limits, asked.variant, Reach(self.limits.max_rows, keys[asked.n_first - 1])
        )
        if found.outcome is not Outcome.OK or found.sort_keys is None or len(found.rows) >= self.limits.max_rows:
            return None
        before = [pair for pair in _pairs(first) if tie_key(pair[1]) != last]
        tied = [pair for pair in _pairs(found) if tie_key(pair[1]) == last]
        if len(tied) < len(keys) - len(before):  # the engine compares these values otherwise than they are written
            return None
        rows, sort_keys = zip(*before, *tied, strict=True)
        seconds = first.seconds + found.seconds
        return replace(first, rows=rows, sort_keys=sort_keys, cut=True, tie_is_whole=True, seconds=seconds)

    def _doubled(self, asked: Asked, reach: int, before: ExecutionResult) -> ExecutionResult:
        """A LIMIT made longer as long as the last tie goes on and rows may be fetched."""
        while self._is_open(before, reach, asked.n_first):
            reach = min(max(2 * reach, _LEAST_TIE), self.limits.max_rows)
            result = self._reaching(asked.sql, reach)
            seconds = before.seconds + result.seconds
            if result.outcome is Outcome.RESOURCE_LIMIT:
                return replace(before, seconds=seconds)
            before = replace(result, seconds=seconds)
        return before

    def _reaching(self, sql: str, reach: int) -> ExecutionResult:
        result = self.backend.execute(sql, self.limits, Variant.LONGER_LIMIT, Reach(reach))
        return replace(result, cut=len(result.rows) >= reach)

    def _is_open(self, result: ExecutionResult, reach: int, n_first: int) -> bool:
        """Whether the last row ties with the n-th, and more may be fetched."""
        keys = result.sort_keys
        if not result.cut or reach >= self.limits.max_rows or keys is None or not 0 < n_first <= len(keys):
            return False
        return tie_key(keys[n_first - 1]) == tie_key(keys[-1])


def _pairs(result: ExecutionResult) -> Iterator[tuple[Row, Row]]:
    return zip(result.rows, result.sort_keys or (), strict=True)


def _judged_as(prepared: ExecutionResult, ran: ExecutionResult) -> ExecutionResult:
    """What an equal statement gave, with what was said of this one's own text."""
    return replace(ran, executed_sql=prepared.executed_sql, shape=prepared.shape, complaints=prepared.complaints)


def _made(asked: Asked, result: ExecutionResult) -> Made:
    """A result as it is stored for each item."""
    _check(asked, result)
    content = result_to_json(result)
    measured, shared = {"seconds": content.pop("seconds")}, Shared(content)
    items = [_item(key, asked.variant, sql, shared, measured) for key, sql in asked.texts]
    return Made(items, is_alike=True)


def _of_chance(asked: Asked, execute: Callable[[], ExecutionResult]) -> Made:
    """A result of its own for each item."""
    items = []
    for key, sql in asked.texts:
        result = execute()
        _check(asked, result)
        content = result_to_json(result)
        measured = {"seconds": content.pop("seconds")}
        items.append(_item(key, asked.variant, sql, content, measured))
    return Made(items)


def _item(key: Key, variant: Variant, sql: str, result: object, measured: Mapping[str, Json]) -> Item:
    return Item({"item": key[0], "variant": variant.value, "sql": sql, "result": result}, measured)


def _check(asked: Asked, result: ExecutionResult) -> None:
    """Refuse to store a failure of the backend's.

    Raises:
        BenchError: it is one.
    """
    if result.outcome is Outcome.BACKEND_ERROR:
        raise BenchError(
            f"{asked.texts[0][0][0]}: the database failed: {result.message.rstrip('.')}. What was done is kept, and "
            "what failed is not stored."
        )
