"""Mutants and rewrites of gold statements whose verdict is known by construction (docs/rules/comparing.md C11).

The verdict on each follows from how it was made, never from what the comparator says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sql_bench.comparators.answer import AnswerComparator
from sql_bench.dialect.statement import shape_of
from sql_bench.dialect.variants import as_variant
from sql_bench.types import (
    Column,
    ComparisonRules,
    Difference,
    Evidence,
    ExecutionResult,
    IdentifierRule,
    Outcome,
    Question,
    Variant,
    VerdictKind,
)

CORRECT, WRONG, UNDETERMINED = VerdictKind.CORRECT, VerdictKind.WRONG, VerdictKind.UNDETERMINED
RULES = ComparisonRules(IdentifierRule(frozenset({"UUID"}), r"(gwas|drug)_\d+"), frozenset({10, 100, 1000}))

TABLES = """
CREATE TABLE gwas AS SELECT
    'gwas_' || i AS UUID,
    'rs' || (1000 + i) AS SNP,
    ['APP', 'BIN1', 'CLU', 'GRN', 'SNCA'][1 + i % 5] AS gene,
    1 + i % 4 AS chr,
    100000 + 37 * i AS bp,
    ((i * 37) % 101) / 101.0 AS freq,
    pow(10, -((i * 7) % 12)) AS p
  FROM range(60) t(i);
CREATE TABLE drugs AS SELECT
    'drug_' || i AS UUID,
    'drug ' || chr((97 + i)::INT) AS name,
    ['APP', 'SNCA', 'MAPT'][1 + i % 3] AS gene,
    1990 + (i * 3) % 10 AS year,
    i % 2 = 0 AS approved,
    CASE WHEN i % 4 = 3 THEN NULL ELSE 5.0 * i END AS dose_mg
  FROM range(12) t(i);
"""


@pytest.fixture(scope="module")
def connection() -> Iterator[Any]:
    import duckdb

    with duckdb.connect() as database:
        database.execute("SET threads = 1")
        database.execute(TABLES)
        yield database


@pytest.fixture
def verdict_of(connection: Any) -> Any:
    def judge(gold: str, predicted: str, text: str = "Which?", **options: Any) -> Any:
        question = Question("q", text, (gold,), rules=RULES)
        return AnswerComparator(**options).compare(run(connection, gold), run(connection, predicted), question)

    return judge


def run(connection: Any, sql: str) -> Evidence:
    """A statement as written, with its sort keys, and without its LIMIT, as the execution stage would store it."""
    written = run_variant(connection, sql, Variant.AS_WRITTEN)
    shape = written.shape
    assert shape is not None
    keyed = run_variant(connection, sql, Variant.WITH_SORT_KEYS) if shape.ordered else None
    whole = run_variant(connection, sql, Variant.WITHOUT_LIMIT) if shape.has_limit else None
    return Evidence(written, keyed, whole)


def run_variant(connection: Any, sql: str, variant: Variant) -> ExecutionResult:
    import sqlglot

    tree = sqlglot.parse_one(sql, read="duckdb")
    shape = shape_of(tree, "duckdb")  # type: ignore[arg-type]
    query, keys = as_variant(tree, variant)  # type: ignore[arg-type]
    cursor = connection.execute(query.sql(dialect="duckdb"))
    columns = tuple(Column(name, str(kind)) for name, kind, *_ in cursor.description)
    rows = tuple(cursor.fetchall())
    sort_keys = None
    if keys is not None:
        columns = columns[: len(columns) - keys.n_added]
        rows, sort_keys = keys.split(rows)
    return ExecutionResult(Outcome.OK, columns, rows, sort_keys, shape=shape)


SIGNIFICANT = "SELECT UUID, SNP, p FROM gwas WHERE p < 1e-8"
TOP = "SELECT UUID, gene, p FROM gwas ORDER BY p LIMIT 8"
COUNTED = "SELECT gene, COUNT(*) AS n FROM gwas WHERE p < 1e-3 GROUP BY gene"
GENES = "SELECT DISTINCT gene FROM gwas WHERE p < 1e-3"
LISTED = "SELECT name, year FROM drugs ORDER BY year"
JOINED = "SELECT d.UUID, d.name, g.SNP FROM drugs d JOIN gwas g ON g.gene = d.gene WHERE g.p < 1e-9"
DOSES = "SELECT name, dose_mg FROM drugs WHERE dose_mg IS NOT NULL"
MEAN = "SELECT AVG(freq) AS mean_freq FROM gwas"

MUTANTS: list[tuple[str, str, str, Difference]] = [
    ("filter dropped", SIGNIFICANT, "SELECT UUID, SNP, p FROM gwas", Difference.ROWS),
    ("filter dropped, counted", COUNTED, "SELECT gene, COUNT(*) AS n FROM gwas GROUP BY gene", Difference.VALUES),
    ("filter on NULL dropped", DOSES, "SELECT name, dose_mg FROM drugs", Difference.ROWS),
    ("threshold moved", SIGNIFICANT, SIGNIFICANT.replace("1e-8", "5e-8"), Difference.ROWS),
    ("threshold included", SIGNIFICANT, SIGNIFICANT.replace("< 1e-8", "<= 1e-8"), Difference.ROWS),
    ("threshold moved, counted", COUNTED, COUNTED.replace("1e-3", "1e-5"), Difference.VALUES),
    ("column swapped", SIGNIFICANT, SIGNIFICANT.replace("SNP,", "gene AS SNP,"), Difference.VALUES),
    ("column swapped under its own name", SIGNIFICANT, SIGNIFICANT.replace("SNP", "gene"), Difference.COLUMNS),
    ("column dropped", SIGNIFICANT, SIGNIFICANT.replace(" SNP,", ""), Difference.COLUMNS),
    ("names swapped", LISTED, "SELECT name AS year, year AS name FROM drugs ORDER BY name", Difference.ROWS),
    ("group swapped", COUNTED, COUNTED.replace("gene", "chr"), Difference.ROWS),
    ("DISTINCT dropped", GENES, GENES.replace("DISTINCT ", ""), Difference.DUPLICATES_ONLY),
    ("DISTINCT added", "SELECT gene FROM drugs", "SELECT DISTINCT gene FROM drugs", Difference.DUPLICATES_ONLY),
    ("UNION for UNION ALL", "SELECT gene FROM gwas UNION ALL SELECT gene FROM drugs",
     "SELECT gene FROM gwas UNION SELECT gene FROM drugs", Difference.DUPLICATES_ONLY),
    ("order reversed", LISTED, LISTED + " DESC", Difference.ORDER_ONLY),
    ("order dropped", LISTED, "SELECT name, year FROM drugs", Difference.ORDER_ONLY),
    ("order reversed under a LIMIT", TOP, TOP.replace("BY p", "BY p DESC"), Difference.ROWS),
    ("LIMIT smaller", TOP, TOP.replace("8", "7"), Difference.CUT_SHORT),
    ("LIMIT larger", TOP, TOP.replace("8", "9"), Difference.ROWS),
    ("LIMIT dropped", TOP, TOP.replace(" LIMIT 8", ""), Difference.ROWS),
    ("LIMIT added", SIGNIFICANT, SIGNIFICANT + " LIMIT 5", Difference.CUT_SHORT),
    ("OFFSET added", TOP, TOP + " OFFSET 10", Difference.ROWS),
    ("join widened", JOINED, JOINED.replace("JOIN", "LEFT JOIN").replace("WHERE", "AND"), Difference.ROWS),
    ("join without its condition", JOINED, JOINED.replace("g.gene = d.gene", "true"), Difference.ROWS),
    ("join that repeats rows", "SELECT name FROM drugs",
     "SELECT d.name FROM drugs d JOIN gwas g ON g.chr = 1", Difference.DUPLICATES_ONLY),
    ("unit changed", DOSES, DOSES.replace("dose_mg FROM", "dose_mg / 1000 AS dose_mg FROM"), Difference.VALUES),
    ("unit changed under another name", DOSES, DOSES.replace("dose_mg FROM", "dose_mg * 1000 AS ug FROM"),
     Difference.VALUES),
    ("share as a percentage", MEAN, "SELECT 100 * AVG(freq) AS mean_freq FROM gwas", Difference.VALUES),
    ("rounded", MEAN, "SELECT ROUND(AVG(freq), 3) AS mean_freq FROM gwas", Difference.VALUES),
    ("aggregate swapped", MEAN, "SELECT MEDIAN(freq) AS mean_freq FROM gwas", Difference.VALUES),
    ("count of distinct", "SELECT COUNT(gene) AS n FROM gwas", "SELECT COUNT(DISTINCT gene) AS n FROM gwas",
     Difference.VALUES),
    ("number as text", DOSES, DOSES.replace("dose_mg FROM", "CAST(dose_mg AS VARCHAR) AS dose_mg FROM"),
     Difference.TYPE_ONLY),
    ("boolean as number", "SELECT name, approved FROM drugs", "SELECT name, approved::INT AS approved FROM drugs",
     Difference.TYPE_ONLY),
    ("text in another case", "SELECT name FROM drugs", "SELECT UPPER(name) AS name FROM drugs", Difference.ROWS),
    ("nothing", SIGNIFICANT, SIGNIFICANT + " AND false", Difference.ROWS),
    ("identifiers of other rows", SIGNIFICANT, "SELECT 'gwas_' || bp AS UUID, SNP, p FROM gwas WHERE p < 1e-8",
     Difference.ROWS),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "mutant", "difference"), [case[1:] for case in MUTANTS], ids=[m[0] for m in MUTANTS])
def test_a_mutant_is_wrong_and_says_how(verdict_of: Any, gold: str, mutant: str, difference: Difference) -> None:
    verdict = verdict_of(gold, mutant)
    assert (verdict.kind, verdict.difference) == (WRONG, difference), verdict


REWRITES: list[tuple[str, str, str]] = [
    ("itself", SIGNIFICANT, SIGNIFICANT),
    ("lower case and a semicolon", SIGNIFICANT, "select uuid, snp, p from gwas where p < 0.00000001;"),
    ("all columns", SIGNIFICANT, "SELECT * FROM gwas WHERE p < 1e-8"),
    ("columns in another order", SIGNIFICANT, "SELECT p, SNP, UUID FROM gwas WHERE p < 1e-8"),
    ("aliases", SIGNIFICANT, "SELECT UUID AS id, SNP AS variant, p AS pvalue FROM gwas WHERE p < 1e-8"),
    ("an order nobody asked for", SIGNIFICANT, SIGNIFICANT + " ORDER BY p DESC"),
    ("no identifier", SIGNIFICANT, "SELECT SNP, p FROM gwas WHERE p < 1e-8"),
    ("a safety limit", SIGNIFICANT, SIGNIFICANT + " LIMIT 10"),
    ("a safety limit in gold", SIGNIFICANT + " LIMIT 10", SIGNIFICANT),
    ("a subquery", SIGNIFICANT, "SELECT UUID, SNP, p FROM (SELECT * FROM gwas) WHERE p < 1e-8"),
    ("IN for a join", "SELECT name FROM drugs d WHERE gene IN (SELECT gene FROM gwas WHERE p < 1e-9)",
     "SELECT DISTINCT d.name FROM drugs d JOIN gwas g USING (gene) WHERE g.p < 1e-9"),
    ("ties at the LIMIT", TOP, "SELECT UUID, gene, p FROM gwas ORDER BY p, UUID DESC LIMIT 8"),
    ("a key that is not projected", "SELECT SNP FROM gwas ORDER BY p LIMIT 8",
     "SELECT SNP, p FROM gwas ORDER BY p, SNP DESC LIMIT 8"),
    ("the first of an order for a minimum", "SELECT MIN(p) AS smallest FROM gwas",
     "SELECT p FROM gwas ORDER BY p LIMIT 1"),
    ("QUALIFY for DISTINCT ON", "SELECT gene, MIN(p) AS p FROM gwas GROUP BY gene",
     "SELECT gene, p FROM gwas QUALIFY ROW_NUMBER() OVER (PARTITION BY gene ORDER BY p) = 1"),
    ("GROUP BY for DISTINCT", GENES, "SELECT gene FROM gwas WHERE p < 1e-3 GROUP BY gene"),
    ("DISTINCT with more columns", GENES, "SELECT gene, SNP FROM gwas WHERE p < 1e-3"),
    ("a sum for a count", COUNTED,
     "SELECT gene, SUM(CASE WHEN p < 1e-3 THEN 1 ELSE 0 END) AS hits FROM gwas GROUP BY gene HAVING hits > 0"),
    ("a sum of floats in another order", MEAN,
     "SELECT SUM(freq) / COUNT(*) AS m FROM (SELECT freq FROM gwas ORDER BY freq DESC)"),
    ("a decimal for a float", DOSES,
     "SELECT name, dose_mg::DECIMAL(10, 3) AS dose FROM drugs WHERE dose_mg IS NOT NULL"),
    ("a timestamp for a date", "SELECT name, make_date(year, 1, 1) AS d FROM drugs",
     "SELECT name, make_timestamp(year, 1, 1, 0, 0, 0) AS d FROM drugs"),
    ("ties in another order", LISTED, "SELECT name, year FROM drugs ORDER BY year, name DESC"),
    ("descending negatives", LISTED, "SELECT name, year FROM drugs ORDER BY -year DESC"),
    ("structs", "SELECT {'a': chr, 'm': AVG(freq)} AS s FROM gwas GROUP BY chr",
     "SELECT {'m': SUM(freq) / COUNT(*), 'a': chr} AS t FROM gwas GROUP BY chr"),
    ("sorted lists", "SELECT chr, LIST(SNP ORDER BY SNP) AS snps FROM gwas GROUP BY chr",
     "SELECT chr, LIST_SORT(LIST(SNP ORDER BY bp)) AS snps FROM gwas GROUP BY chr"),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "rewrite"), [case[1:] for case in REWRITES], ids=[r[0] for r in REWRITES])
def test_an_equivalent_statement_is_right(verdict_of: Any, gold: str, rewrite: str) -> None:
    verdict = verdict_of(gold, rewrite)
    assert verdict.kind is CORRECT and verdict.figures["rows"] == verdict.figures["set"] == 1.0, verdict


def test_every_gold_is_right_and_an_empty_result_wrong(verdict_of: Any) -> None:
    for gold in (SIGNIFICANT, TOP, COUNTED, GENES, LISTED, JOINED, DOSES, MEAN):
        wrapped = f"WITH answer AS ({gold}) SELECT * FROM answer"
        if "ORDER BY" not in gold:
            assert verdict_of(gold, wrapped).kind is CORRECT, gold
        assert verdict_of(gold, f"{wrapped} WHERE false").kind is WRONG, gold


def test_a_list_gathered_in_no_order_may_have_any(verdict_of: Any) -> None:
    gold = "SELECT chr, LIST(SNP) AS snps FROM gwas GROUP BY chr"
    assert verdict_of(gold, "SELECT chr, LIST(SNP ORDER BY bp DESC) AS s FROM gwas GROUP BY chr").kind is CORRECT
    assert verdict_of(gold, "SELECT chr, LIST(gene ORDER BY bp DESC) AS s FROM gwas GROUP BY chr").kind is WRONG


def test_a_limit_that_the_question_states_is_meant(verdict_of: Any) -> None:
    gold = "SELECT UUID, p FROM gwas ORDER BY p LIMIT 10"
    whole = "SELECT UUID, p FROM gwas ORDER BY p"
    assert verdict_of(gold, whole).kind is CORRECT
    assert verdict_of(gold, whole, text="What are the ten strongest variants?").kind is WRONG
    assert verdict_of(gold, whole + ", SNP LIMIT 10", text="What are the ten strongest variants?").kind is CORRECT


def test_forbidding_extra_columns_changes_only_that(verdict_of: Any) -> None:
    wide = "SELECT * FROM gwas WHERE p < 1e-8"
    verdict = verdict_of(SIGNIFICANT, wide, extra_columns="forbid")
    assert (verdict.kind, verdict.difference, verdict.figures["extra_columns"]) == (WRONG, Difference.COLUMNS, 4.0)
    assert verdict_of(SIGNIFICANT, SIGNIFICANT + " ORDER BY p", extra_columns="forbid").kind is CORRECT


@pytest.mark.parametrize(
    ("gold", "predicted", "difference"),
    [
        # k in all, even where a dropped identifier makes repeated rows not count
        (
            "SELECT UUID, gene FROM gwas WHERE p < 0.5 ORDER BY p, bp LIMIT 3",
            "SELECT SNP, gene FROM gwas ORDER BY p, bp LIMIT 70",
            Difference.ROWS,
        ),
        # a LIMIT that leaves rows out of a whole gold, however the values repeat
        (
            "SELECT MAX(chr) FROM gwas WHERE chr > 3",
            "SELECT UUID, chr, p FROM gwas WHERE chr > 3 ORDER BY p, bp LIMIT 3",
            Difference.ROWS,
        ),
        (
            "SELECT DISTINCT gene FROM drugs",
            "SELECT year, gene FROM drugs ORDER BY year, name LIMIT 8",
            Difference.CUT_SHORT,
        ),
        ("SELECT chr FROM gwas ORDER BY bp", "SELECT chr FROM gwas ORDER BY bp LIMIT 20", Difference.CUT_SHORT),
    ],
)
def test_a_limit_counts_even_where_repeated_rows_do_not(
    verdict_of: Any, gold: str, predicted: str, difference: Difference
) -> None:
    verdict = verdict_of(gold, predicted)
    assert (verdict.kind, verdict.difference) == (WRONG, difference)
    assert verdict.figures["set"] == 0.0
