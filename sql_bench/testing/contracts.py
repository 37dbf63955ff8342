"""The contracts of generators, comparators and backends, as tests; `sql-bench doctor` runs the first two."""

from __future__ import annotations

from bench_core.identity import canonical_json
from sql_bench.types import (
    AskedQuestion,
    Column,
    Comparator,
    Evidence,
    ExecutionResult,
    Limits,
    Outcome,
    PredictionStatus,
    Question,
    Row,
    SqlBackend,
    SqlGenerator,
    StatementShape,
    Variant,
    VerdictKind,
)


class EmptyDatabase:
    """A database view with one small table and no rows, for generators under test."""

    dialect = "duckdb"

    def schema_text(self) -> str:
        """One table."""
        return "drugs(UUID VARCHAR, name VARCHAR, approved INTEGER)"

    def preview(self, sql: str) -> ExecutionResult:
        """Every statement runs and returns nothing."""
        return ExecutionResult(Outcome.OK, executed_sql=sql)


class GeneratorContract:
    """What every SQL generator holds. A subclass gives `create`, and questions it can be asked."""

    questions = (AskedQuestion("q1", "How many drugs are approved?"), AskedQuestion("q2", "Which is the oldest drug?"))

    def create(self) -> SqlGenerator:
        """A new generator, always with the same arguments."""
        raise NotImplementedError

    def test_describe_is_json_and_the_same_for_equal_generators(self) -> None:
        one, other = self.create(), self.create()
        first, second = dict(one.describe()), dict(other.describe())
        assert first.get("class"), "describe() has no 'class': the name its runs are filed under"
        assert canonical_json(first) == canonical_json(second), (
            "two generators made with the same arguments describe themselves differently"
        )

    def test_a_prediction_names_its_question(self) -> None:
        generator = self.create()
        for question in self.questions:
            found = generator.generate(question, EmptyDatabase()).question_id
            assert found == question.question_id, f"asked {question.question_id}, the prediction is for {found}"

    def test_sql_is_there_exactly_when_the_status_says_so(self) -> None:
        generator = self.create()
        for question in self.questions:
            prediction = generator.generate(question, EmptyDatabase())
            has_sql = bool(prediction.sql and prediction.sql.strip())
            assert has_sql == (prediction.status is PredictionStatus.SQL), (
                f"{question.question_id}: the status is {prediction.status} and the sql is {prediction.sql!r}"
            )


class ComparatorContract:
    """What every comparator holds. A subclass gives `create`."""

    def create(self) -> Comparator:
        """A new comparator, always with the same arguments."""
        raise NotImplementedError

    def test_describe_is_json_and_the_same_for_equal_comparators(self) -> None:
        one, other = self.create(), self.create()
        assert canonical_json(dict(one.describe())) == canonical_json(dict(other.describe())), (
            "two comparators made with the same arguments describe themselves differently"
        )
        assert one.describe().get("name"), "describe() has no 'name': the name its verdicts are filed under"

    def test_needs_are_variants(self) -> None:
        assert all(isinstance(need, Variant) for need in self.create().needs), "needs holds something else than Variant"

    def test_gold_is_right_against_itself(self) -> None:
        for rows in ((("AD_1", 1.5), ("AD_2", None)), (("AD_1", 1.5), ("AD_1", 1.5)), ((None, None),)):
            verdict = self.create().compare(_evidence(rows), _evidence(rows), _QUESTION)
            assert verdict.kind is VerdictKind.CORRECT, f"gold against itself is {verdict.kind} for {rows}"

    def test_nothing_is_wrong_where_gold_has_rows(self) -> None:
        verdict = self.create().compare(_evidence((("AD_1", 1.5),)), _evidence(()), _QUESTION)
        assert verdict.kind is VerdictKind.WRONG, f"an empty result is {verdict.kind}"

    def test_other_rows_are_wrong(self) -> None:
        verdict = self.create().compare(_evidence((("AD_1", 1.5),)), _evidence((("AD_2", 2.5),)), _QUESTION)
        assert verdict.kind is VerdictKind.WRONG, (
            f"gold ('AD_1', 1.5) and predicted ('AD_2', 2.5) are {verdict.kind}, so a wrong answer can count; compare "
            "values too, or subclass ComparatorContract without this point where that is what you mean"
        )

    def test_every_figure_is_a_number(self) -> None:
        verdict = self.create().compare(_evidence((("AD_1", 1.5),)), _evidence((("AD_2", 2.5),)), _QUESTION)
        wrong = {name: value for name, value in verdict.figures.items() if not isinstance(value, int | float)}
        assert not wrong, f"figures hold {wrong}"


class BackendContract:
    """What every backend holds. A subclass gives `create`, over a database with the table t(id, name) of two rows."""

    def create(self) -> SqlBackend:
        """A new backend on that table: (1, 'a'), (2, 'b')."""
        raise NotImplementedError

    def test_describe_names_the_engine(self) -> None:
        assert self.create().describe().get("engine"), "describe() has no 'engine'"

    def test_a_select_runs(self) -> None:
        result = self._execute("SELECT id, name FROM t ORDER BY id")
        assert result.outcome is Outcome.OK, result.message
        assert result.rows == ((1, "a"), (2, "b"))
        assert [column.name for column in result.columns] == ["id", "name"]
        assert result.shape is not None and result.shape.ordered and not result.shape.has_limit

    def test_a_write_is_refused(self) -> None:
        for sql in ("DELETE FROM t", "CREATE TABLE x AS SELECT 1", "INSERT INTO t VALUES (3, 'c')", "DROP TABLE t"):
            assert self._execute(sql).outcome in (Outcome.REFUSED, Outcome.INVALID_SQL), sql

    def test_two_statements_are_refused(self) -> None:
        assert self._execute("SELECT 1; SELECT 2").outcome is Outcome.REFUSED

    def test_a_wrong_name_is_invalid_sql(self) -> None:
        for sql in ("SELECT no_such_column FROM t", "SELECT * FROM no_such_table", "SELEC id FROM t"):
            result = self._execute(sql)
            assert result.outcome is Outcome.INVALID_SQL, f"{sql}: {result.outcome} {result.message}"
            assert result.message, f"{sql}: no message"

    def test_too_many_rows_are_a_resource_limit(self) -> None:
        result = self._execute("SELECT id FROM t", Limits(max_rows=1))
        assert result.outcome is Outcome.RESOURCE_LIMIT and not result.rows

    def test_variants_keep_rows_and_add_sort_keys(self) -> None:
        backend = self.create()
        try:
            sql = "SELECT name FROM t ORDER BY id DESC LIMIT 1"
            keyed = backend.execute(sql, Limits(), Variant.WITH_SORT_KEYS)
            whole = backend.execute(sql, Limits(), Variant.WITHOUT_LIMIT)
        finally:
            backend.close()
        assert (keyed.rows, keyed.sort_keys) == ((("b",),), ((2,),))
        assert (whole.rows, whole.sort_keys) == ((("b",), ("a",)), ((2,), (1,)))
        assert keyed.shape is not None and keyed.shape.limit == 1

    def _execute(self, sql: str, limits: Limits | None = None) -> ExecutionResult:
        backend = self.create()
        try:
            return backend.execute(sql, limits or Limits())
        finally:
            backend.close()


_QUESTION = Question("q1", "Which?", ("SELECT 1",))
_COLUMNS = (Column("UUID", "VARCHAR"), Column("p", "DOUBLE"))


def _evidence(rows: tuple[Row, ...]) -> Evidence:
    shape = StatementShape(f"SELECT UUID, p FROM t WHERE {rows!r}")
    return Evidence(ExecutionResult(Outcome.OK, _COLUMNS, rows, shape=shape))
