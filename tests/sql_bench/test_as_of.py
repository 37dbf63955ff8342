"""Where the clock of a run stands, and that it stays there."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench_core.errors import UserError
from bench_core.identity import identity_hash
from sql_bench.cli.main import main
from sql_bench.datasets.dataset import SqlCard
from sql_bench.datasets.folder import DatasetFile
from sql_bench.pipeline.as_of import FILE_NAME, as_of_run

MOMENT = datetime.datetime(2024, 2, 29, 23, 30, tzinfo=datetime.UTC)
CARD = SqlCard("dir/clock", "", "bigquery")


def kept(root: Path) -> Path:
    return root / "dir-clock" / FILE_NAME


def test_the_time_of_a_card_goes_before_all(tmp_path: Path) -> None:
    found = as_of_run(SqlCard("dir/clock", "", "bigquery", as_of=MOMENT), tmp_path, pytest.fail)
    assert found.moment == MOMENT and not kept(tmp_path).exists()
    assert str(found) == "2024-02-29T23:30:00+00:00 (the data set's own time)"


def test_the_day_of_the_first_run_is_kept(tmp_path: Path) -> None:
    first = as_of_run(CARD, tmp_path, pytest.fail)
    today = datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta() <= today - first.moment < datetime.timedelta(days=1, minutes=1)
    assert str(first) == f"{first.moment.date()} (the day of the first run)"
    assert as_of_run(CARD, tmp_path, pytest.fail) == first
    earlier = {"as_of": "2020-02-29T00:00:00+00:00"}
    kept(tmp_path).write_text(json.dumps({**earlier, "sha256": identity_hash(earlier)}))
    assert as_of_run(CARD, tmp_path, pytest.fail).moment.isoformat() == earlier["as_of"]


@pytest.mark.parametrize(
    "damage", ["{", "[]", '{"as_of": 3}', "", '{"as_of":"2020-01-01T00:00:00+00:00","sha256":"0"}']
)
def test_a_damaged_time_is_named_and_made_again(tmp_path: Path, damage: str) -> None:
    first = as_of_run(CARD, tmp_path, pytest.fail)
    kept(tmp_path).write_text(damage)
    told: list[str] = []
    assert as_of_run(CARD, tmp_path, told.append) == first
    assert len(told) == 1 and "damaged" in told[0]
    assert as_of_run(CARD, tmp_path, pytest.fail) == first


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (None, None),
        (datetime.date(2024, 2, 29), "2024-02-29T00:00:00+00:00"),
        (datetime.datetime(2024, 2, 29, 12), "2024-02-29T12:00:00+00:00"),
        (MOMENT, MOMENT.isoformat()),
    ],
)
def test_a_folder_says_its_time_as_a_day_or_an_instant(written: datetime.date | None, expected: str | None) -> None:
    moment = DatasetFile(as_of=written).moment
    assert (moment.isoformat() if moment else None) == expected


def test_a_card_with_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(UserError, match="time zone"):
        SqlCard("dir/clock", "", "bigquery", as_of=datetime.datetime(2024, 2, 29))


@pytest.mark.slow
def test_a_run_says_where_its_clock_stands_and_keeps_it(tmp_path: Path) -> None:
    folder = tmp_path / "clock"
    (folder / "tables").mkdir(parents=True)
    (folder / "tables" / "t.csv").write_text("id,d\n1,2024-02-28\n2,2020-01-01\n")
    (folder / "dataset.yaml").write_text("dialect: bigquery\nas_of: 2024-02-29\n")
    sql = "SELECT DATE_DIFF(CURRENT_DATE(), d, DAY) AS days FROM t WHERE id = 1"
    question = {"question_id": "q", "question": "How long ago?", "gold_sql": sql}
    (folder / "questions.jsonl").write_text(json.dumps(question) + "\n")
    (folder / "predictions.jsonl").write_text(json.dumps({"question_id": "q", "sql": "SELECT 1 AS days"}) + "\n")
    options = ["--results", str(tmp_path / "results"), "--mirrors", str(tmp_path / "mirrors"), "--format", "json"]
    command = ["score", "-d", f"dir:{folder}", "--predictions", str(folder / "predictions.jsonl"), *options]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert "1 statements ask for the time; it is 2024-02-29 (the data set's own time)" in result.stderr
    assert json.loads(result.stdout)["rows"][0]["correct"] == 1
    (manifest,) = tmp_path.glob("results/sql/*/golds--*/manifest.json")
    assert json.loads(manifest.read_text())["identity"]["backend"]["as_of"] == "2024-02-29T00:00:00+00:00"
