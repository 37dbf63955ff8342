"""The tie at a LIMIT, fetched by a longer one, is that of the whole result sorted: 35 shapes of outer query and more.

The whole result comes from the statement without its LIMIT and OFFSET, sorted by DuckDB, whose order its keys must
follow. What must be equal is what a right answer may hold: rows, their ranks, and which are required.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench_core.runs.manifest import RunFolder
from sql_bench.backends.duckdb import DuckDbBackend
from sql_bench.comparators.limits import readings
from sql_bench.comparators.sides import ranks, read_side
from sql_bench.pipeline.executions import Executions, Statement
from sql_bench.pipeline.runner import Runner
from sql_bench.types import Evidence, Limits, Outcome, Variant

SHAPES = """
SELECT id, score FROM t ORDER BY score LIMIT 7
SELECT id FROM t ORDER BY score DESC LIMIT 7
SELECT id FROM t ORDER BY score DESC, grp LIMIT 12 OFFSET 5
SELECT id FROM t ORDER BY score LIMIT 3 OFFSET 40
SELECT DISTINCT grp, score FROM t ORDER BY score LIMIT 5
SELECT DISTINCT score FROM t ORDER BY score DESC LIMIT 2
SELECT DISTINCT score + 1 AS s, grp FROM t ORDER BY s DESC LIMIT 4
SELECT grp, COUNT(*) AS n FROM t GROUP BY grp ORDER BY n DESC LIMIT 3
SELECT grp FROM t GROUP BY grp ORDER BY COUNT(*) DESC LIMIT 3
SELECT grp, score FROM t GROUP BY grp, score ORDER BY score LIMIT 6
SELECT grp FROM t GROUP BY grp HAVING COUNT(*) > 3 ORDER BY MIN(score) LIMIT 2
SELECT grp, MAX(score) FROM t GROUP BY grp ORDER BY 2 DESC LIMIT 2
SELECT grp, AVG(score) AS m FROM t GROUP BY 1 HAVING m > 1 ORDER BY ROUND(m) LIMIT 3
SELECT score FROM t UNION ALL SELECT score FROM u ORDER BY score LIMIT 9
SELECT grp, score FROM t UNION SELECT grp, score FROM u ORDER BY score DESC, grp LIMIT 5
SELECT DISTINCT grp, score FROM t ORDER BY score % 4, grp LIMIT 5
SELECT score FROM t INTERSECT SELECT score FROM u ORDER BY 1 LIMIT 2
SELECT id, score FROM t EXCEPT SELECT id, score FROM u ORDER BY score LIMIT 6
(SELECT id, score FROM t) UNION ALL (SELECT id, score FROM u) ORDER BY 2 DESC LIMIT 4 OFFSET 2
SELECT id, score FROM t UNION ALL SELECT id, score FROM u ORDER BY -score LIMIT 5
WITH c AS (SELECT id, score FROM t WHERE score > 1) SELECT id FROM c ORDER BY score LIMIT 4
WITH c AS (SELECT grp, SUM(score) AS s FROM t GROUP BY grp) SELECT grp FROM c ORDER BY s DESC LIMIT 2
WITH c AS (SELECT * FROM t ORDER BY id LIMIT 50) SELECT * FROM c ORDER BY score LIMIT 6
SELECT id, score FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY grp ORDER BY id) <= 4 ORDER BY score LIMIT 5
SELECT id FROM t QUALIFY RANK() OVER (ORDER BY score) < 30 ORDER BY score DESC LIMIT 3
SELECT id, score, grp FROM t ORDER BY 3, 2 LIMIT 8
SELECT id, -score AS score FROM t ORDER BY score LIMIT 7
SELECT id AS score, score AS id FROM t ORDER BY id LIMIT 7
SELECT UPPER(grp) AS grp, id FROM t ORDER BY grp DESC LIMIT 9
SELECT id, score AS s FROM t ORDER BY s * 2 LIMIT 6
SELECT id, hole FROM t ORDER BY hole NULLS FIRST LIMIT 5
SELECT id, hole FROM t ORDER BY hole DESC NULLS LAST LIMIT 95
SELECT id, hole FROM t ORDER BY hole NULLS LAST LIMIT 96
SELECT * FROM t ORDER BY score LIMIT 7
SELECT t.* FROM t JOIN u USING (id) ORDER BY u.score, t.score LIMIT 7
SELECT *, score * 2 AS twice FROM t ORDER BY twice DESC LIMIT 7
SELECT * EXCLUDE (hole) FROM t ORDER BY grp, score LIMIT 11
SELECT id, RANK() OVER (ORDER BY score) AS r FROM t ORDER BY r LIMIT 7
SELECT id FROM t ORDER BY COUNT(*) OVER (PARTITION BY grp), score LIMIT 6
SELECT id FROM t ORDER BY (SELECT COUNT(*) FROM u WHERE u.score < t.score) LIMIT 7
SELECT id FROM t ORDER BY CASE WHEN score > 3 THEN 0 ELSE 1 END, grp LIMIT 10
SELECT id FROM t ORDER BY score + 0.1 LIMIT 7
(SELECT id, score FROM t ORDER BY score LIMIT 7)
SELECT id FROM t ORDER BY score FETCH FIRST 7 ROWS ONLY
SELECT id FROM (SELECT id, score FROM t ORDER BY id DESC LIMIT 60) ORDER BY score LIMIT 5
SELECT grp, score FROM t ORDER BY score LIMIT 1
WITH c AS (SELECT score FROM t) SELECT score FROM c UNION SELECT score FROM u ORDER BY ABS(score - 3) LIMIT 2
SELECT id FROM t ORDER BY score LIMIT 100
SELECT id FROM t ORDER BY score LIMIT 1000
SELECT id FROM t WHERE score > 99 ORDER BY score LIMIT 3
SELECT a.id, b.id FROM t a JOIN u b ON a.grp = b.grp ORDER BY a.score, b.score LIMIT 20
SELECT grp, LIST(id ORDER BY id) AS ids FROM t GROUP BY grp ORDER BY LEN(ids) LIMIT 2
""".strip().splitlines()
NEEDS = frozenset({Variant.WITH_SORT_KEYS, Variant.LONGER_LIMIT, Variant.WITHOUT_LIMIT})


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Evidence]]:
    import duckdb

    folder: Path = tmp_path_factory.mktemp("shapes")
    with duckdb.connect(str(folder / "m.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE t AS SELECT i AS id, (i * 7) % 6 AS score, chr((97 + i % 5)::INT) AS grp,"
            " CASE WHEN i % 20 = 0 THEN NULL ELSE i % 3 END AS hole FROM range(100) r(i)"
        )
        connection.execute("CREATE TABLE u AS SELECT id, score % 4 AS score, grp FROM t WHERE id % 3 = 0")
    executions = Executions(RunFolder(folder / "run"), {"engine": "duckdb"}, pytest.fail)
    with DuckDbBackend(folder / "m.duckdb", "duckdb") as backend:
        executions.execute([Statement(sql, sql) for sql in SHAPES], NEEDS, Runner(backend, Limits(), "execute"))
    yield {sql: executions.evidence(sql) for sql in SHAPES}


def test_there_are_as_many_shapes_as_asked_for() -> None:
    assert len(set(SHAPES)) >= 35


@pytest.mark.parametrize("sql", SHAPES)
def test_the_tie_fetched_is_that_of_the_full_sort(sql: str, evidence: dict[str, Evidence]) -> None:
    found = evidence[sql]
    assert found.as_written.outcome is Outcome.OK, found.as_written.message
    shape = found.as_written.shape
    assert shape is not None and shape.ordered and shape.has_plain_limit
    if found.longer_limit is None:
        assert shape.exhausted_by(len(found.as_written.rows))
        return
    assert found.longer_limit.sort_keys is not None
    assert found.without_limit is not None and found.without_limit.sort_keys is not None
    in_order = ranks(found.without_limit.sort_keys)
    assert in_order == sorted(in_order)  # equal keys stand together, so they are what was sorted by
    fetched, sorted_whole = (right_rows(replace(found, **{other: None})) for other in ("without_limit", "longer_limit"))
    assert fetched == sorted_whole


def right_rows(evidence: Evidence) -> tuple[object, ...]:
    """What a right answer may hold: rows with their rank and whether they must be there, and the ranks in order."""
    side = read_side(evidence, frozenset())
    predicted = replace(side, cut=False, in_no_order=False)
    reading, *_ = readings(side, predicted)
    gold_ranks = reading.gold_ranks
    assert gold_ranks is not None and reading.expected_ranks is not None
    order = {rank: place for place, rank in enumerate(sorted(set(gold_ranks)))}
    rows = Counter(
        (repr(row), order[rank], must)
        for row, rank, must in zip(reading.gold_rows, gold_ranks, reading.required, strict=True)
    )
    return rows, [order[rank] for rank in reading.expected_ranks], reading.n_rows
