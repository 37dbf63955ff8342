"""Options that several commands of `retrieval-bench` share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from retrieval_bench.scoring.measures import Measure

DATASET_HELP = "demo/NAME, r2med/NAME or dir:PATH"
SYSTEM_HELP = (
    "A retriever, or path/to/file.py:Class, with arguments as ,key=value; also 'rrf(A, B)', 'A > RERANKER', 'hyde > A'."
)

dataset_option = click.option("--dataset", "-d", "dataset", required=True, help=f"{DATASET_HELP}.")
retriever_option = click.option(
    "--retriever", "-r", "retriever", required=True, help="A name, or path/to/file.py:Class; arguments as ,key=value."
)
parameter_option = click.option(
    "--parameter",
    "-p",
    "parameters",
    multiple=True,
    metavar="KEY=VALUE",
    help="An argument of every retriever named; repeatable.",
)
indexes_option = click.option(
    "--indexes",
    "indexes_dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("indexes"),
    show_default=True,
    help="Folder the indexes are kept in.",
)
measure_option = click.option(
    "--measure", "-m", "measure_texts", multiple=True, metavar="NAME[@K]", help="A measure, as ndcg@10; repeatable."
)


def parse_measures(texts: Sequence[str], default: Sequence[Measure] | None = None) -> list[Measure]:
    """The measures of `--measure`; those of a table where none is named."""
    from retrieval_bench.scoring.measures import TABLE_MEASURES, Measure

    return [Measure.parse(text) for text in texts] or list(default or TABLE_MEASURES)
