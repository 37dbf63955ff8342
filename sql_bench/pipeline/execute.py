"""The execution stage: statements in, typed results in `executions.jsonl`; each distinct statement is run once.

A result is stored under what it answers and the form of the statement that was run; it counts as long as the same
statement is asked there. The folder it stands in is named by engine, mirror and limits, so that nothing else can
differ. A backend_error is never stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from bench_core.artifacts import locked
from bench_core.data_use import RECORD
from bench_core.errors import BenchError
from bench_core.identity import Json, content_hash, identity_hash
from bench_core.runs.differences import report_other_identity
from bench_core.runs.item_lines import Item
from bench_core.runs.items import ItemKind, ItemStage, Key, Made, Maker, Plan, Tell, Unit
from bench_core.runs.manifest import Manifest, RunFolder
from sql_bench.pipeline.bench import PACKAGES, Bench
from sql_bench.types import (
    Evidence,
    ExecutionResult,
    Limits,
    Outcome,
    Prediction,
    PredictionStatus,
    SqlBackend,
    StatementShape,
    Variant,
)
from sql_bench.values import result_from_json, result_to_json


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
class _Ran:
    """What planning and hashing need of a result; its rows stay on disk."""

    outcome: Outcome
    shape: StatementShape | None
    result_sha256: str


def _ran(item: Item) -> _Ran:
    content: Any = item.content["result"]
    Variant(item.content["variant"])
    result = result_from_json({"seconds": 0.0, **content, "rows": [], "sort_keys": None})
    return _Ran(result.outcome, result.shape, identity_hash({**content, "seconds": None}))


EXECUTIONS: ItemKind[_Ran] = ItemKind("executions.jsonl", ("item", "variant"), _ran, made_from=("sql",))
"""A statement's result, in each variant that was run."""


class Executions:
    """The executions of one folder, whose lock the caller holds. Results stay on disk and are read one at a time.

    Args:
        folder: where they are stored.
        identity: what they depend on besides their statements.
        tell: told of lines that are damaged.
    """

    def __init__(self, folder: RunFolder, identity: Mapping[str, Json], tell: Tell) -> None:
        self._stored = ItemStage(EXECUTIONS, folder, identity, folder.read(), tell)
        self._identity = identity

    def evidence(self, item: str) -> Evidence:
        """All runs of an item."""
        runs = {variant: self._result(item, variant) for variant in Variant}
        as_written = runs[Variant.AS_WRITTEN]
        if as_written is None:
            raise BenchError(f"{item} was not executed; run the execution stage first.")
        return Evidence(as_written, runs[Variant.WITH_SORT_KEYS], runs[Variant.WITHOUT_LIMIT])

    def content_sha256(self) -> str:
        """A hash of all results, without the seconds they took."""
        return content_hash(
            text
            for (item, variant), ran in sorted(self._stored.values(), key=lambda stored: stored[0])
            for text in (item, variant, ran.result_sha256)
        )

    def execute(
        self,
        statements: Sequence[Statement],
        needs: frozenset[Variant],
        runner: Runner,
        recorded: Mapping[str, Json] = MappingProxyType({}),
    ) -> int:
        """Run what is not there yet: each statement as written, then the variants that are needed and make sense.

        Args:
            recorded: what the manifest records besides.

        Returns:
            How many results came of it; one statement's run gives one to each item that asks for it.

        Raises:
            BenchError: the backend itself failed; what was done before is kept.
        """
        manifest = Manifest(self._identity, recorded={"n_statements": len(statements), **recorded})
        maker = Maker(runner.run, runner.title)
        return self._stored.complete(manifest, PACKAGES, "execute", lambda: self._plan(statements, needs), maker)

    def _plan(self, statements: Sequence[Statement], needs: frozenset[Variant]) -> Plan[_Asked]:
        """Which variants a statement's shape asks for is known once it ran as written."""
        items: dict[Key, Mapping[str, Json]] = {}
        asking: dict[tuple[str, Variant], list[Key]] = {}
        for statement in statements:
            for variant in self._useful(statement, needs):
                key = (statement.item, variant.value)
                items[key] = {"sql": statement.sql}
                asking.setdefault((statement.sql, variant), []).append(key)
        return Plan(items, [Unit(_Asked(sql, variant, keys), keys) for (sql, variant), keys in asking.items()])

    def _useful(self, statement: Statement, needs: frozenset[Variant]) -> Iterator[Variant]:
        """The variants that are needed, and those that are there though they are not."""
        yield Variant.AS_WRITTEN
        made_from = {"sql": statement.sql}
        key = (statement.item, Variant.AS_WRITTEN.value)
        useful = _useful_variants(self._stored.value(key), needs) if self._stored.has(key, made_from) else frozenset()
        for variant in (Variant.WITH_SORT_KEYS, Variant.WITHOUT_LIMIT):
            if variant in useful or self._stored.has((statement.item, variant.value), made_from):
                yield variant

    def _result(self, item: str, variant: Variant) -> ExecutionResult | None:
        key = (item, variant.value)
        if not self._stored.has(key):
            return None
        stored = self._stored.item(key)
        return result_from_json({**stored.measured, **stored.content["result"]})


@dataclass(frozen=True)
class _Asked:
    """One form of one statement, and the items that ask for it."""

    sql: str
    variant: Variant
    keys: Sequence[Key]


@dataclass(frozen=True)
class Runner:
    """What runs statements.

    Attributes:
        title: what a bar of progress says.
    """

    backend: SqlBackend
    limits: Limits
    title: str

    def run(self, asked: _Asked) -> Made:
        """One run for all items that ask for it.

        Raises:
            BenchError: the backend itself failed.
        """
        result = self.backend.execute(asked.sql, self.limits, asked.variant)
        if result.outcome is Outcome.BACKEND_ERROR:
            raise BenchError(
                f"{asked.keys[0][0]}: the database failed: {result.message.rstrip('.')}. What was done is kept, and "
                "what failed is not stored."
            )
        content = result_to_json(result)
        measured = {"seconds": content.pop("seconds")}
        return Made(
            [
                Item({"item": item, "variant": variant, "sql": asked.sql, "result": content}, measured)
                for item, variant in asked.keys
            ]
        )


def _useful_variants(ran: _Ran, needs: frozenset[Variant]) -> frozenset[Variant]:
    if ran.outcome is not Outcome.OK or ran.shape is None:
        return frozenset()
    makes_sense = {Variant.WITH_SORT_KEYS: ran.shape.ordered, Variant.WITHOUT_LIMIT: ran.shape.has_limit}
    return frozenset(variant for variant in needs if makes_sense.get(variant, False))


def execute_golds(bench: Bench, needs: frozenset[Variant]) -> Executions:
    """Run all gold statements, once for all systems, or take them as they were run before."""
    dataset, engine = bench.dataset, bench.engine_identity()
    identity: dict[str, Json] = {"golds_sha256": dataset.golds_sha256, **engine}
    folder = RunFolder.of_identity(bench.root, dataset.card.dataset_id, "golds", identity)
    statements = [
        Statement(gold_item(question.question_id, number), gold)
        for question in dataset.questions
        for number, gold in enumerate(question.golds)
    ]
    return _execute(bench, folder, identity, statements, needs, f"gold SQL of {dataset.card.dataset_id}")


def execute_predictions(
    bench: Bench, system_folder: RunFolder, predictions: Iterable[Prediction], needs: frozenset[Variant]
) -> tuple[RunFolder, Executions]:
    """Run the statements of a system's predictions, or take them as they were run before."""
    identity = bench.engine_identity()
    folder = RunFolder(system_folder.path / f"{bench.backend.describe()['engine']}--{identity_hash(identity)[:8]}")
    statements = [
        Statement(prediction.question_id, prediction.sql)
        for prediction in predictions
        if prediction.status is PredictionStatus.SQL and prediction.sql is not None
    ]
    return folder, _execute(bench, folder, identity, statements, needs, f"SQL of {system_folder.path.name}")


def _execute(
    bench: Bench,
    folder: RunFolder,
    identity: Mapping[str, Json],
    statements: Sequence[Statement],
    needs: frozenset[Variant],
    what: str,
) -> Executions:
    bench.check_data_use(what)
    runner, recorded = Runner(bench.backend, bench.limits, what), {RECORD: bench.recorded_use()}
    with locked(folder.path):
        report_other_identity(bench.tell, what, folder, identity)
        executions = Executions(folder, identity, bench.tell.always)
        n_made = executions.execute(statements, needs, runner, recorded)
    if n_made:
        bench.tell.made(f"{what}: {n_made} results.")
    else:
        bench.tell(f"{what}: executed already, skipped.")
    return executions
