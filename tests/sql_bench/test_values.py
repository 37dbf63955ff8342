"""Result cells and results survive JSON unchanged."""

import datetime
import json
import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sql_bench.types import Column, ExecutionResult, Outcome, StatementShape
from sql_bench.values import decode_row, decode_value, encode_row, encode_value, result_from_json, result_to_json

ZONES = st.timezones() | st.integers(-1439, 1439).map(lambda m: datetime.timezone(datetime.timedelta(minutes=m)))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(10**40), max_value=10**40),
    st.floats(),
    st.decimals(),
    st.text(st.characters()),
    st.text(st.characters(categories=["Cs", "Lu"])),
    st.binary(),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=ZONES),
    st.times(),
    st.timedeltas(),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()), inner, max_size=4),
    max_leaves=12,
)


def same(left: object, right: object) -> bool:
    """Equality that tells 1 from 1.0 and True, -0.0 from 0.0, NaN from nothing, and 1.0 from 1.00."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[name], right[name]) for name in left)
    if isinstance(left, float):
        return (math.isnan(left) and math.isnan(right)) or (left == right and str(left) == str(right))
    if isinstance(left, Decimal):
        return left.as_tuple() == right.as_tuple()
    if isinstance(left, datetime.datetime):
        # Not `==`: across zones Python calls times of an hour that the clocks repeat unequal to everything (PEP 495).
        return left.utcoffset() == right.utcoffset() and left.replace(tzinfo=None, fold=0) == right.replace(
            tzinfo=None, fold=0
        )
    return left == right


@given(VALUES)
def test_a_cell_survives_json(value):
    text = json.dumps(encode_value(value), allow_nan=False, ensure_ascii=False)
    assert same(decode_value(json.loads(text.encode("utf-8"))), value)


@given(st.lists(VALUES, max_size=5).map(tuple))
def test_a_row_survives_json(row):
    decoded = decode_row(json.loads(json.dumps(encode_row(row), allow_nan=False)))
    assert len(decoded) == len(row) and all(map(same, decoded, row))


def test_a_cell_has_one_text():
    assert json.dumps(encode_value([1, 1.0, Decimal("1.50"), b"\x00\xff", float("-inf"), -0.0, 2**70])) == (
        '[1, 1.0, {"decimal": "1.50"}, {"bytes": "00ff"}, {"float": "-inf"}, -0.0, {"int": "0x400000000000000000"}]'
    )


def test_an_integer_longer_than_python_prints_survives():
    value = 7**20_000
    assert decode_value(json.loads(json.dumps(encode_value(value)))) == value


def test_field_order_and_names_of_structs_are_kept():
    value = {"z": 1, "a": {"decimal": "not a tag"}, "": None}
    assert list(decode_value(encode_value(value))) == ["z", "a", ""]
    assert decode_value(encode_value(value)) == value


def test_what_is_no_cell_is_an_error():
    with pytest.raises(TypeError, match="object"):
        encode_value(object())
    with pytest.raises(ValueError, match="no cell type"):
        decode_value({"nonsense": 1})
    with pytest.raises(ValueError, match="one type"):
        decode_value({"int": "0x1", "float": "nan"})


def test_an_execution_survives_json():
    result = ExecutionResult(
        Outcome.OK,
        columns=(Column("a", "BIGINT"), Column("a", "DOUBLE")),
        rows=((1, float("nan")), (None, 0.1)),
        sort_keys=((datetime.date(2024, 1, 1),), (None,)),
        message="fine",
        executed_sql="SELECT 'é'",
        shape=StatementShape("SELECT", ordered=True, limit=3, has_limit=True),
        seconds=0.25,
    )
    back = result_from_json(json.loads(json.dumps(result_to_json(result), allow_nan=False)))
    assert repr(back) == repr(result)
    refused = ExecutionResult(Outcome.REFUSED, message="no")
    assert result_from_json(json.loads(json.dumps(result_to_json(refused)))) == refused
