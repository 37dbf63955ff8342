"""Nothing that a terminal acts on is printed, in whatever form; what is long costs nothing to look at."""

from __future__ import annotations

import json
import sys
import unicodedata

import click
import pytest
from click.testing import CliRunner

from bench_core.characters import printable, printable_json, printable_lines
from bench_core.cli.group import BenchGroup
from bench_core.errors import UserError
from bench_core.results.tables import LONGEST_TEXT, Column, Table

HOSTILE = "a\x1b[2J\nb\x07\u202ec\x9b1m\u2028d\x7f\u200b\ufeffe\rf"
FORBIDDEN = "\x1b\x07\u202e\x9b\u2028\x7f\u200b\ufeff\r"


def test_all_characters_of_the_categories_are_written_out():
    acted_on = [
        sign for sign in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(sign) in ("Cc", "Cf", "Zl", "Zp")
    ]
    assert len(acted_on) > 150
    assert printable("".join(acted_on)).isascii()
    assert printable("né – ok 😀 مرحبا") == "né – ok 😀 مرحبا"


def test_lines_stay_lines_where_there_are_several():
    assert printable_lines("a\nb\x1bc\td") == "a\nb\\x1bc\\td"


def test_json_keeps_its_content():
    content = [HOSTILE, "\U000e0041 and 😀"]
    text = printable_json(json.dumps(content, ensure_ascii=False, indent=1))
    assert json.loads(text) == content
    assert not set(FORBIDDEN) & set(text) and "😀" in text


@pytest.mark.parametrize("form", ["rich", "markdown", "latex", "json"])
def test_no_form_for_people_prints_them(form):
    table = Table(HOSTILE, [Column("a", HOSTILE)], [[HOSTILE]], [HOSTILE])
    for width in (None, 80):
        assert not set(FORBIDDEN) & set(table.render(form, width))


def test_csv_is_exact():
    assert Table("t", [Column("a", "a")], [["x\x1by"]]).render("csv") == "a\nx\x1by\n"


@pytest.mark.parametrize("form", ["rich", "markdown", "latex"])
def test_a_long_text_is_cut_with_the_cut_stated(form):
    long = "é" * 30_000_000
    for width in (None, 80):
        text = Table("t", [Column("a", "a" * 50_000), Column("b", "b")], [[long, 1]]).render(form, width)
        assert len(text) < 2 * LONGEST_TEXT + 60_000
        assert "30,000,000" in text and "10,000 characters" in text.replace("\n", " ")
        if form != "rich":
            break


def test_machines_get_all_of_it():
    long = "é" * (LONGEST_TEXT + 1)
    table = Table("t", [Column("a", "a")], [[long]])
    assert json.loads(table.render("json")) == {"title": "t", "rows": [{"a": long}], "notes": []}
    assert table.render("csv") == f"a\n{long}\n"
    assert long[1:] in Table("t", [Column("a", "a")], [[long[1:]]]).render("rich")


def test_what_was_typed_and_errors_are_written_out():
    @click.group(cls=BenchGroup)
    def group() -> None: ...

    @group.command()
    @click.argument("text")
    def fails(text: str) -> None:
        raise UserError(f"No {text}.")

    for arguments, code in ((["fails", HOSTILE], 2), ([f"x{HOSTILE}"], 2), (["fails", f"--x{HOSTILE}"], 2)):
        result = CliRunner().invoke(group, arguments)
        assert result.exit_code == code
        assert not set(FORBIDDEN) & set(result.output) and "\\x1b[2J" in result.output
