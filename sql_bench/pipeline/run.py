"""Run systems on a dataset: predictions, executions, verdicts, scores; each stage has one file.

`results/sql/<dataset>/<system>--<hash8>/predictions.jsonl` is made from the questions and the generator. Below it
`<engine>--<hash8>/` holds `executions.jsonl`, made from the predictions, the engine, the mirror and the limits, and for
each comparator `verdicts.<comparator>.jsonl`, `scores.<comparator>.json` and `per_question.<comparator>.csv`.
Gold statements are executed once for all systems, in `golds--<hash8>/`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench_core.artifacts import JsonLines, locked
from bench_core.identity import Json, identity_hash
from bench_core.machine.progress import progress
from bench_core.plugins.described import user_source
from bench_core.runs.manifest import Manifest, RunFolder
from bench_core.runs.reporter import Reporter
from sql_bench.databases.view import MirrorView
from sql_bench.datasets.dataset import SqlDataset
from sql_bench.generators.predictions import PREDICTIONS, prediction_from_json, prediction_to_json
from sql_bench.mirror.mirror import Mirror
from sql_bench.pipeline.compare import Comparison, ScoredSystem, scored
from sql_bench.pipeline.execute import FORMAT, Executions, Statement, gold_item, limits_json
from sql_bench.types import (
    AskedQuestion,
    Comparator,
    Limits,
    Prediction,
    PredictionStatus,
    SqlBackend,
    SqlGenerator,
    Variant,
)

KIND = "sql"
PACKAGES = ("duckdb", "sqlglot", "pyarrow", "google-cloud-bigquery")
"""Distributions whose versions a manifest records."""


@dataclass(frozen=True)
class Bench:
    """What all systems on a dataset share: the database they are run on, the bounds, and where results go."""

    dataset: SqlDataset
    mirror: Mirror
    backend: SqlBackend
    limits: Limits
    results_dir: Path
    tell: Reporter

    @property
    def root(self) -> Path:
        """Where runs of this half are kept."""
        return self.results_dir / KIND

    def engine_identity(self) -> dict[str, Json]:
        """What an execution depends on besides its statement."""
        return {
            "backend": dict(self.backend.describe()),
            "mirror_sha256": self.mirror.sha256,
            "limits": limits_json(self.limits),
            "format": FORMAT,
        }

    def golds(self) -> list[Statement]:
        """All gold statements, each under `question_id#n`."""
        return [
            Statement(gold_item(question.question_id, number), gold)
            for question in self.dataset.questions
            for number, gold in enumerate(question.golds)
        ]


@dataclass(frozen=True)
class System:
    """A generator under the name the user gave it."""

    name: str
    generator: SqlGenerator


def run_system(bench: Bench, system: System, comparators: Mapping[str, Comparator]) -> list[ScoredSystem]:
    """All stages of a system; what is there already and whole is not made again.

    Args:
        comparators: by the name the user gave each.
    """
    folder, predictions = generate(bench, system)
    needs = needed_variants(comparators.values())
    golds = execute_golds(bench, needs)
    executions_folder, executions = execute_predictions(bench, folder, predictions, needs)
    comparison = Comparison(bench.dataset, system.name, predictions, golds, executions, executions_folder.path)
    return [scored(comparison, name, comparator, bench.tell) for name, comparator in comparators.items()]


def needed_variants(comparators: Iterable[Comparator]) -> frozenset[Variant]:
    """The variants of a statement that comparators ask for besides the one as written."""
    return frozenset(variant for comparator in comparators for variant in comparator.needs)


def generate(bench: Bench, system: System) -> tuple[RunFolder, list[Prediction]]:
    """The prediction stage: asks only for the questions that have no prediction yet."""
    description = system.generator.describe()
    identity: dict[str, Json] = {
        "dataset": bench.dataset.identity,
        "system": dict(description),
        "user_source": user_source(system.generator),
    }
    folder = RunFolder.of_identity(bench.root, bench.dataset.card.dataset_id, str(description["class"]), identity)
    what = f"{system.name} on {bench.dataset.card.dataset_id}"
    with locked(folder.path):
        lines = JsonLines(folder.path / PREDICTIONS)
        if folder.complete_manifest(identity):
            bench.tell(f"{what}: the predictions are there already, skipped.")
        else:
            manifest = Manifest(identity, recorded={"system": system.name})
            with folder.recording(manifest, PACKAGES), manifest.phase("generate"):
                _generate_missing(bench, system, lines)
                folder.add_files(manifest, [PREDICTIONS])
            bench.tell.made(f"{what}: asked for {len(bench.dataset.questions)} questions.")
        by_question = {prediction.question_id: prediction for prediction in map(prediction_from_json, lines.read())}
    return folder, [by_question[question.question_id] for question in bench.dataset.questions]


def _generate_missing(bench: Bench, system: System, lines: JsonLines) -> None:
    view = MirrorView(bench.mirror, bench.backend, bench.limits, bench.dataset.card.dialect)
    done = {str(item["question_id"]) for item in lines.read()}
    missing = [question for question in bench.dataset.questions if question.question_id not in done]
    with lines:
        for question in progress(missing, f"generate {system.name}"):
            prediction = system.generator.generate(AskedQuestion(question.question_id, question.text), view)
            lines.append(prediction_to_json(prediction))


def execute_golds(bench: Bench, needs: frozenset[Variant]) -> Executions:
    """Run all gold statements, or take them as they were run before."""
    engine = bench.engine_identity()
    identity: dict[str, Json] = {"golds_sha256": bench.dataset.golds_sha256, **engine}
    folder = RunFolder.of_identity(bench.root, bench.dataset.card.dataset_id, "golds", identity)
    return _execute(bench, folder, identity, bench.golds(), needs, f"gold SQL of {bench.dataset.card.dataset_id}")


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
    identity: dict[str, Json],
    statements: Sequence[Statement],
    needs: frozenset[Variant],
    what: str,
) -> Executions:
    with locked(folder.path):
        executions = Executions(folder.path)
        if executions.has_all(statements, needs):
            bench.tell(f"{what}: executed already, skipped.")
            return executions
        manifest = Manifest(identity)
        with folder.recording(manifest, PACKAGES), manifest.phase("execute"):
            n_run = executions.execute(progress(statements, what), needs, bench.backend, bench.limits)
            executions.keep_only(statements)
            manifest.recorded = {"n_statements": len(statements), "n_run": n_run}
        bench.tell.made(f"{what}: ran {n_run} statements.")
    return executions
