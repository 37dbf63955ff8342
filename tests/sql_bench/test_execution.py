"""The execution stage with a backend that counts: nothing is run twice, nothing finished is lost."""

from __future__ import annotations

import json

import pytest

from bench_core.errors import BenchError
from bench_core.runs.manifest import RunFolder
from sql_bench.pipeline import execute
from sql_bench.pipeline.execute import Runner, Statement
from sql_bench.types import Column, ExecutionResult, Limits, Outcome, StatementShape, Variant

EXECUTIONS = "executions.jsonl"
ALL = frozenset({Variant.WITH_SORT_KEYS, Variant.WITHOUT_LIMIT})


class CountingBackend:
    """Answers every statement with its own text; `broken` ones fail in the backend."""

    def __init__(self, broken=()):
        self.asked = []
        self.broken = broken

    def describe(self):
        return {"engine": "counting"}

    def close(self):
        pass

    def execute(self, sql, limits, variant=Variant.AS_WRITTEN, limit=None):
        self.asked.append((sql, variant))
        if sql in self.broken:
            return ExecutionResult(Outcome.BACKEND_ERROR, message="the disk is gone")
        shape = StatementShape(sql, ordered="ORDER" in sql, limit=5, has_limit="LIMIT" in sql)
        outcome = Outcome.INVALID_SQL if "bad" in sql else Outcome.OK
        return ExecutionResult(outcome, (Column("c", "VARCHAR"),), ((sql,),), shape=shape, seconds=0.5)


class Executions(execute.Executions):
    """Those of a folder; damage is a failure unless it is expected."""

    def __init__(self, path, tell=pytest.fail):
        super().__init__(RunFolder(path), {"engine": "counting"}, tell)

    def run(self, statements, needs, backend):
        return self.execute(statements, needs, Runner(backend, Limits(), "execute"))


STATEMENTS = [
    Statement("q1", "plain"),
    Statement("q2", "ORDER LIMIT"),
    Statement("q3", "bad ORDER"),
    Statement("q4", "LIMIT"),
]


def test_each_statement_runs_once_in_the_forms_that_make_sense(tmp_path):
    backend = CountingBackend()
    executions = Executions(tmp_path)
    assert executions.run(STATEMENTS, ALL, backend) == len(backend.asked) == 7
    again = Executions(tmp_path)
    assert again.run(STATEMENTS, ALL, backend) == 0
    assert again.evidence("q1").with_sort_keys is None
    assert again.evidence("q2").without_limit is not None and again.evidence("q4").with_sort_keys is None
    assert again.evidence("q3").as_written.outcome is Outcome.INVALID_SQL
    assert again.content_sha256() == executions.content_sha256()


def test_a_further_need_runs_only_what_is_missing(tmp_path):
    backend = CountingBackend()
    Executions(tmp_path).run(STATEMENTS, frozenset(), backend)
    executions = Executions(tmp_path)
    assert executions.run(STATEMENTS, ALL, backend) == 3


def test_a_changed_statement_is_run_anew_and_the_old_one_forgotten(tmp_path):
    backend = CountingBackend()
    Executions(tmp_path).run(STATEMENTS, frozenset(), backend)
    changed = [Statement("q1", "other"), *STATEMENTS[1:3]]
    executions = Executions(tmp_path)
    assert executions.run(changed, frozenset(), backend) == 1
    items = [json.loads(line)["item"] for line in (tmp_path / EXECUTIONS).read_text().splitlines()]
    assert items == ["q1", "q2", "q3"]
    for found in (executions, Executions(tmp_path)):
        assert [found.evidence(item).as_written.rows for item in items] == [
            (("other",),),
            (("ORDER LIMIT",),),
            (("bad ORDER",),),
        ]


def test_a_failing_backend_stores_nothing_and_keeps_what_was_done(tmp_path):
    with pytest.raises(BenchError, match=r"q2: the database failed: the disk is gone. What was done is kept"):
        Executions(tmp_path).run(STATEMENTS, ALL, CountingBackend(broken={"ORDER LIMIT"}))
    repaired = CountingBackend()
    executions = Executions(tmp_path)
    executions.run(STATEMENTS, ALL, repaired)
    assert ("plain", Variant.AS_WRITTEN) not in repaired.asked and len(repaired.asked) == 6


def test_a_record_cut_off_by_a_kill_is_run_again(tmp_path):
    Executions(tmp_path).run(STATEMENTS, frozenset(), CountingBackend())
    path = tmp_path / EXECUTIONS
    path.write_bytes(path.read_bytes()[:-9])
    backend = CountingBackend()
    executions = Executions(tmp_path)
    assert executions.run(STATEMENTS, frozenset(), backend) == 1
    assert backend.asked == [("LIMIT", Variant.AS_WRITTEN)]
    assert executions.evidence("q4").as_written.rows == (("LIMIT",),)


def test_seconds_are_no_part_of_the_content(tmp_path):
    class Slower(CountingBackend):
        def execute(self, sql, limits, variant=Variant.AS_WRITTEN, limit=None):
            found = super().execute(sql, limits, variant, limit)
            return ExecutionResult(**{**vars(found), "seconds": 9.0})

    one, other = Executions(tmp_path / "a"), Executions(tmp_path / "b")
    one.run(STATEMENTS, ALL, CountingBackend())
    other.run(STATEMENTS, ALL, Slower())
    assert one.content_sha256() == other.content_sha256()


def test_evidence_of_what_never_ran_is_an_error(tmp_path):
    with pytest.raises(BenchError, match="q9 was not executed"):
        Executions(tmp_path).evidence("q9")


def test_equal_statements_run_once_for_all_that_ask(tmp_path):
    backend = CountingBackend()
    same = [Statement(f"q{n}", "ORDER LIMIT") for n in range(5)]
    executions = Executions(tmp_path)
    assert executions.run(same, ALL, backend) == 15
    forms = [Variant.AS_WRITTEN, Variant.WITH_SORT_KEYS, Variant.WITHOUT_LIMIT]
    assert [variant for _, variant in backend.asked] == forms
    assert executions.evidence("q4") == executions.evidence("q0")
    keys = [(line["item"], line["variant"]) for line in map(json.loads, (tmp_path / EXECUTIONS).open())]
    assert keys == [(f"q{n}", variant.value) for n in range(5) for variant in forms]


def test_fewer_needs_take_nothing_away(tmp_path):
    Executions(tmp_path).run(STATEMENTS, ALL, CountingBackend())
    before = (tmp_path / EXECUTIONS).read_bytes()
    path = tmp_path / EXECUTIONS
    path.write_bytes(before[: before[:-1].rfind(b"\n") + 1])  # the last line is lost
    executions = Executions(tmp_path)
    assert executions.run(STATEMENTS, frozenset(), CountingBackend()) == 0
    assert executions.evidence("q2").with_sort_keys is not None


class Table:
    """A backend with one ordered table: `top K OFFSET`; every form of it is recorded by its LIMIT."""

    def __init__(self, keys):
        self.keys, self.asked = keys, []

    def describe(self):
        return {"engine": "table"}

    def close(self):
        pass

    def execute(self, sql, limits, variant=Variant.AS_WRITTEN, limit=None):
        k, offset = (int(word) for word in sql.split()[1:])
        shape = StatementShape(sql, ordered=sql.startswith("top"), limit=k, has_limit=True, offset=offset)
        reach = {Variant.AS_WRITTEN: slice(offset, offset + k), Variant.LONGER_LIMIT: slice(limit)}.get(
            variant, slice(None)
        )
        self.asked.append((variant, limit))
        rows = tuple((place,) for place in range(len(self.keys)))[reach]
        if len(rows) > limits.max_rows:
            return ExecutionResult(Outcome.RESOURCE_LIMIT, shape=shape)
        keys = (
            tuple((key,) for key in self.keys)[reach] if shape.ordered and variant is not Variant.AS_WRITTEN else None
        )
        return ExecutionResult(Outcome.OK, (Column("c", "BIGINT"),), rows, keys, shape=shape)


NEEDS = frozenset({Variant.WITH_SORT_KEYS, Variant.LONGER_LIMIT})
TIED = [1, 2, 3, 3, 3, 4] + [5] * 5000 + [6]


@pytest.mark.parametrize(
    ("sql", "reached", "n_rows", "cut"),
    [
        ("top 2 0", [3], 3, True),  # the third row has another key
        ("top 3 0", [4, 1024], 1024, True),
        ("top 3 1", [5, 1024], 1024, True),
        ("top 6 0", [7], 7, True),
        ("top 7 0", [8, 1024, 2048, 4096, 8192], 5007, False),
        ("top 5007 0", [5008], 5007, False),
        ("top 5008 0", [], None, False),  # fewer rows than its LIMIT
        ("top 2 5005", [5008], 5007, False),
        ("top 0 0", [1], 1, True),
        ("some 3 0", [4], 4, True),
        ("some 5007 0", [5008], 5007, False),
    ],
)
def test_a_limit_is_made_longer_until_the_tie_at_its_end_is_there(tmp_path, sql, reached, n_rows, cut):
    backend, executions = Table(TIED), Executions(tmp_path)
    executions.run([Statement("q", sql)], NEEDS, backend)
    assert [limit for variant, limit in backend.asked if variant is Variant.LONGER_LIMIT] == reached
    longer = executions.evidence("q").longer_limit
    assert (longer and len(longer.rows), longer is not None and longer.cut) == (n_rows, cut)
    whole = [variant for variant, _ in backend.asked if variant is Variant.WITHOUT_LIMIT]
    assert len(whole) == (sql == "some 3 0")  # no order says which rows a longer LIMIT would bring
    again = Table(TIED)
    assert Executions(tmp_path).run([Statement("q", sql)], NEEDS, again) == 0 and not again.asked


def test_a_tie_is_fetched_up_to_the_cap_on_rows(tmp_path):
    backend, executions = Table(TIED), Executions(tmp_path)
    executions.execute([Statement("q", "top 7 0")], NEEDS, Runner(backend, Limits(max_rows=3000), "execute"))
    assert [limit for _, limit in backend.asked] == [None, 8, 1024, 2048, 3000]
    longer = executions.evidence("q").longer_limit
    assert longer is not None and (len(longer.rows), longer.cut) == (3000, True)


def test_keys_of_a_longer_limit_serve_who_needs_sort_keys(tmp_path):
    executions = Executions(tmp_path)
    executions.run([Statement("q", "top 3 1")], NEEDS, Table(TIED))
    keyed = executions.evidence("q").with_sort_keys
    assert keyed is not None and (keyed.rows, keyed.sort_keys) == (((1,), (2,), (3,)), ((2,), (3,), (3,)))


def test_a_limit_that_does_not_count_is_taken_off(tmp_path):
    backend, executions = Table(TIED), Executions(tmp_path)
    statements = [Statement("a", "top 3 0", frozenset({3})), Statement("b", "top 2 0", against_sample=True)]
    executions.run([*statements, Statement("c", "top 1 0", frozenset({3}))], NEEDS, backend)
    assert [executions.evidence(item).without_limit is not None for item in "abc"] == [True, True, False]


def test_a_statement_that_ran_as_gold_is_not_run_again(tmp_path):
    golds, backend = Executions(tmp_path / "golds"), Table(TIED)
    golds.run([Statement("g#0", "top 3 0")], NEEDS, backend)
    n_asked = len(backend.asked)

    def elsewhere(sql, variant):
        return golds.stored("g#0", sql, variant)

    executions = Executions(tmp_path / "predictions")
    statements = [Statement("g", "top 3 0"), Statement("h", "top 1 0")]
    executions.execute(statements, NEEDS, Runner(backend, Limits(), "execute", elsewhere))
    assert [limit for _, limit in backend.asked[n_asked:]] == [None, 2]
    assert executions.results_sha256("g") == golds.results_sha256("g#0") != executions.results_sha256("h")
