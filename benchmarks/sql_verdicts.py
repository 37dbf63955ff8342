"""Equal statements run once and equal pairs compared once; a top 1 of a large table beside the plain statement."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
from measure import ratio_table, seconds_in_turns

from bench_core.runs.manifest import RunFolder
from sql_bench.backends.duckdb import DuckDbBackend
from sql_bench.comparators.answer import AnswerComparator
from sql_bench.pipeline.executions import Executions, Statement
from sql_bench.pipeline.runner import Runner
from sql_bench.types import Limits

_CARD = "dialect: duckdb\n"


def write_dataset(folder: Path, n_questions: int, n_statements: int) -> None:
    """A table of 1,000 rows, and questions whose golds and predictions are drawn from a few statements."""
    (folder / "tables").mkdir(parents=True)
    rows = "".join(f"{n},gene{n % 97},{n * 7919 % 1000 / 1000}\n" for n in range(1000))
    (folder / "tables" / "genes.csv").write_text("id,gene,score\n" + rows)
    (folder / "dataset.yaml").write_text(_CARD)
    statements = [
        f"SELECT id, gene, score FROM genes WHERE score > {0.5 + n / 100} ORDER BY score DESC LIMIT {10 + n}"
        for n in range(n_statements)
    ]
    questions, predictions = [], []
    for n in range(n_questions):
        said = {"question_id": f"q{n}", "question": f"Which genes, the {n}th time?"}
        questions.append({**said, "gold_sql": statements[n % n_statements]})
        wrong = n % 3 == 0
        predictions.append({"question_id": f"q{n}", "sql": statements[(n + wrong) % n_statements]})
    for name, lines in (("questions", questions), ("predictions", predictions)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def seconds_of_score(n_questions: int, n_statements: int) -> float:
    """The whole command: mirror, golds, predictions, verdicts, scores."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_dataset(folder / "data", n_questions, n_statements)
        program = Path(sys.executable).with_name("sql-bench")
        command = [str(program), "score", "-d", f"dir:{folder / 'data'}"]
        command += ["--predictions", str(folder / "data" / "predictions.jsonl"), "--results", str(folder / "results")]
        start = time.perf_counter()
        subprocess.run([*command, "--mirrors", str(folder / "mirrors")], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start


@click.command()
@click.option("--predictions", "n_predictions", default=20_000, show_default=True)
@click.option("--statements", "n_statements", default=40, show_default=True)
@click.option("--rows", "n_rows", default=5_000_000, show_default=True, help="Of the table of the top 1.")
@click.option("--runs", "n_runs", default=5, show_default=True)
def main(n_predictions: int, n_statements: int, n_rows: int, n_runs: int) -> None:
    """Execute and compare many predictions over few statements; run a top 1 with its tie."""
    few = seconds_of_score(n_statements, n_statements)
    many = seconds_of_score(n_predictions, n_statements)
    click.echo(
        f"sql-bench score, {n_predictions} predictions over {n_statements} distinct statements: {many:.1f} s, "
        f"{many / few:.1f} times the {few:.1f} s of {n_statements} predictions."
    )
    with tempfile.TemporaryDirectory() as place:
        click.echo(top_one(Path(place), n_rows, n_runs))


def top_one(folder: Path, n_rows: int, n_runs: int) -> str:
    """Ratios of the execution stage's work on top 1 statements to the plain statements.

    Twenty of them are run at once, as a file of predictions has many: what a stage costs by itself is shared by all.
    """
    import duckdb

    with duckdb.connect(str(folder / "mirror.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE variants AS SELECT i AS id, hash(i) / 1e19 AS p, hash(i) % 1000 AS tied,"
            f" 'rs' || i AS snp FROM range({n_rows}) r(i)"
        )
    runs = iter(range(1_000_000))
    with DuckDbBackend(folder / "mirror.duckdb", "duckdb") as backend:

        def statements(key: str) -> list[str]:
            return [f"SELECT id, snp FROM variants WHERE id >= {n} ORDER BY {key} LIMIT 1" for n in range(20)]

        def plain(key: str) -> None:
            assert all(backend.execute(sql, Limits()).rows for sql in statements(key))

        def with_tie(key: str) -> None:
            executions = Executions(RunFolder(folder / f"run{next(runs)}"), {}, click.echo)
            asked = [Statement(f"q{n}", sql) for n, sql in enumerate(statements(key))]
            executions.execute(asked, AnswerComparator.needs, Runner(backend, Limits(), "execute"))
            assert executions.evidence("q0").longer_limit is not None

        candidates = {
            "plain statements": lambda: plain("p"),
            "as the stage runs them": lambda: with_tie("p"),
            "as the stage runs them, 5,000 rows tie": lambda: with_tie("tied"),
        }
        title = f"ORDER BY … LIMIT 1 over {n_rows} rows"
        return ratio_table(title, seconds_in_turns(candidates, n_runs), []).render("markdown")


if __name__ == "__main__":
    main()
