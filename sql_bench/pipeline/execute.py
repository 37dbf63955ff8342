"""The execution stage: statements in, typed results in `executions.jsonl`, each run once.

A record is reused if the same statement stands under the same item and variant; the folder it stands in is named by
engine, mirror and limits, so that nothing else can differ. A backend_error is never stored.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench_core.artifacts import JsonLines, write_atomically
from bench_core.errors import BadFile, BenchError
from bench_core.identity import Json, canonical_json, content_hash, identity_hash
from sql_bench.types import Evidence, ExecutionResult, Limits, Outcome, SqlBackend, StatementShape, Variant
from sql_bench.values import result_from_json, result_to_json

EXECUTIONS = "executions.jsonl"
FORMAT = 1
"""Version of its records, part of their identity."""


@dataclass(frozen=True)
class Statement:
    """One statement to run.

    Attributes:
        item: what it answers: a question_id, or a `gold_item`.
    """

    item: str
    sql: str


def gold_item(question_id: str, number: int) -> str:
    """The item a question's n-th gold stands under."""
    return f"{question_id}#{number}"


@dataclass(frozen=True)
class _Place:
    """Where a record stands in the file, and what of it planning needs."""

    offset: int
    sql: str
    outcome: Outcome
    shape: StatementShape | None
    result_sha256: str


class Executions:
    """The records of one folder. Results stay on disk and are read one at a time."""

    def __init__(self, folder: Path) -> None:
        self._lines = JsonLines(folder / EXECUTIONS)
        self._places: dict[tuple[str, Variant], _Place] = {}
        self._n_lines = 0
        for number, (offset, record) in enumerate(self._lines.read_with_offsets(), start=1):
            try:
                self._note(offset, record)
            except (KeyError, TypeError, ValueError) as error:
                expected = f"expected an execution ({error}); delete the run's folder to redo it"
                raise BadFile(self._lines.path, expected, number) from error

    def evidence(self, item: str) -> Evidence:
        """All runs of an item."""
        runs = {variant: self._result(item, variant) for variant in Variant}
        as_written = runs[Variant.AS_WRITTEN]
        if as_written is None:
            raise BenchError(f"{item} was not executed; run the execution stage first.")
        return Evidence(as_written, runs[Variant.WITH_SORT_KEYS], runs[Variant.WITHOUT_LIMIT])

    def content_sha256(self) -> str:
        """A hash of all results, without the seconds they took."""
        return content_hash(text for key, place in sorted(self._places.items()) for text in (*key, place.result_sha256))

    def has_all(self, statements: Iterable[Statement], needs: frozenset[Variant]) -> bool:
        """Whether nothing is left to run."""
        return not any(True for statement in statements for _ in self._missing(statement, needs))

    def execute(
        self, statements: Iterable[Statement], needs: frozenset[Variant], backend: SqlBackend, limits: Limits
    ) -> int:
        """Run what is not there yet: each statement as written, then the variants that are needed and make sense.

        Returns:
            How many statements were run.

        Raises:
            BenchError: the backend itself failed; what was done before is kept.
        """
        n_run = 0
        with self._lines:
            for statement in statements:
                for variant in self._missing(statement, needs):
                    self._run(statement, variant, backend, limits)
                    n_run += 1
        return n_run

    def keep_only(self, statements: Iterable[Statement]) -> None:
        """Rewrite the file in the statements' order, without records of statements that are no longer asked for."""
        wanted = [
            (statement.item, variant)
            for statement in statements
            for variant in Variant
            if (statement.item, variant) in self._places
        ]
        in_order = [self._places[key].offset for key in wanted]
        if in_order == sorted(in_order) and len(wanted) == self._n_lines:
            return
        lines = [self._lines.line_at(offset) for offset in in_order]
        write_atomically(self._lines.path, b"".join(lines))
        positions = _positions(lines)
        self._n_lines = len(lines)
        self._places = {
            key: replace(place, offset=position)
            for key, position in zip(wanted, positions, strict=True)
            for place in [self._places[key]]
        }

    def _missing(self, statement: Statement, needs: frozenset[Variant]) -> Iterator[Variant]:
        """The variants still to run; what the statement's shape asks for is known once it ran as written."""
        if not self._has(statement, Variant.AS_WRITTEN):
            yield Variant.AS_WRITTEN
        if not self._has(statement, Variant.AS_WRITTEN):
            return
        for variant in _useful_variants(self._places[statement.item, Variant.AS_WRITTEN], needs):
            if not self._has(statement, variant):
                yield variant

    def _has(self, statement: Statement, variant: Variant) -> bool:
        place = self._places.get((statement.item, variant))
        return place is not None and place.sql == statement.sql

    def _run(self, statement: Statement, variant: Variant, backend: SqlBackend, limits: Limits) -> None:
        result = backend.execute(statement.sql, limits, variant)
        if result.outcome is Outcome.BACKEND_ERROR:
            raise BenchError(
                f"{statement.item}: the database failed ({result.message.rstrip('.')}); what was done is kept, run the "
                "command again to go on."
            )
        record: dict[str, Json] = {
            "item": statement.item,
            "variant": variant.value,
            "sql": statement.sql,
            "result": result_to_json(result),
        }
        self._note(self._lines.append(record), record)

    def _note(self, offset: int, record: Mapping[str, Json]) -> None:
        content: Any = record["result"]
        result = result_from_json({**content, "rows": [], "sort_keys": None})
        sha256 = identity_hash({**content, "seconds": None})
        key = (str(record["item"]), Variant(str(record["variant"])))
        self._places[key] = _Place(offset, str(record["sql"]), result.outcome, result.shape, sha256)
        self._n_lines += 1

    def _result(self, item: str, variant: Variant) -> ExecutionResult | None:
        place = self._places.get((item, variant))
        if place is None:
            return None
        return result_from_json(json.loads(self._lines.line_at(place.offset))["result"])


def _useful_variants(place: _Place, needs: frozenset[Variant]) -> Iterator[Variant]:
    if place.outcome is not Outcome.OK or place.shape is None:
        return
    if Variant.WITH_SORT_KEYS in needs and place.shape.ordered:
        yield Variant.WITH_SORT_KEYS
    if Variant.WITHOUT_LIMIT in needs and place.shape.has_limit:
        yield Variant.WITHOUT_LIMIT


def _positions(lines: Iterable[bytes]) -> Iterator[int]:
    position = 0
    for line in lines:
        yield position
        position += len(line)


def limits_json(limits: Limits) -> dict[str, Json]:
    """Limits as they enter an execution's identity."""
    content: dict[str, Json] = json.loads(canonical_json(vars(limits)))
    return content
