"""`retrieval-bench explain`: ranks of relevant documents, gained, lost, unjudged, generated text, the worst queries."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from retrieval_bench.cli.main import main

pytestmark = pytest.mark.slow

SYSTEMS = ("bm25", "bm25-qs", "hyde > bm25", "rrf(hyde > bm25, bm25)")


def invoke(*arguments, code=0):
    result = CliRunner().invoke(main, [*map(str, arguments)])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explain")
    places = ["--results", folder / "results"]
    named = [text for system in SYSTEMS for text in ("-r", system)]
    invoke("run", "-d", "demo/qa", *named, "--indexes", folder / "indexes", *places)
    return places


def content_of(results, *arguments):
    return json.loads(invoke("explain", *arguments, *results, "--format", "json").stdout)


def test_a_query_is_explained_against_another_run(results):
    content = content_of(results, "qa-q06", "-r", "bm25", "-r", "bm25-qs")
    assert content["query"][0].startswith("Saturday's takeaway rice")
    ranks = {row["doc_id"]: (row["rank_a"], row["rank_b"]) for row in content["relevant"]["rows"]}
    assert ranks == {"qa-p30": (11, 5), "qa-p70": (22, 19)}
    assert "bm25 lost in the first 10: qa-p30." in content["summary"]
    assert "bm25 gained in the first 10: none." in content["summary"]
    assert any(text.startswith("bm25: 10 of the first 10 have no judgment") for text in content["summary"])
    figures = {row["measure"]: (row["a"], row["b"], row["gain"]) for row in content["figures"]["rows"]}
    one, other, gain = figures["nDCG@10"]
    assert one == 0 and gain == pytest.approx(one - other)
    assert [row["doc_id"] for row in content["top_b"]["rows"]].index("qa-p30") == 4
    assert [row["relevance"] for row in content["top_b"]["rows"]].count("unjudged") == 9


def test_the_other_way_round_it_is_gained(results):
    summary = content_of(results, "qa-q06", "-r", "bm25-qs", "-r", "bm25")["summary"]
    assert "bm25-qs gained in the first 10: qa-p30." in summary
    assert (
        "bm25-qs gained in the first 5: qa-p30."
        in content_of(results, "qa-q06", "-r", "bm25-qs", "-r", "bm25", "-k", "5")["summary"]
    )


@pytest.mark.parametrize("system", ["hyde > bm25", "rrf(hyde > bm25, bm25)"])
def test_generated_text_is_shown_of_a_run_or_of_what_it_was_made_of(results, system):
    content = content_of(results, "qa-q06", "-r", system)
    assert len(content["generated_a"][0]) > 100
    assert content["generated_a"][1].startswith("Combined with the query by")
    assert "generated_a" not in content_of(results, "qa-q06", "-r", "bm25")


def test_the_worst_queries_are_listed(results):
    worst = content_of(results, "--worst", "3", "-r", "bm25")["rows"]
    assert worst[0]["query_id"] == "qa-q06" and len(worst) == 3
    assert [row["first"] for row in worst] == sorted(row["first"] for row in worst)
    losses = content_of(results, "--worst", "100", "-r", "bm25", "-r", "bm25-qs", "-m", "map")["rows"]
    assert len(losses) == 16
    assert [row["difference"] for row in losses] == sorted(row["difference"] for row in losses)
    for row in losses:
        assert row["difference"] == pytest.approx(row["first"] - row["second"])


def test_every_form_is_written(results):
    for form in ("rich", "markdown", "latex", "csv"):
        assert "qa-p30" in invoke("explain", "qa-q06", "-r", "bm25", *results, "--format", form).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Give a QUERY to explain, or --worst N"),
        (["qa-q06"], "Name the system by --retriever; there are bm25, "),
        (["qa-q6", "-r", "bm25"], "has no query 'qa-q6' (did you mean qa-q16?)"),
        (["qa-q06", "-r", "bm52"], "There is no scored run of 'bm52' (did you mean bm25?)"),
        (["--worst", "2", "-r", "bm25", "-m", "ndcg@7"], "ndcg@7 is not stored for bm25"),
        (["qa-q06", "-r", "bm25", "-d", "demo/ehr"], "There is no complete run in"),
        (["qa-q06", *("-r", "bm25") * 3], "--retriever is given 3 times"),
    ],
)
def test_a_mistake_is_one_sentence(results, arguments, message):
    assert message in invoke("explain", *arguments, *results, code=2).stderr
