"""NULL arrays and NULLs in arrays, as BigQuery writes a result."""

from decimal import Decimal

import duckdb
import pytest

from sql_bench.dialect.bigquery_results import as_result
from sql_bench.guard.rejected import Rejected
from sql_bench.types import Column


def written(sql):
    found = duckdb.sql(sql)
    columns = [Column(name, str(kind)) for name, kind in zip(found.columns, found.types, strict=True)]
    rows = [tuple(list(cell) if isinstance(cell, tuple) else cell for cell in row) for row in found.fetchall()]
    return as_result(columns, rows)[0]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("NULL::INT[]", []),
        ("[1, 2]", [1, 2]),
        ("{'a': NULL::INT[], 'b': NULL::INT}", {"a": [], "b": None}),
        ("{'a': {'b, c)': NULL::INT[], 'd\"e': 'x'}, 'f': NULL::VARCHAR[]}", {"a": {"b, c)": [], 'd"e': "x"}, "f": []}),
        ("[{'a': NULL::INT[]}, {'a': [3]}]", [{"a": []}, {"a": [3]}]),
        ("row(1, NULL::INT[])", [1, []]),
        ("NULL::STRUCT(a INT[])", None),
        ("{'a': 1.5::DECIMAL(10, 2), 'b': NULL::DECIMAL(10, 2)[]}", {"a": Decimal("1.50"), "b": []}),
        ("{'a': 'x, y[]'}", {"a": "x, y[]"}),
        ("{'a': NULL::STRUCT(b INT[])[]}", {"a": []}),
        ("'[]'", "[]"),
    ],
)  # fmt: skip
def test_null_arrays_are_empty_wherever_they_stand(expression, expected):
    assert written(f"SELECT {expression}, 7") == (expected, 7)


@pytest.mark.parametrize("expression", ["[1, NULL]", "{'a': [NULL]}", "[{'a': [1, NULL]}]", "{'a': {'b': [NULL]}}"])
def test_an_array_with_a_null_is_an_error_wherever_it_stands(expression):
    with pytest.raises(Rejected, match="column 1"):
        written(f"SELECT {expression}")
