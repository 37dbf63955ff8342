"""Verdicts on pairs of statements, from the command line on: members, ties, chance, the clock, casts, NULL arrays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sql_bench.cli.main import main

LIST = Path(__file__).parent / "fixtures" / "verdicts.tsv"


@pytest.mark.slow
def test_each_pair_of_the_list_gets_its_verdict(tmp_path: Path) -> None:
    lines = [line.split("\t") for line in LIST.read_text().splitlines() if not line.startswith("#")]
    folder = tmp_path / "list"
    (folder / "tables").mkdir(parents=True)
    genes = [f"G{n},{n % 5},{n / 1000},{n // 10},2020-01-{1 + n % 28:02d}" for n in range(100)]
    (folder / "tables" / "genes.csv").write_text("\n".join(["gene,chr,p,tied,d", *genes, ""]))
    (folder / "dataset.yaml").write_text("dialect: bigquery\nas_of: 2021-01-01\n")
    questions = [
        {"question_id": f"q{n}", "question": f"Which, {n}?", "gold_sql": gold} for n, (_, gold, _) in enumerate(lines)
    ]
    predictions = [{"question_id": f"q{n}", "sql": sql} for n, (_, _, sql) in enumerate(lines)]
    for name, items in (("questions", questions), ("predictions", predictions)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    options = ["--results", str(tmp_path / "results"), "--mirrors", str(tmp_path / "mirrors"), "--format", "json"]
    command = ["score", "-d", f"dir:{folder}", "--predictions", str(folder / "predictions.jsonl"), "--per-question"]
    result = CliRunner().invoke(main, [*command, *options])
    assert result.exit_code == 0, result.output
    rows = {row["question_id"]: row for row in json.loads(result.stdout)["rows"]}
    found = [
        f"{row['answer_verdict']} {row['answer_difference'] or ''}".strip()
        for row in map(rows.get, [q["question_id"] for q in questions])
        if row
    ]
    assert list(zip(found, (gold for _, gold, _ in lines), strict=True)) == [(said, gold) for said, gold, _ in lines]
