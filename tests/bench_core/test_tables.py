import csv
import io
import json

import pytest

from bench_core.results.tables import FORMATS, Column, Table

TABLE = Table(
    "Scores of 100 % & more",
    [Column("system", "system"), Column("ndcg@10", "nDCG@10"), Column("n", "N"), Column("flag", "flag")],
    [["bm25_qs | a", 0.123456789, 10, True], ["dense", None, 7, False]],
    ["N: queries."],
)


def test_json_keeps_every_digit():
    content = json.loads(TABLE.render("json"))
    assert content["rows"][0] == {"system": "bm25_qs | a", "ndcg@10": 0.123456789, "n": 10, "flag": True}
    assert content["notes"] == ["N: queries."]


def test_csv_has_names_and_empty_cells():
    rows = list(csv.reader(io.StringIO(TABLE.render("csv"))))
    assert rows == [
        ["system", "ndcg@10", "n", "flag"],
        ["bm25_qs | a", "0.123456789", "10", "True"],
        ["dense", "", "7", "False"],
    ]


def test_markdown_escapes_its_own_signs():
    assert "| bm25_qs \\| a | 0.1235 | 10 | yes |" in TABLE.render("markdown")


def test_latex_escapes_its_own_signs():
    text = TABLE.render("latex")
    assert r"\caption{Scores of 100 \% \& more}" in text
    assert r"bm25\_qs | a & 0.1235 & 10 & yes \\" in text


def test_rich_is_the_same_in_any_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    narrow = TABLE.render("rich")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert TABLE.render("rich") == narrow
    assert "0.1235" in narrow and "\x1b" not in narrow


def test_elsewhere_than_on_a_terminal_a_row_is_one_whole_line():
    lines = Table("t", [Column("a", "a")], [["word " * 60], ["short"]]).render("rich").splitlines()
    assert len(lines) == 5 and lines[3].count("word") == 60


@pytest.mark.parametrize("form", FORMATS)
def test_every_form_ends_with_a_newline_and_takes_no_rows(form):
    assert Table("empty", [Column("a", "a")], []).render(form).endswith("\n")


def test_a_row_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="2 cells for 1 columns"):
        Table("t", [Column("a", "a")], [["x", "y"]])


def test_an_optional_column_that_says_nothing_is_for_machines_only():
    columns = [Column("a", "a"), Column("b", "bees", optional=True), Column("c", "seas", optional=True)]
    table = Table("t", columns, [["x", 0, 1], ["y", None, 0]])
    for form in ("rich", "markdown", "latex"):
        assert "bees" not in table.render(form) and "seas" in table.render(form)
    assert json.loads(table.render("json"))["rows"][0] == {"a": "x", "b": 0, "c": 1}
    assert table.render("csv").startswith("a,b,c")
