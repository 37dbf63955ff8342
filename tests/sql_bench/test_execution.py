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

    def execute(self, sql, limits, variant=Variant.AS_WRITTEN):
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
        def execute(self, sql, limits, variant=Variant.AS_WRITTEN):
            found = super().execute(sql, limits, variant)
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
    assert [variant for _, variant in backend.asked] == list(Variant)
    assert executions.evidence("q4") == executions.evidence("q0")
    keys = [(line["item"], line["variant"]) for line in map(json.loads, (tmp_path / EXECUTIONS).open())]
    assert keys == [(f"q{n}", variant.value) for n in range(5) for variant in Variant]


def test_fewer_needs_take_nothing_away(tmp_path):
    Executions(tmp_path).run(STATEMENTS, ALL, CountingBackend())
    before = (tmp_path / EXECUTIONS).read_bytes()
    path = tmp_path / EXECUTIONS
    path.write_bytes(before[: before[:-1].rfind(b"\n") + 1])  # the last line is lost
    executions = Executions(tmp_path)
    assert executions.run(STATEMENTS, frozenset(), CountingBackend()) == 0
    assert executions.evidence("q2").with_sort_keys is not None
