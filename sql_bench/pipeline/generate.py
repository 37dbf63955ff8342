"""The prediction stage: a generator answers each question once, in `predictions.jsonl`."""

from __future__ import annotations

from dataclasses import dataclass

from bench_core.artifacts import locked
from bench_core.data_use import RECORD, Reach
from bench_core.errors import BenchError
from bench_core.identity import Json
from bench_core.llm.budget import SpendingCap
from bench_core.llm.caching import Remembering
from bench_core.llm.chat import NoAnswer
from bench_core.plugins.described import user_source
from bench_core.plugins.reach import reach_of
from bench_core.plugins.requirements import Requirements, all_of
from bench_core.runs.differences import report_other_identity
from bench_core.runs.items import ItemStage, Made, Maker, Plan, Unit
from bench_core.runs.manifest import Manifest, RunFolder
from sql_bench.generators.predictions import PREDICTIONS, prediction_item
from sql_bench.pipeline.bench import PACKAGES, Bench
from sql_bench.types import AskedQuestion, Prediction, SqlGenerator


@dataclass(frozen=True)
class System:
    """A generator under the name the user gave it.

    Attributes:
        client: the language model that it asks, if it asks one.
        n_at_once: questions that it may be asked at a time.
    """

    name: str
    generator: SqlGenerator
    client: Remembering | None = None
    n_at_once: int = 1

    @property
    def requires(self) -> Requirements:
        """What it occupies while it works."""
        return all_of((self.generator.requires, *((self.client.requires,) if self.client else ())))

    @property
    def reaches(self) -> tuple[Reach, ...]:
        """Where its parts send questions."""
        return (reach_of(self.generator), *((self.client.reach,) if self.client else ()))


def generate(bench: Bench, system: System) -> tuple[RunFolder, list[Prediction]]:
    """The predictions on a dataset's questions, in their order; only those that are missing are asked for.

    A question that the model gave no answer to (a dead endpoint, a refusal) has none; the next run asks again.

    Raises:
        BenchError: there is not one.
    """
    bench.check_data_use(system.name, system.reaches)
    description, dataset = system.generator.describe(), bench.dataset
    identity: dict[str, Json] = {
        "dataset": dataset.identity,
        "system": dict(description),
        "user_source": user_source(system.generator),
    }
    folder = RunFolder.of_identity(bench.root, dataset.card.dataset_id, str(description["class"]), identity)
    what = f"{system.name} on {dataset.card.dataset_id}"
    with locked(folder.path):
        report_other_identity(bench.tell, what, folder, identity, system.name)
        stored = ItemStage(PREDICTIONS, folder, identity, folder.read(), bench.tell.always)
        manifest = Manifest(identity, recorded={"system": system.name, RECORD: bench.recorded_use(system.reaches)})
        n_made = stored.complete(manifest, PACKAGES, "generate", lambda: _plan(bench), _maker(bench, system))
    if stored.gaps:
        note = (
            f"{what}: {len(stored.gaps)} of {len(dataset.questions)} questions have no prediction "
            f"({stored.gap_reasons()}); the next run asks for them again."
        )
        if len(stored.gaps) == len(dataset.questions):
            raise BenchError(note)
        bench.tell.always(note)
    if n_made:
        bench.tell.made(f"{what}: asked for {n_made} questions.")
    else:
        bench.tell(f"{what}: the predictions are there already, skipped.")
    keys = [(question.question_id,) for question in dataset.questions]
    return folder, [stored.value(key) for key in keys if stored.has(key)]


def _plan(bench: Bench) -> Plan[AskedQuestion]:
    asked = [AskedQuestion(question.question_id, question.text) for question in bench.dataset.questions]
    return Plan(
        {(question.question_id,): {} for question in asked},
        [Unit(question, [(question.question_id,)]) for question in asked],
    )


def _maker(bench: Bench, system: System) -> Maker[AskedQuestion]:
    view, cap = bench.view, SpendingCap()

    def answered(question: AskedQuestion) -> Made:
        try:
            return Made([prediction_item(system.generator.generate(question, view))])
        except NoAnswer as error:
            cap.note(error.status)
            return Made(gaps={(question.question_id,): error.status})

    return Maker(answered, f"generate {system.name}", system.n_at_once, cap)
