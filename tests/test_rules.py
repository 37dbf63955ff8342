"""The rules in docs/rules/: each that source, tests or docs cite exists, and numbers are given once."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
RULES = REPOSITORY / "docs" / "rules"
PLACES = ("bench_core", "retrieval_bench", "sql_bench", "tests", "docs", "scripts", "benchmarks", "README.md")
NUMBER = r"[A-Z]\d+(?:\.\d+)?"
DEFINED = re.compile(rf"^(?:## |- \*\*|\*\*)({NUMBER})\b", re.MULTILINE)
# A citation may name several: "docs/rules/comparing.md C3, C4 and C5.1".
CITED = re.compile(rf"rules/(\w+\.md)\s+((?:{NUMBER}(?:,? and |, | to )?)+)")
ELSEWHERE = re.compile(r"\b(?:SQL|DESIGN|REFERENCE|BIOMEDSQL|GPU|ENVIRONMENT)\.md\b")


def texts():
    for place in PLACES:
        path = REPOSITORY / place
        files = path.rglob("*") if path.is_dir() else [path]
        for file in sorted(files):
            if file.suffix in {".py", ".md", ".sh", ".yaml", ".tsv"} and file != Path(__file__):
                yield file, file.read_text(encoding="utf-8")


def defined(page):
    return DEFINED.findall((RULES / page).read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", sorted(path.name for path in RULES.glob("*.md") if path.name != "README.md"))
def test_each_number_is_given_once_in_the_order_of_the_page(page):
    numbers = defined(page)
    assert numbers and [number for number, n in Counter(numbers).items() if n > 1] == []
    assert numbers == sorted(numbers, key=lambda number: [int(part) for part in number[1:].split(".")])
    assert page in (RULES / "README.md").read_text()


def test_each_rule_that_is_cited_exists():
    cited = [
        (file.relative_to(REPOSITORY), page, number)
        for file, text in texts()
        for page, numbers in CITED.findall(text)
        for number in re.findall(NUMBER, numbers)
    ]
    assert len({file for file, _, _ in cited}) > 10
    assert [citation for citation in cited if citation[2] not in defined(citation[1])] == []


def test_nothing_refers_to_documents_that_are_not_here():
    assert [file.relative_to(REPOSITORY) for file, text in texts() if ELSEWHERE.search(text)] == []
