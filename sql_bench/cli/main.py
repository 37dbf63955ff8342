"""`sql-bench`: questions to SQL to results to scores. Each command imports what it needs when it runs."""

from __future__ import annotations

import click

from bench_core.cli.cache import cache_group
from bench_core.cli.group import BenchGroup
from sql_bench.cli.explaining import explain
from sql_bench.cli.inventory import doctor, list_command, runs, show
from sql_bench.cli.mirror import mirror
from sql_bench.cli.query import query
from sql_bench.cli.running import run
from sql_bench.cli.scoring import compare, score, table
from sql_bench.cli.stages import execute, generate


@click.group(cls=BenchGroup)
@click.version_option(package_name="biomed-bench", prog_name="sql-bench")
def main() -> None:
    """Run questions to SQL, execute it on guarded mirrors, and compare results."""


main.add_sections(
    {
        "See what there is": [list_command, show, doctor],
        "Prepare": [mirror, query],
        "Run and score": [run, score, table, compare, explain],
        "Stage by stage": [generate, execute],
        "Keep": [runs, cache_group()],
    }
)
