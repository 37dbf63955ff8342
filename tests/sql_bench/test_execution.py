"""The execution log with a backend that counts: nothing is run twice, nothing finished is lost."""

from __future__ import annotations

import json

import pytest

from bench_core.errors import BenchError
from sql_bench.pipeline.execute import EXECUTIONS, Executions, Statement
from sql_bench.types import Column, ExecutionResult, Limits, Outcome, StatementShape, Variant

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


STATEMENTS = [
    Statement("q1", "plain"),
    Statement("q2", "ORDER LIMIT"),
    Statement("q3", "bad ORDER"),
    Statement("q4", "LIMIT"),
]


def test_each_statement_runs_once_in_the_forms_that_make_sense(tmp_path):
    backend = CountingBackend()
    executions = Executions(tmp_path)
    assert not executions.has_all(STATEMENTS, ALL)
    assert executions.execute(STATEMENTS, ALL, backend, Limits()) == len(backend.asked) == 7
    assert executions.has_all(STATEMENTS, ALL)
    again = Executions(tmp_path)
    assert again.has_all(STATEMENTS, ALL)
    assert again.execute(STATEMENTS, ALL, backend, Limits()) == 0
    assert again.evidence("q1").with_sort_keys is None
    assert again.evidence("q2").without_limit is not None and again.evidence("q4").with_sort_keys is None
    assert again.evidence("q3").as_written.outcome is Outcome.INVALID_SQL
    assert again.content_sha256() == executions.content_sha256()


def test_a_further_need_runs_only_what_is_missing(tmp_path):
    backend = CountingBackend()
    Executions(tmp_path).execute(STATEMENTS, frozenset(), backend, Limits())
    executions = Executions(tmp_path)
    assert not executions.has_all(STATEMENTS, ALL)
    assert executions.execute(STATEMENTS, ALL, backend, Limits()) == 3


def test_a_changed_statement_is_run_anew_and_the_old_one_forgotten(tmp_path):
    backend = CountingBackend()
    Executions(tmp_path).execute(STATEMENTS, frozenset(), backend, Limits())
    changed = [Statement("q1", "other"), *STATEMENTS[1:3]]
    executions = Executions(tmp_path)
    assert executions.execute(changed, frozenset(), backend, Limits()) == 1
    executions.keep_only(changed)
    items = [json.loads(line)["item"] for line in (tmp_path / EXECUTIONS).read_text().splitlines()]
    assert items == ["q1", "q2", "q3"]
    for found in (executions, Executions(tmp_path)):
        assert [found.evidence(item).as_written.rows for item in items] == [
            (("other",),),
            (("ORDER LIMIT",),),
            (("bad ORDER",),),
        ]


def test_a_failing_backend_stores_nothing_and_keeps_what_was_done(tmp_path):
    with pytest.raises(BenchError, match=r"q2: the database failed .* run the command again"):
        Executions(tmp_path).execute(STATEMENTS, ALL, CountingBackend(broken={"ORDER LIMIT"}), Limits())
    repaired = CountingBackend()
    executions = Executions(tmp_path)
    executions.execute(STATEMENTS, ALL, repaired, Limits())
    assert ("plain", Variant.AS_WRITTEN) not in repaired.asked and len(repaired.asked) == 6


def test_a_record_cut_off_by_a_kill_is_run_again(tmp_path):
    Executions(tmp_path).execute(STATEMENTS, frozenset(), CountingBackend(), Limits())
    path = tmp_path / EXECUTIONS
    path.write_bytes(path.read_bytes()[:-9])
    backend = CountingBackend()
    executions = Executions(tmp_path)
    assert executions.execute(STATEMENTS, frozenset(), backend, Limits()) == 1
    assert backend.asked == [("LIMIT", Variant.AS_WRITTEN)]
    assert executions.evidence("q4").as_written.rows == (("LIMIT",),)


def test_seconds_are_no_part_of_the_content(tmp_path):
    class Slower(CountingBackend):
        def execute(self, sql, limits, variant=Variant.AS_WRITTEN):
            found = super().execute(sql, limits, variant)
            return ExecutionResult(**{**vars(found), "seconds": 9.0})

    one, other = Executions(tmp_path / "a"), Executions(tmp_path / "b")
    one.execute(STATEMENTS, ALL, CountingBackend(), Limits())
    other.execute(STATEMENTS, ALL, Slower(), Limits())
    assert one.content_sha256() == other.content_sha256()


def test_evidence_of_what_never_ran_is_an_error(tmp_path):
    with pytest.raises(BenchError, match="q9 was not executed"):
        Executions(tmp_path).evidence("q9")
