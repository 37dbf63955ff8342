"""BigQuery's functions of single characters, sounds and bytes, in DuckDB's terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sql_bench.dialect.duckdb_text import duckdb_expression
from sql_bench.dialect.kinds import Kind, Kinds
from sql_bench.guard.rejected import Rejected, untranslatable
from sql_bench.types import Outcome

if TYPE_CHECKING:
    from sqlglot import exp

# Letters whose folded form is more than their small letter: ligatures, letters with several accents, Cherokee and their
# kin; sharp s, final sigma, long s and the micro sign, which stand in ordinary texts, are written out.
_FOLDED = "REPLACE(REPLACE(REPLACE(REPLACE(LOWER(NFC_NORMALIZE(text)), 'ß', 'ss'), 'ς', 'σ'), 'ſ', 's'), 'µ', 'μ')"
_FOLDED_OTHERWISE = (
    "[\u0130\u0149\u01f0\u0345\u0390\u03b0\u03d0\u03d1\u03d5\u03d6\u03f0\u03f1\u03f5\u0587\u13a0-\u13fd"
    "\u1c80-\u1c88\u1e96-\u1e9b\u1f50-\u1f57\u1f80-\u1fff\uab70-\uabbf\ufb00-\ufb17]"
)

# The digits of American Soundex for A to Z; 0 for the letters without one.
_SOUNDS = "01230120022455012623010202"

_SOUNDEX_LETTERS = "UPPER(REGEXP_REPLACE(text, '[^A-Za-z]', '', 'g'))"
_SOUNDEX_CODES = (
    "TRANSLATE(LEFT(letters, 1) || REGEXP_REPLACE(SUBSTRING(letters, 2), '[HW]', '', 'g'),"
    f" 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', '{_SOUNDS}')"
)


def character(node: exp.Chr, kinds: Kinds) -> exp.Expr:
    """CHR(0) is an empty text."""
    if len(node.expressions) != 1:
        raise untranslatable("CHR of several numbers")
    return duckdb_expression("CASE WHEN code = 0 THEN '' ELSE CHR(code) END", code=_cast(node.expressions[0], "INT"))


def code_point(node: exp.Unicode, kinds: Kinds) -> exp.Expr:
    """UNICODE('') is 0."""
    return duckdb_expression("CASE WHEN text = '' THEN 0 ELSE code END", text=node.this, code=node)


def text_of_code_points(node: exp.CodePointsToString, kinds: Kinds) -> exp.Expr:
    """CODE_POINTS_TO_STRING; NULL where one of them is."""
    return duckdb_expression(
        "CASE WHEN LEN(LIST_FILTER(codes, LAMBDA _e : _e IS NULL)) = 0"
        " THEN ARRAY_TO_STRING(LIST_TRANSFORM(codes, LAMBDA _e : CASE WHEN _e = 0 THEN '' ELSE CHR(_e) END), '') END",
        codes=_cast(node.this, "INT[]"),
    )


def code_points_of_text(node: exp.ToCodePoints, kinds: Kinds) -> exp.Expr:
    """TO_CODE_POINTS of a text."""
    if kinds.of(node.this) is not Kind.TEXT:
        raise untranslatable("TO_CODE_POINTS of bytes")
    return duckdb_expression(
        "CASE WHEN text = '' THEN []"
        " ELSE LIST_TRANSFORM(STR_SPLIT(text, ''), LAMBDA _e : CAST(UNICODE(_e) AS BIGINT)) END",
        text=node.this,
    )


def translated(node: exp.Translate, kinds: Kinds) -> exp.Expr:
    """TRANSLATE from a character that stands twice is an error; DuckDB takes the first."""
    letters = node.args.get("from_")
    if letters is not None and len(set(letters.name)) < len(letters.name):
        raise Rejected(Outcome.INVALID_SQL, "TRANSLATE from a character that stands twice")
    return node


def split(node: exp.Split, kinds: Kinds) -> exp.Expr:
    """SPLIT by NULL is NULL."""
    from sqlglot import exp

    if isinstance(node.expression, exp.Literal):
        return node
    return duckdb_expression("CASE WHEN mark IS NOT NULL THEN parts END", mark=node.expression, parts=node)


def normalized(node: exp.Normalize, kinds: Kinds) -> exp.Expr:
    """NORMALIZE and NORMALIZE_AND_CASEFOLD by NFC; letters that fold otherwise than here stop the statement.

    Raises:
        Rejected: untranslatable, for another form than NFC.
    """
    from sqlglot import exp

    form = node.args.get("form")
    if form and form.name.upper() != "NFC":
        raise untranslatable(f"normalization by {form.name}")
    if not node.args.get("is_casefold"):
        return duckdb_expression("NFC_NORMALIZE(text)", text=node.this)
    return duckdb_expression(
        "CASE WHEN REGEXP_MATCHES(text, rare) THEN ERROR('NORMALIZE_AND_CASEFOLD of a rare letter is not translated')"
        f" ELSE {_FOLDED} END",
        text=node.this,
        rare=exp.Literal.string(_FOLDED_OTHERWISE),
    )


def soundex(node: exp.Soundex, kinds: Kinds) -> exp.Expr:
    """SOUNDEX: the first letter and three digits; an empty text where there is no Latin letter.

    Source: https://cloud.google.com/bigquery/docs/reference/standard-sql/string_functions#soundex
    """
    letters = duckdb_expression(_SOUNDEX_LETTERS, text=node.this)
    codes = duckdb_expression(_SOUNDEX_CODES, letters=letters)
    for digit in "123456":
        codes = duckdb_expression(f"REGEXP_REPLACE(codes, '{digit}+', '{digit}', 'g')", codes=codes)
    return duckdb_expression(
        "CASE WHEN letters = '' THEN ''"
        " ELSE LEFT(LEFT(letters, 1) || REPLACE(SUBSTRING(codes, 2), '0', '') || '000', 4) END",
        letters=letters,
        codes=codes,
    )


def digest(node: exp.MD5Digest | exp.SHA1Digest | exp.SHA2Digest, kinds: Kinds) -> exp.Expr:
    """MD5, SHA1 and SHA256 are bytes; DuckDB's are texts of hexadecimal digits."""
    from sqlglot import exp

    names = {exp.MD5Digest: "MD5", exp.SHA1Digest: "SHA1", exp.SHA2Digest: "SHA256"}
    length = node.args.get("length")
    if length is not None and length.name != "256":
        raise untranslatable(f"SHA{length.name}")
    return duckdb_expression(f"UNHEX({names[type(node)]}(text))", text=node.this)


def hexadecimal(node: exp.LowerHex, kinds: Kinds) -> exp.Expr:
    """TO_HEX writes small letters."""
    return duckdb_expression("LOWER(HEX(value))", value=node.this)


def position(node: exp.StrPosition, kinds: Kinds) -> exp.Expr:
    """INSTR(text, part, position) from a position that is written out, for the first occurrence.

    Raises:
        Rejected: untranslatable, for a position from behind and for later occurrences.
    """
    from sqlglot import exp

    start, occurrence = node.args.get("position"), node.args.get("occurrence")
    if start is None and occurrence is None:
        return node
    first = occurrence is None or occurrence.name == "1"
    if not first or not isinstance(start, exp.Literal) or not start.name.isdecimal() or int(start.name) < 1:
        raise untranslatable("INSTR from behind, or of a later occurrence,")
    return duckdb_expression(
        "CASE WHEN STRPOS(SUBSTRING(text, start), part) = 0 THEN 0"
        " ELSE STRPOS(SUBSTRING(text, start), part) + start - 1 END",
        text=node.this,
        part=node.args["substr"],
        start=start,
    )


def _cast(value: exp.Expr, type_name: str) -> exp.Expr:
    """A cast to one of DuckDB's types."""
    from sqlglot import exp

    return exp.cast(value.copy(), exp.DataType.build(type_name, dialect="duckdb"))
