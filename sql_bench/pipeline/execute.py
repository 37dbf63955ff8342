"""The execution stage: statements in, typed results out; each distinct statement is run once (docs/rules E3.5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bench_core.artifacts import locked
from bench_core.data_use import RECORD
from bench_core.identity import Json, identity_hash
from bench_core.runs.differences import report_other_identity
from bench_core.runs.manifest import RunFolder
from sql_bench.comparators.limits import ignored_limits
from sql_bench.pipeline.bench import Bench
from sql_bench.pipeline.executions import Executions, Statement, gold_item
from sql_bench.pipeline.neighbours import Neighbours
from sql_bench.pipeline.runner import Known, Runner
from sql_bench.types import Prediction, PredictionStatus, Question, Variant


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
        golds: the executions of the golds they will be compared with; what ran as gold, or for another system, is not
            run again.
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
    known: list[Known] = [golds.known()] if golds is not None and golds.ran_on(identity) else []
    known.append(Neighbours(folder, identity))
    return folder, _execute(bench, folder, identity, statements, needs, what, known)


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
    known: Sequence[Known] = (),
) -> Executions:
    bench.check_data_use(what)
    runner, recorded = Runner(bench.backend, bench.limits, what, known), {RECORD: bench.recorded_use()}
    with locked(folder.path):
        report_other_identity(bench.tell, what, folder, identity)
        executions = Executions(folder, identity, bench.tell.always)
        n_made = executions.execute(statements, needs, runner, recorded)
    if n_made:
        bench.tell.made(f"{what}: {n_made} results.")
    else:
        bench.tell(f"{what}: executed already, skipped.")
    if executions.n_reading_clock:
        bench.tell.always(f"{what}: {executions.n_reading_clock} statements ask for the time; it is {bench.as_of}.")
    return executions
