"""Translate a statement from its source dialect to DuckDB's, or give the reason why it cannot be.

The order: size and depth, parse, guard (on what was written), tables, mending of differences, DuckDB's dialect.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sql_bench.dialect import bigquery, postgres
from sql_bench.dialect.aggregates import count_conditions
from sql_bench.dialect.clock import stop_clock
from sql_bench.dialect.dropped import refuse_dropped
from sql_bench.dialect.lists import LISTED
from sql_bench.dialect.named_clocks import as_clocks
from sql_bench.dialect.names import Names
from sql_bench.dialect.schema import Schema, point_at_mirror, table_references
from sql_bench.dialect.variants import SortKeys, as_variant, within_tie
from sql_bench.dialect.written import Written, known_names, parse_noting, types_of_cast_operators
from sql_bench.guard import check as guard
from sql_bench.guard.rejected import Rejected, untranslatable
from sql_bench.types import Outcome, Reach, Variant

if TYPE_CHECKING:
    from sqlglot import Dialect, Token, exp

ENGINE_SETTINGS: Mapping[str, Mapping[str, str]] = {
    # Errors where these engines have errors: x / 0, LN(0), SQRT(-1).
    "bigquery": {"ieee_floating_point_ops": "false", "error_on_division_by_zero": "true"},
    # The quotient of two integers is an integer there.
    "postgres": {"ieee_floating_point_ops": "false", "error_on_division_by_zero": "true", "integer_division": "true"},
    # NULL for x / 0.
    "sqlite": {"ieee_floating_point_ops": "false", "error_on_division_by_zero": "false", "integer_division": "true"},
    "mysql": {
        "ieee_floating_point_ops": "false",
        "error_on_division_by_zero": "false",
        "default_collation": "'NOCASE.NOACCENT'",
    },
    "snowflake": {"ieee_floating_point_ops": "false", "error_on_division_by_zero": "true"},
    "tsql": {
        "ieee_floating_point_ops": "false",
        "error_on_division_by_zero": "true",
        "integer_division": "true",
        "default_collation": "'NOCASE'",
    },
}
"""DuckDB's own settings that make its arithmetic that of a source dialect."""

_BIGQUERY_NAMES = Path(__file__).with_name("bigquery_names.tsv")


@dataclass(frozen=True)
class Translation:
    """A statement as DuckDB will run it.

    Attributes:
        sql: the text.
        sort_keys: where the sort keys stand among the columns, if they were asked for and could be had.
        renamed: mirror table -> its name as the statement had it, where they differ.
    """

    sql: str
    sort_keys: SortKeys | None
    renamed: Mapping[str, str]


def parse(sql: str, dialect: str) -> exp.Query:
    """The syntax tree of one statement that the guard lets through.

    Raises:
        Rejected: invalid_sql, with the position, where it does not parse; what `sql_bench.guard.check` raises; what
            `KnownNames.check` raises for the names in it, in a dialect that has a list of them.
    """
    from sqlglot import Dialect
    from sqlglot.errors import ParseError, TokenError

    guard.check_size(sql)
    reader = Dialect.get_or_raise(dialect)
    try:
        tokens = reader.tokenize(sql)
        guard.check_text(tokens)
        _check_numbers(tokens)
        statements, written = _statements(reader, dialect, tokens, sql)
    except ParseError as error:
        raise Rejected(Outcome.INVALID_SQL, _position(error)) from None
    except TokenError as error:
        raise Rejected(Outcome.INVALID_SQL, f"syntax error: {str(error).splitlines()[0]}") from None
    query = guard.check_tree(statements)
    as_clocks(query)
    if dialect == "bigquery":
        known_names(_BIGQUERY_NAMES).check(written, "BigQuery")
    elif dialect in LISTED:
        types = (*written.types, *types_of_cast_operators(tokens))
        first_words = tuple(name.partition(" ")[0] for name in types)  # DOUBLE of DOUBLE PRECISION
        LISTED[dialect].names().check(replace(written, types=first_words), LISTED[dialect].title)
    return query


# sqlglot reads `1e3+1` as one number, and so gives another value than the engine that the text was written for.
_NUMBER_AND_MORE = re.compile(r"\d[eE]\d+[+-]")


def _check_numbers(tokens: list[Token]) -> None:
    from sqlglot import TokenType

    for token in tokens:
        if token.token_type is TokenType.NUMBER and _NUMBER_AND_MORE.search(token.text):
            raise untranslatable(f"a number run together with what follows ({token.text}; put spaces around the sign)")


def _statements(reader: Dialect, dialect: str, tokens: list[Token], sql: str) -> tuple[list[exp.Expr | None], Written]:
    from sqlglot.errors import ParseError

    plain = LISTED[dialect].plain_names() if dialect in LISTED else frozenset()
    try:
        return parse_noting(reader, tokens, sql, plain)
    except ParseError:
        guard.check_verb(tokens)
        raise


def translate(
    query: exp.Query,
    dialect: str,
    schema: Schema,
    variant: Variant = Variant.AS_WRITTEN,
    as_of: datetime.datetime | None = None,
    reach: Reach | None = None,
) -> Translation:
    """Write a parsed statement for DuckDB.

    Args:
        query: its tree; changed in place.
        dialect: sqlglot's name of the dialect it is written in.
        schema: the mirror's tables.
        variant: which form of the statement.
        as_of: the instant that CURRENT_DATE and its kin stand for; None for the engine's clock.
        reach: what a `LONGER_LIMIT` lets through.

    Raises:
        Rejected: invalid_sql for a table that is not there, untranslatable for what is not known to agree and for a tie
            that cannot be picked out.
    """
    from sqlglot import ErrorLevel
    from sqlglot.errors import UnsupportedError

    references = table_references(query, schema)
    refuse_dropped(query, dialect)
    if dialect != "duckdb":
        _refuse_row_numbers(query, dialect, schema)
    query, sort_keys = as_variant(query, variant, reach)
    references = table_references(query, schema) if sort_keys else references
    renamed = point_at_mirror(query, references)
    if dialect != "duckdb":
        count_conditions(query)
    if as_of is not None:
        stop_clock(query, dialect, as_of)
    if dialect == "bigquery":
        _refuse_nan_columns(query, schema)
        query = bigquery.rewrite(query, schema)
    elif dialect in LISTED:
        query = LISTED[dialect].rewrite(query, schema)
    elif dialect in postgres.RELATIVES:
        query = postgres.rewrite_relative(query)
    if reach is not None and reach.tie is not None:
        tie = within_tie(query, reach) if sort_keys is not None else None
        if tie is None:
            raise untranslatable("a tie of these sort keys")
        query = tie
    try:
        sql = query.sql(dialect="duckdb", unsupported_level=ErrorLevel.RAISE, comments=False)
    except UnsupportedError as error:
        raise Rejected(Outcome.UNTRANSLATABLE, str(error)) from None
    if len(sql.encode()) > guard.MAX_TRANSLATED_BYTES:
        raise Rejected(Outcome.RESOURCE_LIMIT, f"the translation is longer than {guard.MAX_TRANSLATED_BYTES} bytes")
    return Translation(sql, sort_keys, renamed)


def _refuse_row_numbers(query: exp.Query, dialect: str, schema: Schema) -> None:
    """Every table of DuckDB's has a hidden column `rowid`; SQLite's count otherwise, and other engines have none."""
    from sqlglot import exp

    names = Names(schema)
    for column in query.find_all(exp.Column):
        if column.name.lower() == "rowid" and not names.meaning(column):
            if dialect == "sqlite":
                raise untranslatable("rowid")
            raise Rejected(Outcome.INVALID_SQL, f"there is no column {column.name}")


def _refuse_nan_columns(query: exp.Query, schema: Schema) -> None:
    """NaN equals itself and is the largest number in DuckDB; in BigQuery it equals nothing and is the smallest."""
    from sqlglot import exp

    for column in query.find_all(exp.Column):
        if column.name.lower() in schema.nan_columns and not isinstance(column.parent, exp.Select | exp.Alias):
            raise Rejected(
                Outcome.UNTRANSLATABLE,
                f"{column.name} holds NaN, which DuckDB compares and sorts otherwise than BigQuery",
            )


def _position(error: Exception) -> str:
    details = getattr(error, "errors", None)
    if not details:
        return f"syntax error: {str(error).splitlines()[0]}"
    first = details[0]
    near = f" near {first['highlight'][:40]!r}" if first.get("highlight") else ""
    return f"syntax error at line {first.get('line')}, column {first.get('col')}{near}"
