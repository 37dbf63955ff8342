"""The execution stage with a backend that counts: nothing is run twice, nothing finished is lost."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bench_core.errors import BenchError
from bench_core.runs.manifest import RunFolder
from sql_bench.comparators.sides import read_side
from sql_bench.pipeline import executions as stage
from sql_bench.pipeline.executions import Statement
from sql_bench.pipeline.neighbours import Neighbours
from sql_bench.pipeline.runner import Runner
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

    def prepare(self, sql, limits):
        return replace(self.result(sql), columns=(), rows=())

    def execute(self, sql, limits, variant=Variant.AS_WRITTEN, reach=None):
        self.asked.append((sql, variant))
        if sql in self.broken:
            return ExecutionResult(Outcome.BACKEND_ERROR, message="the disk is gone")
        return self.result(sql)

    def result(self, sql):
        """As of a statement whose parts behind -- are a comment."""
        ran = sql.partition(" --")[0]
        shape = StatementShape(sql, ordered="ORDER" in sql, limit=5, has_limit="LIMIT" in sql, volatile="RAND" in sql)
        outcome = Outcome.INVALID_SQL if "bad" in sql else Outcome.OK
        return ExecutionResult(
            outcome,
            (Column("c", "VARCHAR"),),
            ((ran,),),
            executed_sql=ran,
            shape=shape,
            seconds=0.5,
        )


class Executions(stage.Executions):
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
    assert executions.run(STATEMENTS, ALL, backend) == 7 and len(backend.asked) == 6  # what is not valid is not run
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
            (),
        ]


def test_a_failing_backend_stores_nothing_and_keeps_what_was_done(tmp_path):
    with pytest.raises(BenchError, match=r"q2: the database failed: the disk is gone. What was done is kept"):
        Executions(tmp_path).run(STATEMENTS, ALL, CountingBackend(broken={"ORDER LIMIT"}))
    repaired = CountingBackend()
    executions = Executions(tmp_path)
    executions.run(STATEMENTS, ALL, repaired)
    assert ("plain", Variant.AS_WRITTEN) not in repaired.asked and len(repaired.asked) == 5


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
        def execute(self, sql, limits, variant=Variant.AS_WRITTEN, reach=None):
            found = super().execute(sql, limits, variant, reach)
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
    """A backend with one ordered table: `top K OFFSET`; every form of it is recorded by how far it reached.

    A tie is picked by its keys where `picks` says so.
    """

    def __init__(self, keys, picks=True):
        self.keys, self.picks, self.asked = keys, picks, []

    def describe(self):
        return {"engine": "table"}

    def close(self):
        pass

    def prepare(self, sql, limits):
        return ExecutionResult(Outcome.OK, executed_sql=sql, shape=self.shape(sql))

    def shape(self, sql):
        k, offset = (int(word) for word in sql.split()[1:])
        return StatementShape(sql, ordered=sql.startswith("top"), limit=k, has_limit=True, offset=offset)

    def execute(self, sql, limits, variant=Variant.AS_WRITTEN, reach=None):
        shape = self.shape(sql)
        self.asked.append((variant, None if reach is None else reach.tie or reach.n_rows))
        if reach is not None and reach.tie is not None and not self.picks:
            return ExecutionResult(Outcome.UNTRANSLATABLE, shape=shape)
        places = [place for place, key in enumerate(self.keys) if reach is None or reach.tie in (None, (key,))]
        kept = {
            Variant.AS_WRITTEN: slice(shape.offset, shape.offset + shape.limit),
            Variant.LONGER_LIMIT: slice(reach.n_rows if reach is not None else None),
        }.get(variant, slice(None))
        places = places[kept]
        if len(places) > limits.max_rows:
            return ExecutionResult(Outcome.RESOURCE_LIMIT, shape=shape)
        has_keys = shape.ordered and variant is not Variant.AS_WRITTEN
        keys = tuple((self.keys[place],) for place in places) if has_keys else None
        rows = tuple((place,) for place in places)
        return ExecutionResult(Outcome.OK, (Column("c", "BIGINT"),), rows, keys, executed_sql=sql, shape=shape)


NEEDS = frozenset({Variant.WITH_SORT_KEYS, Variant.LONGER_LIMIT})
TIED = [1, 2, 3, 3, 3, 4] + [5] * 5000 + [6]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sql", "reached", "doubled", "n_rows", "cut"),
    [
        ("top 2 0", [3], [3], 3, True),  # the third row has another key
        ("top 3 0", [4, (3,)], [4, (3,), 1024], 5, True),
        ("top 3 1", [5, (3,)], [5, (3,), 1024], 5, True),
        ("top 6 0", [7], [7], 7, True),
        ("top 7 0", [8, (5,)], [8, (5,), 1024, 2048, 4096, 8192], 5006, True),
        ("top 5007 0", [5008], [5008], 5007, False),
        ("top 5008 0", [], [], None, False),  # fewer rows than its LIMIT
        ("top 2 5005", [5008], [5008], 5007, False),
        ("top 0 0", [1], [1], 1, True),
        ("some 3 0", [4], [4], 4, True),
        ("some 5007 0", [5008], [5008], 5007, False),
    ],
)
def test_the_tie_at_a_limit_is_fetched(tmp_path, sql, reached, doubled, n_rows, cut):
    backend, executions = Table(TIED), Executions(tmp_path / "picked")
    executions.run([Statement("q", sql)], NEEDS, backend)
    assert [reach for variant, reach in backend.asked if variant is Variant.LONGER_LIMIT] == reached
    longer = executions.evidence("q").longer_limit
    assert (longer and len(longer.rows), longer is not None and longer.cut) == (n_rows, cut)
    assert (longer is not None and longer.tie_is_whole) == (len(reached) == 2)
    whole = [variant for variant, _ in backend.asked if variant is Variant.WITHOUT_LIMIT]
    assert len(whole) == (sql == "some 3 0")  # no order says which rows a longer LIMIT would bring
    again = Table(TIED)
    assert Executions(tmp_path / "picked").run([Statement("q", sql)], NEEDS, again) == 0 and not again.asked
    unable, slower = Table(TIED, picks=False), Executions(tmp_path / "doubled")
    slower.run([Statement("q", sql)], NEEDS, unable)
    assert [reach for variant, reach in unable.asked if variant is Variant.LONGER_LIMIT] == doubled
    if longer is not None:
        (one, other) = (read_side(found.evidence("q"), frozenset()) for found in (executions, slower))
        last = set((longer.sort_keys or ())[-1:])
        assert [row for row, key in rows_of(one) if key in last] == [row for row, key in rows_of(other) if key in last]


def rows_of(side):
    return list(zip(side.top.rows, side.top.keys, strict=True)) if side.top is not None else []


def test_a_tie_is_fetched_up_to_the_cap_on_rows(tmp_path):
    backend, executions = Table(TIED), Executions(tmp_path)
    executions.execute([Statement("q", "top 7 0")], NEEDS, Runner(backend, Limits(max_rows=3000), "execute"))
    assert [reach for _, reach in backend.asked] == [None, 8, (5,), 1024, 2048, 3000]
    longer = executions.evidence("q").longer_limit
    assert longer is not None and (len(longer.rows), longer.cut, longer.tie_is_whole) == (3000, True, False)


def test_a_tie_whose_values_the_engine_does_not_find_is_not_believed(tmp_path):
    class Forgetful(Table):
        def execute(self, sql, limits, variant=Variant.AS_WRITTEN, reach=None):
            found = super().execute(sql, limits, variant, reach)
            return replace(found, rows=(), sort_keys=()) if reach is not None and reach.tie else found

    backend, executions = Forgetful(TIED), Executions(tmp_path)
    executions.run([Statement("q", "top 3 0")], NEEDS, backend)
    assert [reach for _, reach in backend.asked] == [None, 4, (3,), 1024]


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

    executions = Executions(tmp_path / "predictions")
    statements = [Statement("g", "top 3 0"), Statement("h", "top 1 0")]
    executions.execute(statements, NEEDS, Runner(backend, Limits(), "execute", [golds.known()]))
    assert [limit for _, limit in backend.asked[n_asked:]] == [None, 2]
    assert executions.results_sha256("g") == golds.results_sha256("g#0") != executions.results_sha256("h")


def test_statements_that_are_equal_once_translated_run_once(tmp_path):
    backend, executions = CountingBackend(), Executions(tmp_path)
    texts = ["ORDER LIMIT", "ORDER LIMIT --a", "ORDER LIMIT --b", "plain"]
    executions.run([Statement(f"q{n}", sql) for n, sql in enumerate(texts)], ALL, backend)
    forms = [Variant.AS_WRITTEN, Variant.WITH_SORT_KEYS, Variant.WITHOUT_LIMIT]
    assert backend.asked == [
        ("ORDER LIMIT", forms[0]), ("plain", forms[0]), ("ORDER LIMIT", forms[1]), ("ORDER LIMIT", forms[2])
    ]  # fmt: skip
    found = [executions.evidence(f"q{n}") for n in range(3)]
    assert [evidence.as_written.rows for evidence in found] == [(("ORDER LIMIT",),)] * 3
    assert [evidence.as_written.shape.canonical_sql for evidence in found] == texts[:3]  # each is judged as written
    assert all(evidence.without_limit is not None for evidence in found)
    again = CountingBackend()
    executions = Executions(tmp_path)
    executions.run(
        [*(Statement(f"q{n}", sql) for n, sql in enumerate(texts)), Statement("q9", "plain --c")], ALL, again
    )
    assert again.asked == [] and executions.evidence("q9").as_written.rows == (("plain",),)


def test_a_text_is_judged_before_an_equal_ones_result_is_taken(tmp_path):
    class Strict(CountingBackend):
        def prepare(self, sql, limits):
            found = super().prepare(sql, limits)
            return replace(found, outcome=Outcome.REFUSED) if "--forbidden" in sql else found

    executions = Executions(tmp_path)
    executions.run([Statement("a", "plain"), Statement("b", "plain --forbidden")], ALL, Strict())
    outcomes = [executions.evidence(item).as_written.outcome for item in "ab"]
    assert outcomes == [Outcome.OK, Outcome.REFUSED]


def test_a_statement_that_draws_lots_is_run_for_each_that_asks(tmp_path):
    class Lots(CountingBackend):
        def result(self, sql):
            return replace(super().result(sql), rows=((len(self.asked),),))

    backend, executions = Lots(), Executions(tmp_path)
    same = [Statement(f"q{n}", "RAND ORDER LIMIT") for n in range(3)]
    executions.run(same, ALL, backend)
    assert backend.asked == [("RAND ORDER LIMIT", Variant.AS_WRITTEN)] * 3
    assert [executions.evidence(f"q{n}").as_written.rows for n in range(3)] == [((1,),), ((2,),), ((3,),)]
    assert executions.known().of_text("RAND ORDER LIMIT") is None
    again = Lots()
    assert Executions(tmp_path).run(same, ALL, again) == 0 and not again.asked


def test_what_a_neighbour_ran_is_not_run_again(tmp_path):
    identity = {"engine": "counting"}
    one, other = (RunFolder(tmp_path / name / "counting--1") for name in ("a--1", "b--2"))
    backend = CountingBackend()
    stage.Executions(one, identity, pytest.fail).execute(
        [Statement("q1", "ORDER LIMIT"), Statement("q2", "RAND")], ALL, Runner(backend, Limits(), "execute")
    )
    n_asked = len(backend.asked)
    second = stage.Executions(other, identity, pytest.fail)
    runner = Runner(backend, Limits(), "execute", [Neighbours(other, identity)])
    statements = [Statement("q7", "ORDER LIMIT --c"), Statement("q8", "RAND"), Statement("q9", "new")]
    second.execute(statements, ALL, runner)
    assert [sql for sql, _ in backend.asked[n_asked:]] == ["RAND", "new"]
    assert second.evidence("q7").without_limit is not None
    strangers = [
        Neighbours(other, {"engine": "another"}),
        Neighbours(RunFolder(tmp_path / "b--2" / "counting--3"), identity),
    ]
    assert all(known.of_text("ORDER LIMIT") is None for known in strangers)


@pytest.mark.parametrize("damage", ["changed", "cut", "gone"])
def test_a_neighbours_damaged_result_is_not_believed(tmp_path, damage):
    identity = {"engine": "counting"}
    one, other = (RunFolder(tmp_path / name / "counting--1") for name in ("a--1", "b--2"))
    first = stage.Executions(one, identity, pytest.fail)
    first.execute([Statement("q1", "plain")], ALL, Runner(CountingBackend(), Limits(), "execute"))
    known, path = Neighbours(other, identity), one.path / EXECUTIONS
    if damage == "cut":
        assert known.of_text("plain") is not None
        path.write_bytes(b"x" * path.stat().st_size)
    elif damage == "gone":
        assert known.of_text("plain") is not None
        path.unlink()
    else:
        path.write_bytes(path.read_bytes().replace(b'[["plain"]]', b'[["plaim"]]'))
    assert known.of_text("plain") is None


def test_executions_say_on_what_engine_they_ran(tmp_path):
    engine = {"backend": {"engine": "duckdb", "dialect": "bigquery"}, "limits": {"max_rows": 5}}
    ran = stage.Executions(RunFolder(tmp_path), {"golds_sha256": "g", **engine}, pytest.fail)
    assert ran.ran_on(engine)
    assert not ran.ran_on({**engine, "backend": {"engine": "duckdb", "dialect": "postgres"}})
    assert not ran.ran_on({**engine, "limits": {"max_rows": 6}}) and not ran.ran_on({**engine, "as_of": "2025-01-01"})
