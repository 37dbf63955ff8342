"""`explain`: why a question was decided as it was, from stored results alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench_core.cli.options import format_option, results_option
from bench_core.cli.output import print_explanation, print_table, say
from bench_core.cli.scored import scored_on
from bench_core.results.tables import Format

if TYPE_CHECKING:
    from sql_bench.pipeline.stored_answers import StoredSystem


@click.command()
@click.argument("question", required=False)
@click.option("--dataset", "-d", "dataset", help="demo/NAME or dir:PATH, or as a table names it.")
@click.option("--generator", "-g", "generator", help="The system, as a table names it, or its folder or hash.")
@click.option(
    "--comparator", "-c", "comparator", help="The comparator that judged [default: answer, else the only one]."
)
@click.option("--wrong", is_flag=True, help="List what is not correct, each with the reason in one line.")
@click.option(
    "--verdict", "kinds", multiple=True, help="List questions of this verdict (wrong, refused …); repeatable."
)
@results_option
@format_option
def explain(
    question: str | None,
    dataset: str | None,
    generator: str | None,
    comparator: str | None,
    wrong: bool,
    kinds: Sequence[str],
    results_dir: Path,
    form: Format,
) -> None:
    """Explain why an answer was judged as it was, from stored results: statements, results, rows and cells that differ.

    With --wrong or --verdict, list questions instead. No statement is run and no model is asked.
    """
    from bench_core.errors import UserError
    from sql_bench.reports.explanation import explanation, wrong_table

    if bool(question) == bool(wrong or kinds):
        raise UserError("Give a QUESTION to explain, or --wrong to list what is not correct.")
    _check_kinds(kinds)
    system = _system(dataset, generator, comparator, results_dir)
    if question:
        print_explanation(explanation(system, question), form)
    else:
        print_table(wrong_table(system, kinds), form)


def _check_kinds(kinds: Sequence[str]) -> None:
    from bench_core.errors import UserError
    from bench_core.plugins.arguments import did_you_mean
    from sql_bench.types import VerdictKind

    known = [kind.value for kind in VerdictKind]
    for kind in kinds:
        if kind not in known:
            raise UserError(f"There is no verdict {kind!r}{did_you_mean(kind, known)}; `show NAME` explains each.")


def _system(dataset: str | None, generator: str | None, comparator: str | None, results_dir: Path) -> StoredSystem:
    from bench_core.errors import UserError
    from bench_core.results.choosing import chosen_system
    from sql_bench.datasets.dataset import load_dataset
    from sql_bench.pipeline.bench import KIND
    from sql_bench.pipeline.stored_answers import StoredSystem
    from sql_bench.pipeline.stored_verdicts import stored_systems

    where = results_dir, KIND, dataset, load_dataset
    scored = scored_on(stored_systems(results_dir), *where, "scored run", "sql-bench run")
    rules = list(dict.fromkeys(found.rule for found in scored))
    rule = comparator or ("answer" if "answer" in rules else rules[0] if len(rules) == 1 else None)
    if rule not in rules:
        raise UserError(f"Name the comparator by --comparator; there are {', '.join(rules)}.")
    chosen = chosen_system(
        generator, [found for found in scored if found.rule == rule], results_dir / KIND, "--generator", say
    )
    return StoredSystem(chosen, load_dataset(dataset or chosen.dataset), say)
