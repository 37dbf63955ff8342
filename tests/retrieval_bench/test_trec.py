import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench_core.errors import BadFile, UserError
from retrieval_bench.rankings.trec import check_known, read_qrels, read_run, run_bytes


def test_a_run_comes_back_as_it_was(tmp_path):
    run = {"q 1": [("doc with space", float(np.float32(0.1))), ("d2", -3.0)], "q2": []}
    path = tmp_path / "run.trec.gz"
    path.write_bytes(run_bytes(run, "tag"))
    found = read_run(path)
    assert np.float32(found["q 1"]["doc with space"]) == np.float32(0.1)
    assert found == {"q 1": {"doc with space": 0.1, "d2": -3.0}}


@given(st.floats(allow_nan=False, width=32))
def test_every_float32_survives(tmp_path_factory, score):
    path = tmp_path_factory.mktemp("run") / "run.trec.gz"
    path.write_bytes(run_bytes({"q": [("d", score)]}, "tag"))
    assert np.float32(read_run(path)["q"]["d"]) == np.float32(score)


def test_runs_of_others_are_read(tmp_path):
    path = tmp_path / "theirs.txt"
    path.write_text("1 Q0 d1 1 2.5 tag\r\n1\tQ0\td2\t2\t1e-3\tSTANDARD more junk\n\n2  Q0  d1  9  7  tag with words\n")
    assert read_run(path) == {"1": {"d1": 2.5, "d2": 0.001}, "2": {"d1": 7.0}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1 Q0 d1 1 2.5 t\n1 Q0 d2 2\n", r"line 2: expected 6 columns .* found 4"),
        ("1 Q0 d1 1 high t\n", r"line 1: expected a number as the score and found 'high'"),
        ("1 Q0 d1 1 nan t\n", r"line 1: expected a number as the score and found 'nan'"),
        ("1 Q0 d1 1 2 t\n1 Q0 d1 2 1 t\n", r"line 2: document d1 stands twice for query 1"),
        ("1 Q0 d1 1 1_0 t\n", r"line 1: expected a number as the score and found '1_0'"),
    ],
)
def test_a_bad_run_is_named_with_its_line(tmp_path, content, message):
    path = tmp_path / "run.txt"
    path.write_text(content)
    with pytest.raises(BadFile, match=message):
        read_run(path)


def test_a_run_that_is_not_gzip_or_not_text_is_named(tmp_path):
    (tmp_path / "run.gz").write_text("1 Q0 d 1 1 t\n")
    with pytest.raises(BadFile, match="not a whole gzip file"):
        read_run(tmp_path / "run.gz")
    whole = gzip.compress(b"1 Q0 d 1 1 t\n" * 1000)
    (tmp_path / "cut.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadFile, match="not a whole gzip file"):
        read_run(tmp_path / "cut.gz")
    (tmp_path / "run.txt").write_bytes(b"1 Q0 d 1 1 t\n1 Q0 \xff 1 1 t\n")
    with pytest.raises(BadFile, match="line 2: this is not UTF-8"):
        read_run(tmp_path / "run.txt")
    with pytest.raises(UserError, match="no such file"):
        read_run(tmp_path / "absent")


def test_judgments_in_both_layouts(tmp_path):
    (tmp_path / "trec.txt").write_text("q1 0 d1 2\nq1\t0\td2\t-1\n")
    (tmp_path / "beir.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t-1\n")
    assert read_qrels(tmp_path / "trec.txt") == read_qrels(tmp_path / "beir.tsv") == {"q1": {"d1": 2, "d2": -1}}


def test_columns_are_separated_by_tabs_and_spaces_only(tmp_path):
    path = tmp_path / "run.txt"
    path.write_text(
        "\ufeff1 Q0 d\u00a01 1 2 t\n2\tQ0\tdoc one\t1\t2.5\ttag\tmore\n2 \tQ0\td2 \t2\t-inf\tt\n", encoding="utf-8"
    )
    assert read_run(path) == {"1": {"d\u00a01": 2.0}, "2": {"doc one": 2.5, "d2": float("-inf")}}
    path.write_text("\ufeff1 0\td1\t1\n1 \t0\td2\t0\n", encoding="utf-8")
    assert read_qrels(path) == {"1": {"d1": 1, "d2": 0}}
    path.write_text("q 1\t0\td 1\t1\nq 1\t0\td2 \t0\n")
    assert read_qrels(path) == {"q 1": {"d 1": 1, "d2": 0}}


def test_an_empty_run_is_a_run(tmp_path):
    (tmp_path / "run.txt").write_text("")
    assert read_run(tmp_path / "run.txt") == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("q1 0 d1 1\nq1 d2\n", r"line 2: expected 4 columns .* found 2"),
        ("q1 0 d1 yes\n", "line 1: expected a whole number as the relevance and found 'yes'"),
        ("q1 0 d1 1.5\n", "line 1: expected a whole number"),
        ("q1 0 d1 1_0\n", "line 1: expected a whole number"),
        ("q1 0 d1 1\nq1 0 1\n", r"line 2: expected 4 columns .* found 3"),
        ("q1 0 d1 1\nq1 0 d1 0\n", "line 2: document d1 is judged 1 and 0 for query q1"),
        ("query-id\tcorpus-id\tscore\n", "at least one judgment"),
    ],
)
def test_bad_judgments_are_named_with_their_line(tmp_path, content, message):
    path = tmp_path / "qrels.txt"
    path.write_text(content)
    with pytest.raises(BadFile, match=message):
        read_qrels(path)


def test_judgments_of_unknown_queries_are_refused(tmp_path):
    with pytest.raises(BadFile, match="query q2 is judged but is not among the 1 queries"):
        check_known({"q1": {}, "q2": {}}, ["q1"], tmp_path / "qrels.tsv")
