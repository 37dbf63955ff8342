"""Prose that a search finds: first lines, headings and help texts in plain terms."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGES = ("bench_core", "retrieval_bench", "sql_bench", "benchmarks", "scripts")
RIDDLE = re.compile(r"(?:What|How|Which|When|Where|Why|Who|Whether)\b")
PAGES = [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md"), *(REPOSITORY / "benchmarks").glob("*.md")]


def test_first_lines_of_modules_are_noun_phrases_or_imperatives():
    for package in PACKAGES:
        for path in sorted((REPOSITORY / package).rglob("*.py")):
            said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
            assert said or path.name == "__init__.py", f"{path} has no docstring"
            assert not (said and RIDDLE.match(said)), f"{path}: {said}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_headings_name_their_subject(page):
    headings = re.findall(r"^#+ (.*)", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S), re.MULTILINE)
    assert headings and [heading for heading in headings if RIDDLE.match(heading)] == []


@pytest.mark.parametrize("place", [*PACKAGES, "docs", "README.md", "CONTRIBUTING.md", "run_all.sh"])
def test_plain_words(place):
    path = REPOSITORY / place
    for file in [path] if path.is_file() else path.rglob("*"):
        if file.suffix not in {".py", ".md", ".sh"}:
            continue
        found = re.search(r"\banew\b|\b(?:gone|goes|go) on (?:with|from)\b", file.read_text(encoding="utf-8"))
        assert found is None, f"{file}: {found and found.group()}"


def test_help_texts_are_no_questions():
    for package in PACKAGES:
        for path in (REPOSITORY / package).rglob("*.py"):
            texts = re.findall(r'help=f?"([^"]*)"', path.read_text(encoding="utf-8"))
            assert [text for text in texts if RIDDLE.match(text)] == [], path
