"""Run systems on a dataset: predictions, executions, verdicts, scores; each stage has one file.

`results/sql/<dataset>/<system>--<hash8>/predictions.jsonl` is made from the questions and the generator. Below it
`<engine>--<hash8>/` holds `executions.jsonl`, made from the predictions, the engine, the mirror and the limits, and for
each comparator `verdicts.<comparator>.jsonl`, `scores.<comparator>.json` and `per_question.<comparator>.csv`.
Gold statements are executed once for all systems, in `golds--<hash8>/`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench_core.plugins.reach import reach_of
from bench_core.results.scores import ItemScores
from bench_core.runs.grid import Failure, attempt
from sql_bench.pipeline.bench import Bench
from sql_bench.pipeline.compare import Comparison, scored
from sql_bench.pipeline.execute import execute_golds, execute_predictions
from sql_bench.pipeline.generate import System, generate
from sql_bench.types import Comparator, Variant


@dataclass(frozen=True)
class SystemScores:
    """A system by all comparators.

    Attributes:
        scores: by the comparators that did not fail, in their order.
        failures: one for each other comparator.
        folder: where the scores lie.
    """

    scores: list[ItemScores]
    failures: tuple[Failure, ...]
    folder: Path


def run_system(bench: Bench, system: System, comparators: Mapping[str, Comparator]) -> SystemScores:
    """All stages of a system; what is there already and whole is not made again, and a comparator fails alone.

    Args:
        comparators: by the name the user gave each.
    """
    bench.check_data_use(system.name, (*system.reaches, *map(reach_of, comparators.values())))
    folder, predictions = generate(bench, system)
    needs = needed_variants(comparators.values())
    golds = execute_golds(bench, needs)
    with bench.in_dialect(system.generator.dialect) as spoken:
        executions_folder, executions = execute_predictions(spoken, folder, predictions, needs, golds)
    comparison = Comparison(bench.dataset, system.name, predictions, golds, executions, executions_folder.path)
    found = []
    for name, comparator in comparators.items():
        label = compared_label(system.name, bench.dataset.card.dataset_id, name)
        found.append(attempt(label, partial(scored, comparison, name, comparator, bench.tell), bench.tell))
    return SystemScores(
        [outcome for outcome in found if isinstance(outcome, ItemScores)],
        tuple(outcome for outcome in found if isinstance(outcome, Failure)),
        executions_folder.path,
    )


def compared_label(system: str, dataset: str, comparator: str) -> str:
    """What messages call one comparison of a system."""
    return f"{system} on {dataset} by {comparator}"


def needed_variants(comparators: Iterable[Comparator]) -> frozenset[Variant]:
    """The variants of a statement that comparators ask for besides the one as written."""
    return frozenset(variant for comparator in comparators for variant in comparator.needs)
