"""`retrieval-bench`: corpora to rankings to scores. Each command imports what it needs when it runs."""

from __future__ import annotations

import click

from bench_core.cli.cache import cache_group
from bench_core.cli.group import BenchGroup
from retrieval_bench.cli.cache import explain as explain_answers
from retrieval_bench.cli.data import fetch, import_upstream, index
from retrieval_bench.cli.explaining import explain
from retrieval_bench.cli.inventory import doctor, list_command, runs, show
from retrieval_bench.cli.running import run
from retrieval_bench.cli.scoring import compare, gains, score, table


@click.group(cls=BenchGroup)
@click.version_option(package_name="biomed-bench", prog_name="retrieval-bench")
def main() -> None:
    """Index medical corpora, search them, and score runs as trec_eval does."""


main.add_sections(
    {
        "See what there is": [list_command, show, doctor],
        "Prepare": [fetch, import_upstream, index],
        "Run and score": [run, score, table, compare, gains, explain],
        "Keep": [runs, cache_group(explain_answers)],
    }
)
