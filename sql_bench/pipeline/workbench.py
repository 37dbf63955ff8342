"""Open the bench of a command: dataset, mirror, systems and comparators by the names a user gave."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench_core.data_use import (
    NO_PERMISSION,
    Permission,
    Reach,
    check_local_classes,
    close_to_others,
    readable_by_its_owner_only,
)
from bench_core.errors import UserError
from bench_core.llm.stage_models import LanguageModelSettings, Modelled, create_with_model
from bench_core.plugins.reach import reach_of
from bench_core.plugins.registry import StageSpec
from bench_core.results.scores import ItemScores
from bench_core.runs.grid import Failure, attempt
from bench_core.runs.manifest import slug
from bench_core.runs.reporter import Reporter
from sql_bench.backends.duckdb import IMPORT_AGAIN, DuckDbBackend
from sql_bench.backends.duckdb_engine import ExpectedContent
from sql_bench.comparators.base import COMPARATORS
from sql_bench.databases.mirrors import forget, mirror_of
from sql_bench.datasets.dataset import SqlDataset, load_dataset
from sql_bench.generators.base import GENERATORS
from sql_bench.mirror.mirror import Mirror
from sql_bench.pipeline.as_of import as_of_run
from sql_bench.pipeline.bench import KIND, Bench
from sql_bench.pipeline.generate import System
from sql_bench.pipeline.run import run_system
from sql_bench.types import Comparator, Limits, SqlGenerator


@dataclass(frozen=True)
class DatabaseChoice:
    """Where the tables are, and the bounds on a statement; None leaves a bound as `Limits` has it."""

    mirror_path: Path | None
    mirrors_dir: Path
    timeout_s: float | None
    memory_mb: int | None
    max_rows: int | None

    @property
    def limits(self) -> Limits:
        """The bounds, the user's before the default ones."""
        limits = Limits()
        return replace(
            limits,
            timeout_s=self.timeout_s or limits.timeout_s,
            memory_bytes=self.memory_mb * 1024**2 if self.memory_mb else limits.memory_bytes,
            max_rows=self.max_rows or limits.max_rows,
        )


@contextmanager
def open_bench(
    dataset_name: str,
    choice: DatabaseChoice,
    results_dir: Path,
    tell: Reporter,
    permission: Permission = NO_PERMISSION,
) -> Iterator[Bench]:
    """A dataset with its mirror and a running backend, which is stopped at the end.

    Whatever is written meanwhile is its owner's alone where the dataset is credentialed.
    """
    dataset = load_dataset(dataset_name)
    close_to_others(results_dir / KIND / slug(dataset.card.dataset_id), dataset.card.access)
    with readable_by_its_owner_only(dataset.card.access):
        mirror = mirror_of(dataset, choice.mirror_path, choice.mirrors_dir, tell, tell.always)
        is_own = choice.mirror_path is None
        as_of = as_of_run(dataset.card, results_dir / KIND, tell.always)
        opened: list[DuckDbBackend] = []

        def backend_for(dialect: str) -> DuckDbBackend:
            opened.append(open_backend(mirror, dialect, as_of.moment, is_own=is_own))
            return opened[-1]

        with backend_for(dataset.card.dialect) as backend:
            try:
                yield Bench(dataset, mirror, backend, choice.limits, results_dir, tell, backend_for, as_of, permission)
            finally:
                if is_own and any(backend.found_damage for backend in opened):
                    forget(mirror)


def open_backend(
    mirror: Mirror, dialect: str, as_of: datetime.datetime | None = None, *, is_own: bool = False
) -> DuckDbBackend:
    """The guarded DuckDB of a mirror.

    Args:
        as_of: where its clock stands; None: it goes.
        is_own: it is made of the dataset's own tables, when they are first needed.
    """
    remedy = "the next run imports its tables again" if is_own else IMPORT_AGAIN
    content = ExpectedContent(mirror.sha256, mirror.is_stamped)
    return DuckDbBackend(mirror.path, dialect, content=content, remedy=remedy, as_of=as_of)


def make_systems(
    dataset: SqlDataset, specs: Mapping[str, str], models: LanguageModelSettings | None = None
) -> list[System]:
    """Generators by the names tables show, each with its language model where its class takes one."""
    models = (models or LanguageModelSettings()).for_access(dataset.card.access)
    return [_make_system(dataset, name, text, models) for name, text in specs.items()]


def _make_system(dataset: SqlDataset, name: str, text: str, models: LanguageModelSettings) -> System:
    modelled: Modelled[SqlGenerator] = create_with_model(
        GENERATORS,
        StageSpec.parse(text),
        models,
        questions=dataset.questions,
        predictions=dataset.predictions,
    )
    return System(name, modelled.stage, modelled.client, modelled.n_at_once)


def named_systems(
    bench: Bench,
    specs: Mapping[str, str],
    models: LanguageModelSettings | None = None,
    further: Iterable[Reach] = (),
) -> list[System]:
    """The systems of a command on one dataset, as `make_systems`.

    Args:
        further: where other parts of what is to run send text.

    Raises:
        UserError: the user says of a class that it keeps text here, and nothing that is to run is called so.
    """
    systems = make_systems(bench.dataset, specs, models)
    check_local_classes([*(reach for system in systems for reach in system.reaches), *further], bench.permission)
    return systems


def make_comparators(texts: Iterable[str]) -> dict[str, Comparator]:
    """Comparators by the names tables show; `answer` where none is named."""
    return {text: COMPARATORS.create(StageSpec.parse(text)) for text in (tuple(texts) or ("answer",))}


def usable_comparators(texts: Iterable[str], report: Reporter) -> tuple[tuple[str, ...], list[Failure]]:
    """The comparators that can be used here (`answer` where none is named), and what is wrong with the others."""
    found = {
        text: attempt(text, partial(_checked, text), report, is_begun=False) for text in tuple(texts) or ("answer",)
    }
    failures = [outcome for outcome in found.values() if isinstance(outcome, Failure)]
    return tuple(text for text, outcome in found.items() if not isinstance(outcome, Failure)), failures


def _checked(text: str) -> None:
    (comparator,) = make_comparators([text]).values()
    _ = comparator.needs
    missing = comparator.missing_requirement()
    if missing:
        raise UserError(f"{text}: {missing}.")


def run_systems(
    bench: Bench,
    systems: Mapping[str, str],
    comparators: Iterable[str],
    models: LanguageModelSettings | None = None,
) -> tuple[list[ItemScores], list[Failure]]:
    """Run all systems and compare them in all ways.

    Returns:
        The rows of a table, by comparator, then by system; and what could not be compared.
    """
    made = make_comparators(comparators)
    named = named_systems(bench, systems, models, map(reach_of, made.values()))
    by_system = [run_system(bench, system, made) for system in named]
    scores = [scores for found in by_system for scores in found.scores]
    return (
        [found for name in made for found in scores if found.rule == name],
        [failure for found in by_system for failure in found.failures],
    )
