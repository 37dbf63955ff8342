"""The lists of fixtures/extraction: wrapped statements as a person reads them, cut and faulty ones never mended."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sql_bench.generators.extraction import extract
from sql_bench.generators.replies.parsing import is_whole_query
from sql_bench.types import PredictionStatus

LISTS = Path(__file__).parent / "fixtures" / "extraction"
# What may follow a statement where a model was cut off, or wrote it wrong.
TAILS = (
    "",
    "<|im_end|>",
    "\n</sql>",
    "\n\nThis query returns what was asked for.",
    "\nThis query returns what was asked for.",
    "\n\n**Explanation:** one row each.",
    "\n\n- name: what it is called",
    "\n\nNote: assumes nothing.",
)


def lines(name):
    return [json.loads(line) for line in (LISTS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def words(sql):
    """A statement with single blanks, without comments: those before its first word are no part of a bare one."""
    return " ".join(re.sub(r"(--|#)[^\n]*", "", sql or "").split())


@pytest.mark.parametrize("line", lines("wrapped"), ids=lambda line: line["name"])
def test_a_wrapped_statement_is_read_as_a_person_reads_it(line):
    found = extract(line["raw"], "bigquery")
    assert (found.status, words(found.sql)) == (PredictionStatus.SQL, words(line["sql"])), found


def test_the_lists_have_their_sizes():
    assert (len(lines("wrapped")) >= 100, len(lines("statements")), len(lines("errors"))) == (True, 40, 40)


@pytest.mark.slow
@pytest.mark.parametrize(("wrap", "tail"), [*(("{}", tail) for tail in TAILS), ("```sql\n{}", "<|im_end|>")])
def test_a_statement_that_was_cut_is_never_made_another(wrap, tail):
    """What is found is all that stood before the cut, or all the text; never less that could be run."""
    for line in lines("statements"):
        sql = line["sql"]
        for token in re.finditer(r"\w+|[^\w\s]", sql):
            prefix = sql[: token.end()]
            found = extract(wrap.format(prefix) + tail, "bigquery")
            if found.sql is not None and is_whole_query(found.sql, "bigquery"):
                assert words(found.sql).startswith(words(prefix)), (prefix, found)


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("wrap", ["{}", "```sql\n{}\n```", "<sql>\n{}\n</sql>", "SQL: {}"])
def test_a_statement_with_a_syntax_error_is_never_made_another(wrap, tail):
    for line in lines("errors"):
        found = extract(wrap.format(line["sql"]) + tail, "bigquery")
        if found.sql is not None:
            assert words(found.sql).startswith(words(line["sql"])), (line, found)


@pytest.mark.parametrize("line", lines("statements"), ids=lambda line: words(line["sql"])[:60])
@pytest.mark.parametrize("tail", TAILS)
def test_whole_statements_are_cut_off_where_they_end(line, tail):
    found = extract(line["sql"] + tail, "bigquery")
    assert words(found.sql) == words(line["sql"])
    assert words(found.cut) == words(tail)
    assert is_whole_query(line["sql"], "bigquery")
