"""The execution stage: statements in, typed results in `executions.jsonl`; each distinct statement is run once.

A result is stored under what it answers and the form of the statement that was run; it counts as long as the same
statement is asked there. The folder it stands in is named by engine, mirror and limits, so that nothing else can
differ. A backend_error is never stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from bench_core.artifacts import locked
from bench_core.data_use import RECORD
from bench_core.errors import BenchError
from bench_core.identity import Json, canonical_json, content_hash, identity_hash
from bench_core.runs.differences import report_other_identity
from bench_core.runs.item_lines import Item
from bench_core.runs.items import ItemKind, ItemStage, Key, Made, Maker, Plan, Tell, Unit
from bench_core.runs.manifest import Manifest, RunFolder
from sql_bench.comparators.limits import ignored_limits
from sql_bench.comparators.sides import tie_key
from sql_bench.pipeline.bench import PACKAGES, Bench
from sql_bench.scoring.metrics import GoldContent, gold_content
from sql_bench.types import (
    Evidence,
    ExecutionResult,
    Limits,
    Outcome,
    Prediction,
    PredictionStatus,
    Question,
    SqlBackend,
    StatementShape,
    Variant,
)
from sql_bench.values import decode_row, result_from_json, result_to_json


@dataclass(frozen=True)
class Statement:
    """One statement to run.

    Attributes:
        item: what it answers: a question_id, or a `gold_item`.
        ignored_limits: numbers of an outermost LIMIT that does not count, so that what it leaves out is asked for.
        against_sample: it is compared with a gold whose LIMIT has no order, so that both must be whole.
    """

    item: str
    sql: str
    ignored_limits: frozenset[int] = frozenset()
    against_sample: bool = False


def gold_item(question_id: str, number: int) -> str:
    """The item a question's n-th gold stands under."""
    return f"{question_id}#{number}"


@dataclass(frozen=True)
class _Ran:
    """What planning, hashing and counting need of a result; its rows stay on disk.

    Attributes:
        result: the result without its rows.
        content: what gold of these rows would hold.
    """

    result: ExecutionResult
    n_rows: int
    content: GoldContent
    result_sha256: str

    @property
    def shape(self) -> StatementShape | None:
        """The statement's shape, where it ran."""
        return self.result.shape if self.result.outcome is Outcome.OK else None


def _ran(item: Item) -> _Ran:
    content: Any = item.content["result"]
    Variant(item.content["variant"])
    result = result_from_json({"seconds": 0.0, **content, "rows": [], "sort_keys": None})
    return _Ran(result, len(content["rows"]), _content(content["rows"]), identity_hash({**content, "seconds": None}))


def _content(rows: Sequence[Sequence[Json]]) -> GoldContent:
    """Rows are looked at as they are stored: NULL and numbers are themselves there, but for decimals."""
    if len(rows) > 1 and any(cell is not None for cell in rows[0]):
        return "rows"
    return gold_content([decode_row(row) for row in rows])


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
        longer = runs[Variant.LONGER_LIMIT]
        keyed = runs[Variant.WITH_SORT_KEYS] or _window(as_written, longer)
        return Evidence(as_written, keyed, runs[Variant.WITHOUT_LIMIT], longer)

    def ran(self, item: str) -> ExecutionResult:
        """An item's result as written, without its rows.

        Raises:
            BenchError: it was not executed.
        """
        return self._ran(item).result

    def content(self, item: str) -> GoldContent:
        """What the result of an item that ran holds."""
        return self._ran(item).content

    def results_sha256(self, item: str) -> tuple[str, ...]:
        """A hash for each variant of an item's result, empty where it was not run: equal hashes, equal evidence."""
        keys = [(item, variant.value) for variant in Variant]
        return tuple(self._stored.value(key).result_sha256 if self._stored.has(key) else "" for key in keys)

    def is_sample(self, item: str) -> bool:
        """Whether its LIMIT leaves rows out, as far as is known, and no order says which."""
        ran = self._ran(item)
        shape, longer = ran.shape, (item, Variant.LONGER_LIMIT.value)
        if shape is None or not shape.has_limit or shape.ordered or shape.exhausted_by(ran.n_rows):
            return False
        return not self._stored.has(longer) or self._stored.value(longer).result.cut

    def stored(self, item: str, sql: str, variant: Variant) -> ExecutionResult | None:
        """The result of one form of an item's statement, if it is there and the item's statement is this one."""
        return self._result(item, variant) if self._stored.has((item, variant.value), {"sql": sql}) else None

    def _ran(self, item: str) -> _Ran:
        key = (item, Variant.AS_WRITTEN.value)
        if not self._stored.has(key):
            raise BenchError(f"{item} was not executed; run the execution stage first.")
        return self._stored.value(key)

    def ran_on(self, engine: Mapping[str, Json]) -> bool:
        """Whether the statements were run, from the dialect they are in, by what this identity describes."""
        return all(canonical_json(self._identity.get(name)) == canonical_json(value) for name, value in engine.items())

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
        units = [
            Unit(_Asked(sql, variant, keys, self._first_rows(keys)), keys) for (sql, variant), keys in asking.items()
        ]
        return Plan(items, units)

    def _first_rows(self, keys: Sequence[Key]) -> int:
        """How many rows a statement's own OFFSET and LIMIT reach over."""
        written = (keys[0][0], Variant.AS_WRITTEN.value)
        ran = self._stored.value(written) if self._stored.has(written) else None
        shape = ran.shape if ran is not None else None
        return 0 if ran is None or shape is None else (shape.offset or 0) + max(shape.limit or 0, ran.n_rows)

    def _useful(self, statement: Statement, needs: frozenset[Variant]) -> Iterator[Variant]:
        """The variants that are needed, and those that are there though they are not."""
        yield Variant.AS_WRITTEN
        made_from = {"sql": statement.sql}
        key = (statement.item, Variant.AS_WRITTEN.value)
        useful = self._useful_beside(statement, needs) if self._stored.has(key, made_from) else frozenset()
        for variant in list(Variant)[1:]:
            if variant in useful or self._stored.has((statement.item, variant.value), made_from):
                yield variant

    def _useful_beside(self, statement: Statement, needs: frozenset[Variant]) -> frozenset[Variant]:
        """The variants that make sense beside a statement as written, which has run (docs/rules/executing.md E3.3)."""
        ran = self._stored.value((statement.item, Variant.AS_WRITTEN.value))
        shape = ran.shape
        if shape is None:
            return frozenset()
        longer = Variant.LONGER_LIMIT in needs and shape.has_limit and not shape.exhausted_by(ran.n_rows)
        makes_sense = {
            Variant.LONGER_LIMIT: longer and shape.has_plain_limit,
            Variant.WITH_SORT_KEYS: shape.ordered and not (longer and shape.has_plain_limit),
            Variant.WITHOUT_LIMIT: shape.has_limit,
        }
        useful = frozenset(variant for variant in needs if makes_sense[variant])
        return useful | {Variant.WITHOUT_LIMIT} if longer and self._must_be_whole(statement, shape) else useful

    def _must_be_whole(self, statement: Statement, shape: StatementShape) -> bool:
        """Whether a statement's LIMIT leaves rows out that no longer LIMIT brings back."""
        if not shape.has_plain_limit:
            return True
        key = (statement.item, Variant.LONGER_LIMIT.value)
        if not self._stored.has(key, {"sql": statement.sql}):
            return False  # which is run first
        longer = self._stored.value(key).result
        if longer.outcome is Outcome.OK and not longer.cut:
            return False
        return not shape.ordered or statement.against_sample or shape.limit in statement.ignored_limits

    def _result(self, item: str, variant: Variant) -> ExecutionResult | None:
        key = (item, variant.value)
        if not self._stored.has(key):
            return None
        stored = self._stored.item(key)
        seconds = stored.measured.get("seconds")  # outside the line's hash
        return result_from_json({"seconds": seconds if isinstance(seconds, float) else 0.0, **stored.content["result"]})


@dataclass(frozen=True)
class _Asked:
    """One form of one statement, and the items that ask for it.

    Attributes:
        n_first: the rows that a longer LIMIT must go beyond.
    """

    sql: str
    variant: Variant
    keys: Sequence[Key]
    n_first: int


def _window(written: ExecutionResult, longer: ExecutionResult | None) -> ExecutionResult | None:
    """The statement's own rows with their sort keys, out of its run with a longer LIMIT."""
    shape = written.shape
    if longer is None or longer.sort_keys is None or shape is None or shape.offset is None:
        return None
    own = slice(shape.offset, shape.offset + len(written.rows))
    return replace(longer, rows=longer.rows[own], sort_keys=longer.sort_keys[own], cut=False)


_LEAST_TIE = 1024
"""Rows that are asked for at least once a tie is known to go on: a top 1,024 costs what a top 2 does."""


@dataclass(frozen=True)
class Runner:
    """What runs statements.

    Attributes:
        title: what a bar of progress says.
        elsewhere: the result of a form of a statement that was run before, for other items.
    """

    backend: SqlBackend
    limits: Limits
    title: str
    elsewhere: Callable[[str, Variant], ExecutionResult | None] = lambda sql, variant: None

    def run(self, asked: _Asked) -> Made:
        """One run for all items that ask for it.

        Raises:
            BenchError: the backend itself failed.
        """
        result = self.elsewhere(asked.sql, asked.variant) or self._executed(asked)
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

    def _executed(self, asked: _Asked) -> ExecutionResult:
        if asked.variant is Variant.LONGER_LIMIT:
            return self._with_ties(asked)
        return self.backend.execute(asked.sql, self.limits, asked.variant)

    def _with_ties(self, asked: _Asked) -> ExecutionResult:
        """A LIMIT of one row more, made longer as long as an order's last tie goes on and rows may be fetched."""
        limit, before, seconds = min(asked.n_first + 1, self.limits.max_rows), None, 0.0
        while True:
            result = self.backend.execute(asked.sql, self.limits, asked.variant, limit)
            seconds += result.seconds
            if result.outcome is Outcome.RESOURCE_LIMIT and before is not None:
                return replace(before, seconds=seconds)
            result = replace(result, cut=len(result.rows) >= limit, seconds=seconds)
            if not result.cut or limit >= self.limits.max_rows or not _ends_in_tie(result, asked.n_first):
                return result
            limit, before = min(max(2 * limit, _LEAST_TIE), self.limits.max_rows), result


def _ends_in_tie(result: ExecutionResult, n_first: int) -> bool:
    """Whether the last row ties with the n-th."""
    keys = result.sort_keys
    return keys is not None and 0 < n_first <= len(keys) and tie_key(keys[n_first - 1]) == tie_key(keys[-1])


def execute_golds(bench: Bench, needs: frozenset[Variant]) -> Executions:
    """Run all gold statements, once for all systems, or take them as they were run before."""
    dataset, engine = bench.dataset, bench.engine_identity()
    identity: dict[str, Json] = {"golds_sha256": dataset.golds_sha256, **engine}
    folder = RunFolder.of_identity(bench.root, dataset.card.dataset_id, "golds", identity)
    statements = [
        Statement(gold_item(question.question_id, number), gold, ignored_limits(question))
        for question in dataset.questions
        for number, gold in enumerate(question.golds)
    ]
    return _execute(bench, folder, identity, statements, needs, f"gold SQL of {dataset.card.dataset_id}")


def execute_predictions(
    bench: Bench,
    system_folder: RunFolder,
    predictions: Iterable[Prediction],
    needs: frozenset[Variant],
    golds: Executions | None = None,
) -> tuple[RunFolder, Executions]:
    """Run the statements of a system's predictions, or take them as they were run before.

    Args:
        golds: the executions of the golds they will be compared with; a statement that is a gold is not run again, if
            it is in the same dialect.
    """
    identity = bench.engine_identity()
    folder = RunFolder(system_folder.path / f"{bench.backend.describe()['engine']}--{identity_hash(identity)[:8]}")
    questions = {question.question_id: question for question in bench.dataset.questions}
    statements = [
        _predicted(prediction.question_id, prediction.sql, questions.get(prediction.question_id), golds)
        for prediction in predictions
        if prediction.status is PredictionStatus.SQL and prediction.sql is not None
    ]
    what = f"SQL of {system_folder.path.name}"
    if golds is None:
        return folder, _execute(bench, folder, identity, statements, needs, what)
    items = {
        gold: gold_item(question.question_id, number)
        for question in bench.dataset.questions
        for number, gold in enumerate(question.golds)
        if golds.ran_on(identity)
    }

    def run_as_gold(sql: str, variant: Variant) -> ExecutionResult | None:
        found = golds.stored(items[sql], sql, variant) if sql in items else None
        return None if found is None or found.shape is None or found.shape.volatile else found

    return folder, _execute(bench, folder, identity, statements, needs, what, run_as_gold)


def _predicted(question_id: str, sql: str, question: Question | None, golds: Executions | None) -> Statement:
    if question is None or golds is None:
        return Statement(question_id, sql)
    items = [gold_item(question_id, number) for number in range(len(question.golds))]
    return Statement(question_id, sql, ignored_limits(question), any(map(golds.is_sample, items)))


def _execute(
    bench: Bench,
    folder: RunFolder,
    identity: Mapping[str, Json],
    statements: Sequence[Statement],
    needs: frozenset[Variant],
    what: str,
    elsewhere: Callable[[str, Variant], ExecutionResult | None] = lambda sql, variant: None,
) -> Executions:
    bench.check_data_use(what)
    runner, recorded = Runner(bench.backend, bench.limits, what, elsewhere), {RECORD: bench.recorded_use()}
    with locked(folder.path):
        report_other_identity(bench.tell, what, folder, identity)
        executions = Executions(folder, identity, bench.tell.always)
        n_made = executions.execute(statements, needs, runner, recorded)
    if n_made:
        bench.tell.made(f"{what}: {n_made} results.")
    else:
        bench.tell(f"{what}: executed already, skipped.")
    return executions
