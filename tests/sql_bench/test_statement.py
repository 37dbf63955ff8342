"""The shape of a statement's outermost query, and its variants."""

import pytest

from sql_bench.dialect.statement import shape_of
from sql_bench.dialect.translation import parse
from sql_bench.dialect.variants import SortKeys, as_variant
from sql_bench.types import Variant


def shape(sql: str, dialect: str = "postgres"):
    return shape_of(parse(sql, dialect), dialect)


def with_keys(sql: str, dialect: str = "postgres", variant: Variant = Variant.WITH_SORT_KEYS):
    query, keys = as_variant(parse(sql, dialect), variant)
    return query.sql(dialect=dialect), keys


def test_only_the_outermost_order_and_limit_count():
    inner = shape("SELECT a FROM (SELECT a FROM t ORDER BY a LIMIT 3) s")
    assert (inner.ordered, inner.limit, inner.has_limit) == (False, None, False)
    outer = shape("SELECT a FROM t ORDER BY a LIMIT 3")
    assert (outer.ordered, outer.limit, outer.has_limit) == (True, 3, True)


@pytest.mark.parametrize(
    ("sql", "limit"),
    [
        ("SELECT a FROM t FETCH FIRST 2 ROWS ONLY", 2),
        ("(SELECT a FROM t) LIMIT 4", 4),
        ("((SELECT a FROM t LIMIT 5))", 5),
        ("WITH s AS (SELECT 1 AS a) SELECT a FROM s LIMIT 6", 6),
        ("SELECT a FROM t UNION ALL SELECT b FROM u LIMIT 7", 7),
        ("SELECT a FROM t OFFSET 8", None),
        ("SELECT a FROM t LIMIT 2 + 3", None),
    ],
)
def test_every_form_of_limit_is_seen(sql, limit):
    found = shape(sql)
    assert found.has_limit
    assert found.limit == limit


def test_canonical_sql_forgets_layout_and_comments_only():
    assert shape("select  a\nfrom t -- note\nwhere x='A'").canonical_sql == "SELECT a FROM t WHERE x = 'A'"
    assert shape("SELECT a FROM t WHERE x = 'a'").canonical_sql != shape("SELECT a FROM t WHERE x = 'A'").canonical_sql


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT DISTINCT a FROM t", True),
        ("SELECT DISTINCT ON (a) a, b FROM t", False),
        ("SELECT a, COUNT(*) FROM t GROUP BY a", True),
        ("SELECT t.a, COUNT(*) FROM t GROUP BY 1", True),
        ("SELECT LOWER(a) AS k FROM t GROUP BY LOWER(a)", True),
        ("SELECT LOWER(a) AS k FROM t GROUP BY k", True),
        ("SELECT a, COUNT(*) FROM t GROUP BY t.a", True),
        ("SELECT t.a FROM t JOIN u ON t.i = u.i GROUP BY u.a", False),
        ("SELECT LOWER(a) AS a FROM t GROUP BY t.a", False),
        ("SELECT COUNT(*) FROM t GROUP BY a", False),
        ("SELECT a FROM t GROUP BY ROLLUP (a)", False),
        ("SELECT COUNT(*) FROM t", False),
        ("SELECT COUNT(*) OVER () FROM t", False),
        ("SELECT a FROM t UNION SELECT b FROM u", True),
        ("SELECT a FROM t UNION ALL SELECT b FROM u", False),
        ("SELECT a FROM (SELECT DISTINCT a, b FROM t) s", False),
        ("SELECT (SELECT MAX(b) FROM u) FROM t", False),
        ("SELECT a FROM t", False),
    ],
)
def test_duplicate_free(sql, expected):
    assert shape(sql).duplicate_free is expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT STRING_AGG(a, '; ') FROM t", [(0, "; ", False)]),
        ("SELECT b, STRING_AGG(DISTINCT a) AS x FROM t GROUP BY b", [(1, ",", False)]),
        ("SELECT ARRAY_AGG(a IGNORE NULLS) FROM t", [(0, None, False)]),
        ("SELECT STRING_AGG(a, ',' ORDER BY a LIMIT 3) FROM t", [(0, ",", True)]),
        ("SELECT ARRAY_AGG((SELECT MAX(c) FROM u ORDER BY 1)) FROM t", [(0, None, False)]),
        ("SELECT ARRAY_AGG(a) OVER (PARTITION BY b ORDER BY c) FROM t", [(0, None, True)]),
        ("SELECT ARRAY_AGG(a) OVER (PARTITION BY b) FROM t", [(0, None, False)]),
        (
            "SELECT ARRAY(SELECT a FROM u), ARRAY(SELECT a FROM u ORDER BY a) FROM t",
            [(0, None, False), (1, None, True)],
        ),
        ("SELECT ARRAY_TO_STRING(ARRAY_AGG(a), '|') FROM t", [(0, "|", False)]),
        (
            "SELECT COALESCE(STRING_AGG(a, ' '), 'none'), (SELECT ARRAY_AGG(b) FROM u) FROM t",
            [(0, " ", False), (1, None, False)],
        ),
        ("SELECT COUNT(*), STRING_AGG(a, b), [1, 2], ARRAY_LENGTH(ARRAY_AGG(a)), UPPER(STRING_AGG(a)) FROM t", []),
        ("SELECT x FROM (SELECT STRING_AGG(a, ',') AS x FROM t) s", [(0, ",", False)]),
        ("WITH c AS (SELECT b, ARRAY_AGG(a) AS x FROM t GROUP BY b) SELECT x AS y, b FROM c", [(0, None, False)]),
        (
            "WITH c AS (SELECT b, ARRAY_AGG(a) AS x FROM t GROUP BY b), d AS (SELECT * FROM c) SELECT d.x FROM d",
            [(0, None, False)],
        ),
        (
            "WITH c AS (SELECT b, ARRAY_AGG(a) AS x FROM t GROUP BY b) SELECT c.*, t.* FROM c JOIN t USING (b)",
            [(1, None, False)],
        ),
        (
            "WITH c AS (SELECT b, ARRAY_AGG(a) AS x FROM t GROUP BY b) SELECT t.*, x FROM c JOIN t USING (b)",
            [(-1, None, False)],
        ),
        ("SELECT *, ARRAY_AGG(a) OVER () AS x, b FROM t", [(-2, None, False)]),
        ("SELECT *, ARRAY_AGG(a) OVER () AS x, * FROM t", []),
        ("WITH x AS (SELECT 1 AS c) SELECT c FROM (SELECT STRING_AGG(a) AS c FROM x)", [(0, ",", False)]),
        ("SELECT ARRAY_AGG(a) FROM t UNION ALL SELECT ARRAY_AGG(b ORDER BY b) FROM t", [(0, None, False)]),
        ("SELECT ARRAY_AGG(a) FROM t UNION ALL SELECT x FROM u", []),
        ("SELECT a.x FROM (SELECT ARRAY_AGG(a) AS x FROM t) a JOIN u b ON TRUE", [(0, None, False)]),
        ("SELECT b.x FROM (SELECT ARRAY_AGG(a) AS x FROM t) a JOIN u b ON TRUE", []),
    ],
)
def test_gathering_columns_are_followed_through_subqueries(sql, expected):
    assert [tuple(column) for column in shape(sql, "bigquery").gathered] == expected


@pytest.mark.parametrize(
    ("sql", "dialect", "expected"),
    [
        ("SELECT LISTAGG(a, ',') WITHIN GROUP (ORDER BY b), LISTAGG(a) FROM t", "snowflake", [(0, ",", True)]),
        (
            "SELECT GROUP_CONCAT(a ORDER BY b SEPARATOR ';'), GROUP_CONCAT(a) FROM t",
            "mysql",
            [(0, ";", True), (1, ",", False)],
        ),
        ("SELECT group_concat(a), group_concat(a, '-') FROM t", "sqlite", [(0, ",", False), (1, "-", False)]),
        (
            "SELECT array_agg(a) FILTER (WHERE b > 1), string_agg(a, ',') FROM t",
            "postgres",
            [(0, None, False), (1, ",", False)],
        ),
        ("SELECT k FROM (SELECT string_agg(a, ';') FROM t) AS u(k)", "postgres", [(0, ";", False)]),
        (
            "SELECT list_sort(list(a)), list(a), list(a ORDER BY a) FROM t",
            "duckdb",
            [(0, None, True), (1, None, False), (2, None, True)],
        ),
    ],
)
def test_every_dialect_gathers(sql, dialect, expected):
    assert [tuple(column) for column in shape_of(parse(sql, dialect), dialect).gathered] == expected


@pytest.mark.parametrize(
    ("sql", "expected", "places"),
    [
        ("SELECT a, b FROM t ORDER BY 2", "SELECT a, b FROM t ORDER BY 2", (1,)),
        ("SELECT a AS x FROM t ORDER BY x DESC", "SELECT a AS x FROM t ORDER BY x DESC", (0,)),
        ("SELECT a FROM t ORDER BY b NULLS LAST", "SELECT a, b AS _sort_key_0 FROM t ORDER BY b", (-1,)),
        (
            "SELECT a FROM t ORDER BY b, a, c",
            "SELECT a, b AS _sort_key_0, c AS _sort_key_1 FROM t ORDER BY b, a, c",
            (-2, 0, -1),
        ),
        ("SELECT * FROM t ORDER BY b", "SELECT *, b AS _sort_key_0 FROM t ORDER BY b", (-1,)),
        (
            "SELECT t.*, a + b AS s FROM t ORDER BY s",
            "SELECT t.*, a + b AS s, a + b AS _sort_key_0 FROM t ORDER BY s",
            (-1,),
        ),
        (
            "SELECT g, COUNT(*) FROM t GROUP BY g ORDER BY COUNT(*) DESC",
            "SELECT g, COUNT(*) FROM t GROUP BY g ORDER BY COUNT(*) DESC",
            (1,),
        ),
        (
            "SELECT g FROM t GROUP BY g ORDER BY MAX(b)",
            "SELECT g, MAX(b) AS _sort_key_0 FROM t GROUP BY g ORDER BY MAX(b)",
            (-1,),
        ),
        ("SELECT DISTINCT a, b FROM t ORDER BY b", "SELECT DISTINCT a, b FROM t ORDER BY b", (1,)),
        ("SELECT a FROM t UNION SELECT b FROM u ORDER BY a", "SELECT a FROM t UNION SELECT b FROM u ORDER BY a", (0,)),
        ("((SELECT a FROM t ORDER BY b))", "((SELECT a, b AS _sort_key_0 FROM t ORDER BY b))", (-1,)),
    ],
)
def test_sort_keys_are_found_or_added(sql, expected, places):
    text, keys = with_keys(sql)
    assert text == expected
    assert keys is not None
    assert keys.places == places


def test_an_alias_inside_a_key_is_written_out():
    text, keys = with_keys("SELECT a * 2 AS x FROM t ORDER BY ABS(x)", "bigquery")
    assert text == "SELECT a * 2 AS x, ABS((a * 2)) AS _sort_key_0 FROM t ORDER BY ABS(x)"
    assert keys == SortKeys((-1,), 1)


def test_a_key_beside_what_cannot_grow_is_added_around_it():
    text, keys = with_keys(
        "SELECT a FROM t UNION SELECT b FROM u ORDER BY LOWER(a) LIMIT 2", variant=Variant.WITH_SORT_KEYS
    )
    inner = "(SELECT a FROM t UNION SELECT b FROM u) AS _rows"
    assert text == f"SELECT *, LOWER(a) AS _sort_key_0 FROM {inner} ORDER BY LOWER(a) LIMIT 2"
    assert keys == SortKeys((-1,), 1)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT DISTINCT a FROM t ORDER BY b",
        "SELECT a FROM t UNION SELECT b FROM u ORDER BY LOWER(t.a)",
        "SELECT *, a FROM t ORDER BY 2",
        "SELECT a FROM t",
    ],
)
def test_keys_that_cannot_be_had_are_none_and_change_nothing(sql):
    text, keys = with_keys(sql)
    assert keys is None
    assert text == parse(sql, "postgres").sql(dialect="postgres")


def test_without_limit_takes_off_the_outermost_only():
    text, keys = with_keys(
        "SELECT a FROM (SELECT a FROM t LIMIT 9) s ORDER BY a LIMIT 3 OFFSET 2", variant=Variant.WITHOUT_LIMIT
    )
    assert text == "SELECT a FROM (SELECT a FROM t LIMIT 9) AS s ORDER BY a"
    assert keys == SortKeys((0,), 0)
    text, _ = with_keys("(SELECT a FROM t LIMIT 3) LIMIT 2", variant=Variant.WITHOUT_LIMIT)
    assert "LIMIT" not in text


def test_split_gives_the_statements_own_rows_back():
    own, keys = SortKeys((-1, 0), 1).split([(1, "a", 9), (2, "b", 8)])
    assert own == ((1, "a"), (2, "b"))
    assert keys == ((9, 1), (8, 2))
    assert SortKeys((0,), 0).split([(1,)]) == (((1,),), ((1,),))
