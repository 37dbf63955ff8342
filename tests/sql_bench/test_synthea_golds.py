"""The gold statements of a real benchmark, PostgreSQL's dialect, through guard, translation and sandbox."""

import collections
import json
from pathlib import Path

import duckdb
import pytest

from sql_bench.backends.duckdb import DuckDbBackend
from sql_bench.types import Limits, Outcome

SYNTHEA = Path(__file__).resolve().parents[2] / "../shared/data/sql/synthea"


@pytest.fixture(scope="module")
def mirror(tmp_path_factory):
    if not SYNTHEA.is_dir():
        pytest.skip("the Synthea tables are not beside the repository (shared/data/sql/synthea)")
    path = tmp_path_factory.mktemp("synthea") / "mirror.duckdb"
    with duckdb.connect(str(path)) as connection:
        for table in sorted((SYNTHEA / "tables").glob("*.csv")):
            connection.execute(
                f'CREATE TABLE "{table.stem}" AS SELECT * FROM read_csv(?, sample_size = -1)', [str(table)]
            )
    return path


@pytest.mark.slow
def test_every_gold_runs_unless_its_table_is_missing_or_it_is_no_sql(mirror):
    questions = [json.loads(line) for line in (SYNTHEA / "questions.jsonl").read_text(encoding="utf-8").splitlines()]
    reasons = collections.Counter()
    with DuckDbBackend(mirror, "postgres") as backend:
        for question in questions:
            result = backend.execute(question["gold_sql"], Limits())
            if result.outcome is Outcome.OK:
                reasons["ran"] += 1
            elif result.message.startswith(("no such table", "syntax error")):
                reasons[result.message.split(" ")[0] + " " + result.message.split(" ")[1]] += 1
            else:
                reasons[f"{question['question_id']}: {result.outcome}: {result.message}"] += 1
    assert reasons == {"ran": 1736, "no such": 205, "syntax error": 59}
