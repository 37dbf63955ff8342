"""Tables on a terminal: lines that fit, rows of one line, the columns that matter."""

import pytest

from bench_core.errors import UserError
from bench_core.results.tables import Column, Table
from bench_core.results.terminal import printable

WIDTHS = (80, 100, 120, 200)
_HEADLINE = [
    Column("dataset", "dataset", priority=1),
    Column("system", "system", priority=1, least=40),
    Column("ndcg@10", "nDCG@10", priority=1, best="highest"),
    Column("se", "±SE", priority=1),
]
WIDE = Table(
    "Retrieval of a title that is longer than a narrow terminal's line, so that it goes on below itself here",
    [*_HEADLINE, *(Column(f"m{number}", f"measure number {number}") for number in range(12))],
    [
        ["demo/evidence", "rrf(bm25-qs, dense,model=minilm),k=30 > monot5,keep=all", 0.3897, 0.0442, *[0.1] * 12],
        ["demo/evidence", "bm25", 0.3313, 0.0314, *[0.25] * 12],
        ["demo/qa", "bm25", 0.9, 0.01, *[0.5] * 12],
        ["demo/qa", "bm25-qs", None, None, *[0.5] * 12],
    ],
    ["Means over all judged queries; " * 6],
    groups=("dataset",),
)


def rows_of(text: str) -> list[str]:
    return parts_of(text)[1]


def head_of(text: str) -> list[str]:
    """The lines of the headers, below a title of one line."""
    return parts_of(text)[0][1:]


def parts_of(text: str) -> tuple[list[str], list[str]]:
    lines = text.splitlines()
    rule = next(number for number, line in enumerate(lines) if line.startswith("──"))
    return lines[:rule], lines[rule + 1 :]


@pytest.mark.parametrize("width", [*WIDTHS, 40, 20])
def test_no_line_is_wider_than_the_terminal_and_each_row_is_one_line(width):
    text = WIDE.render("rich", width)
    rows = rows_of(text)[: len(WIDE.rows)]
    assert max(map(len, text.splitlines())) <= width
    assert all(row.strip()[:1] == name[:1] for row, (name, *_) in zip(rows, WIDE.rows, strict=True))


@pytest.mark.parametrize("width", WIDTHS)
def test_what_matters_most_is_there_at_every_width(width):
    text = WIDE.render("rich", width)
    for header in ("dataset", "system", "nDCG@10", "±SE"):
        assert header in text
    assert "rrf(bm25-qs, dense,model=minilm),k=30 >" in text and "0.3897" in text and "0.0442" in text


def test_what_is_left_out_is_named_and_the_least_goes_first():
    narrow = Table(
        "t", [Column("a", "a", priority=1), Column("b", "b", priority=3), Column("c", "c")], [["x" * 12] * 3]
    )
    assert "Not shown for want of room: b (" in narrow.render("rich", 32).replace("\n", " ")
    assert "Not shown" not in narrow.render("rich", 44)


def test_a_wider_terminal_shows_no_fewer_columns():
    shown = [" ".join(head_of(WIDE.render("rich", width))).count("measure") for width in WIDTHS]
    assert shown == sorted(shown) and shown[0] < shown[-1]


def test_names_are_whole_before_columns_of_less_weight_get_room():
    name = "replay,path=careful,and=more"
    columns = [Column("name", "name", priority=1, least=60), *(Column(f"c{n}", f"column {n}") for n in range(9))]
    table = Table("t", columns, [[name, *range(9)]])
    for width in (40, 60, 80):
        assert name in rows_of(table.render("rich", width))[0]
    assert "…" in rows_of(table.render("rich", 20))[0]


def test_a_header_takes_two_lines_at_most():
    columns = [Column(f"c{n}", "EX (non-trivial gold) %") for n in range(9)]
    text = Table("t", columns, [[1.0] * 9]).render("rich", 80)
    assert len(head_of(text)) == 2 and "Not shown" in text


def test_columns_that_belong_together_are_left_out_together():
    ends = [Column("low", "from", together="interval"), Column("high", "to", together="interval")]
    table = Table("t", [Column("a", "a", priority=1, least=20), *ends], [["x" * 20, 0.5, 0.5]])
    assert "Not shown for want of room: from (low), to (high)" in table.render("rich", 33).replace("\n", " ")
    assert "from" in head_of(table.render("rich", 50))[0]


def test_long_text_is_cut_and_the_cut_is_shown():
    table = Table("t", [Column("a", "a"), Column("b", "b")], [["name", "word " * 60]])
    row = rows_of(table.render("rich", 80))[0]
    assert row.endswith("…") and len(row) <= 80
    assert rows_of(table.render("rich"))[0].count("word") == 60


def test_sentences_go_on_below_themselves_at_word_ends():
    table = Table("t", [Column("a", "a"), Column("b", "b", wraps=True)], [["name", "a whole sentence " * 20]])
    text = table.render("rich", 80)
    assert text.count("sentence") == 20 and "…" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_sentences_use_the_width_there_is_and_a_word_longer_than_it_is_cut():
    table = Table("t", [Column("a", "a"), Column("b", "b", wraps=True)], [["name", "words " * 30], ["hash", "f" * 100]])
    assert len(rows_of(table.render("rich", 200))) == 2
    narrow = rows_of(table.render("rich", 80))
    assert narrow[-1].startswith(" hash") and narrow[-1].endswith("f…")


def test_notes_are_broken_between_words():
    lines = WIDE.render("rich", 80).splitlines()
    assert sum("Means over all judged queries;" in line for line in lines) > 1
    assert all(len(line) <= 80 for line in lines)


def test_wide_characters_take_two_places():
    table = Table("t", [Column("a", "a"), Column("b", "b")], [["急性心筋梗塞の治療" * 8, "x"]])
    from rich.cells import cell_len

    assert max(map(cell_len, table.render("rich", 80).splitlines())) <= 80


def test_the_best_of_each_group_is_bold_and_ties_share_it():
    bold = "\x1b[1m"
    text = WIDE.render("rich", 80, styled=True)
    assert [line.count(bold) for line in rows_of(text)[:4]] == [1, 0, 0, 0], "a group of one value has no best"
    tied = Table("t", [Column("a", "a", best="lowest")], [[0.12341], [0.12342], [0.5]])
    assert [line.count(bold) for line in rows_of(tied.render("rich", 80, styled=True))] == [1, 1, 0]
    assert "\x1b" not in WIDE.render("rich", 80)


def test_nothing_that_a_terminal_acts_on_is_printed():
    hostile = "a\x1b[2J\nb\x07\u202ec\x9b1m\u2028"
    table = Table(hostile, [Column("a", hostile)], [[hostile]], [hostile])
    for width in (None, 80):
        text = table.render("rich", width)
        assert not any(sign in text for sign in "\x1b\x07\u202e\x9b\u2028")
        assert text.count("\\x1b[2J\\nb") == 4
    assert printable("né – ok 😀") == "né – ok 😀"


def test_columns_are_chosen_by_their_names_in_csv():
    chosen = WIDE.with_columns(["m3", "system"])
    assert chosen.render("csv").splitlines()[0] == "m3,system"
    with pytest.raises(UserError, match=r"no column 'sistem' \(did you mean system\?\)"):
        WIDE.with_columns(["sistem"])
    with pytest.raises(UserError, match="twice"):
        WIDE.with_columns(["m3", "m3"])


def test_a_chosen_column_is_shown_though_it_says_nothing():
    table = Table("t", [Column("a", "a"), Column("b", "bees", optional=True)], [["x", 0]])
    assert "bees" in table.with_columns(["a", "b"]).render("rich")


def test_many_rows_are_aligned_and_characters_that_take_two_places_too():
    rows = [[f"n{number}", number, "急性" if number % 2 else "ab"] for number in range(2000)]
    table = Table("t", [Column("a", "a"), Column("b", "b"), Column("c", "c")], rows)
    lines = table.render("rich").splitlines()
    assert len(lines) == 2003 and lines[3] == " n0         0   ab" and lines[-1] == " n1999   1999   急性"
