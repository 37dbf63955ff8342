"""Runs, judgments, topics and measures in the forms others write them: a verdict a line (docs/rules/files.md)."""

import gzip
import io
import random
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from mutations import NUMBERS, Reader, check, mutated, mutated_json

from bench_core.errors import BadFile, UserError
from bench_core.llm.prompts import read_prompt
from bench_core.plugins.registry import StageSpec
from bench_core.runs.config import load_config
from retrieval_bench.datasets.card import DatasetCard
from retrieval_bench.datasets.cliniq import read_match_judgments
from retrieval_bench.datasets.dataset import Dataset, load_dataset
from retrieval_bench.datasets.excluded import excluded_of_queries, read_excluded
from retrieval_bench.datasets.folder import DatasetFile
from retrieval_bench.datasets.parts import read_part
from retrieval_bench.datasets.records import read_corpus, read_qrels_objects, read_queries
from retrieval_bench.datasets.topics import read_topics
from retrieval_bench.pipeline.experiment import RetrievalExperiment
from retrieval_bench.pipeline.search import search_all
from retrieval_bench.rankings.trec import read_qrels, read_run
from retrieval_bench.retrievers.base import RETRIEVERS, RetrieverBase, create_retriever
from retrieval_bench.scoring.measures import Measure
from retrieval_bench.scoring.score import score
from retrieval_bench.types import Document, Query, RankedList

# content, what is read; None: refused
RUNS = [
    ("q1 Q0 d1 1 9.5 s\n", {"q1": {"d1": 9.5}}),
    ("q1\tQ0\td1\t1\t9.5\ts\n", {"q1": {"d1": 9.5}}),
    ("q1\tQ0\td1\t\t2\t8.5\ts\n", {"q1": {"d1": 8.5}}),
    ("q1\t\tQ0\t\td1\t\t2\t\t8.5\t\ts\n", {"q1": {"d1": 8.5}}),
    ("q1\t Q0 \t d1\t 2 \t8.5\ts\n", {"q1": {"d1": 8.5}}),
    ("q1   Q0\td1  2\t 8.5 s\n", {"q1": {"d1": 8.5}}),
    ("q1 Q0\td1\t2\t8.5\ts\tmore\n", {"q1": {"d1": 8.5}}),
    ("q1 Q0\td1\t2\t8.5\t7\tmore\n", {"q1": {"d1": 8.5}}),
    ("\tq1\tQ0\td1\t1\t9.5\ts\t\n", {"q1": {"d1": 9.5}}),
    ("  q1 Q0 d1 1 9.5 s  \n", {"q1": {"d1": 9.5}}),
    ("q1 Q0 d1 1 9.5 s \t \r\n", {"q1": {"d1": 9.5}}),
    ("q 1\tQ0\tdoc one\t1\t9.5\ts\n", {"q 1": {"doc one": 9.5}}),
    ("q 1\t\tQ0\tdoc one\t1\t\t9.5\ta tag\n", {"q 1": {"doc one": 9.5}}),
    ("# made on Monday\nq1 Q0 d1 1 9.5 s\n", {"q1": {"d1": 9.5}}),
    ("#q1 Q0 d2 1 9.5 s\nq1 Q0 d1 1 9.5 s\n# end", {"q1": {"d1": 9.5}}),
    ("q1 Q0 d#1 1 9.5 s\n", {"q1": {"d#1": 9.5}}),
    ("\n \t \nq1 Q0 d1 1 9.5 s\n\n", {"q1": {"d1": 9.5}}),
    ("q1 Q0 d1 1 +1.e1 s\n", {"q1": {"d1": 10.0}}),
    ("q1\tQ0\td1\t\t8.5\ts\n", None),  # five columns
    ("q1 Q0 d1 1 9,5 s\n", None),
    ("q1 Q0 d1 1 0x1F s\n", None),
]
JUDGMENTS = [
    ("q1 0 d1 1\n", {"q1": {"d1": 1}}),
    ("q1\t0\td1\t1\n", {"q1": {"d1": 1}}),
    ("q1\t0\td1\t1\nq1\t0\td2\t0\t\n", {"q1": {"d1": 1, "d2": 0}}),
    ("q1\t\t0\td1\t\t1\n", {"q1": {"d1": 1}}),
    ("q1 0\td1\t1\nq2 0\td2\t1\n", {"q1": {"d1": 1}, "q2": {"d2": 1}}),
    ("q1 Q0\td1 1\nq2\t0\td2\t1\n", {"q1": {"d1": 1}, "q2": {"d2": 1}}),
    (" q1   0 d1\t1 \n", {"q1": {"d1": 1}}),
    ("q 1\t0\td 1\t1\n", {"q 1": {"d 1": 1}}),
    ("# judged by two\nq1 0 d1 1\n#q1 0 d1 0\n", {"q1": {"d1": 1}}),
    ("# judged by two\nquery-id\tcorpus-id\tscore\nq1\td1\t1\n", {"q1": {"d1": 1}}),
    ("query-id\tcorpus-id\tscore\nq1\td1\t1.0\nq1\td2\t0.0\n", {"q1": {"d1": 1, "d2": 0}}),
    ("query-id \tcorpus-id \tscore \nq1\td1\t1\n", {"q1": {"d1": 1}}),
    ("Query-ID\tcorpus-id\tScore\nq 1\td 1\t2\n", {"q 1": {"d 1": 2}}),
    ("query_id\titeration\tdoc_id\trelevance\nq1\t0\td1\t1\n", {"q1": {"d1": 1}}),
    ("q1\td1\t1\n", {"q1": {"d1": 1}}),
    ("q 1\td1\t1\n", {"q 1": {"d1": 1}}),
    ("q1 0 d1 +1\nq1 0 d2 1e0\nq1 0 d3 -2.00\nq1 0 d4 01\n", {"q1": {"d1": 1, "d2": 1, "d3": -2, "d4": 1}}),
    ("q1 0 d1 999999999\n", {"q1": {"d1": 999_999_999}}),
    ("q1 0 d1 1000000000\n", None),
    ("q1 0 d1 1e9\n", None),
    ("q1 0 d1 1e9999\n", None),
    ("q1 0 d1 1.5\n", None),
    ("q1 0 d1 1e-9999\n", None),
    ("q1 0 d1 1.000000000000000000001\n", None),
    ("q1 0 d1 nan\n", None),
    ("q1 0 d1 inf\n", None),
    ("q1 0 d1 1 extra\n", None),
    ("q1 d1\n", None),
    ("# nothing\n", None),
]
# One bound and one spelling in JSON lines too.
SCORES = [("1", 1), ("1.0", 1), ("-1", -1), ("1e0", 1), ("999999999", 999_999_999)]
NO_SCORES = ['"1"', "1000000000", "1e300", "1.5", "true", "null", '"high"', "NaN", "Infinity", "[1]", '""']

TREC_TOP = (
    "<top>\n<num> Number: 7\n<title> lumbar\nheadache\n\n<desc> Description:\nmore\n<narr> Narrative:\nx\n</top>\n"
)
CDS = (
    '<?xml version="1.0"?>\n<topics task="any">\n<topic number="1" type="diagnosis">\n<note>N &lt; 5</note>\n'
    "<description>D long</description>\n<summary>S\nshort</summary>\n</topic>\n</topics>\n"
)
PM = (
    '<topics>\n<topic number="1"><disease>Melanoma</disease><gene>BRAF (V600E)</gene>'
    "<demographic>64-year-old male</demographic><other>None</other></topic>\n</topics>\n"
)
CT = '<topics task="any">\n<topic number="1">\n58-year-old with age <60 and\npain &amp; fever\n</topic>\n</topics>\n'
CT_FIELDS = (
    '<topics><topic number="3" template="glaucoma"><field name="Diagnosis">glaucoma</field>'
    '<field name="pressure">24</field></topic></topics>'
)
# content, topic_field, what is read; None: refused
TOPICS = [
    ("7\tlumbar headache\n8\tnurse salary\n", "", {"7": "lumbar headache", "8": "nurse salary"}),
    ("query_id\ttext\n7\tlumbar\theadache\n", "", {"7": "lumbar\theadache"}),
    (TREC_TOP, "", {"7": "lumbar headache"}),
    (TREC_TOP, "desc", {"7": "more"}),
    (TREC_TOP, "title+narr", {"7": "lumbar headache x"}),
    ("<top>\n<num>1</num>\n<title>\nlumbar headache</title>\n</top>\n", "", {"1": "lumbar headache"}),
    (
        "<top>\n<num>1</num>\n<title>lumbar\nheadache\n</title>\n<desc>more</desc>\n</top>\n",
        "",
        {"1": "lumbar headache"},
    ),
    (
        "<top><num>1</num><title>a b</title></top>\n<top><num>2</num><title>c</title></top>\n",
        "",
        {"1": "a b", "2": "c"},
    ),
    ("<TOP>\n<NUM>Number: 1\n<TITLE>a <i>b</i> c</TITLE>\n</TOP>", "", {"1": "a b c"}),
    ("preamble\n<top>\n<num>1\n<title>a\n</top>\n", "", {"1": "a"}),
    ('<topics task="x">\n<topic number="1">lumbar headache</topic>\n</topics>', "", {"1": "lumbar headache"}),
    (CDS, "", {"1": "S short"}),
    (CDS, "description", {"1": "D long"}),
    (CDS, "note", {"1": "N < 5"}),
    (PM, "", {"1": "Melanoma BRAF (V600E) 64-year-old male None"}),
    (PM, "disease+gene", {"1": "Melanoma BRAF (V600E)"}),
    (CT, "", {"1": "58-year-old with age <60 and pain & fever"}),
    (CT_FIELDS, "", {"3": "glaucoma 24"}),
    (CT_FIELDS, "diagnosis", {"3": "glaucoma"}),
    ('<topic number="1"><query>virus origin</query><question>What?</question></topic>', "", {"1": "virus origin"}),
    ("<queries><query><id>q1</id><title>rash</title></query></queries>", "", {"q1": "rash"}),
    ("<topic lang='en'><identifier>C1</identifier><title><![CDATA[a < b]]></title></topic>", "", {"C1": "a < b"}),
    ("<!-- <top> --><topic id='1'><title>a</title><!-- no --></topic>", "", {"1": "a"}),
    ("", "", None),
    ("just words\n", "", None),
    ("<html><body>none</body></html>\n", "", None),
    ("<top>\n<num>1\n<title>a\n", "", None),  # not closed
    ("<top>\n<title>a\n</top>\n", "", None),
    ("<top>\n<num>1\n</top>\n", "", None),
    ("<top><num>1</num><title>a</title></top><top><num>1</num><title>b</title></top>", "", None),
    (TREC_TOP, "summary", None),
    ("7\tlumbar headache\n", "title", None),
    ("7\ta\n7\tb\n", "", None),
    ("7\ta\nb\n", "", None),
]

# text, canonical form; None: refused
MEASURES = [
    ("P@5", "precision@5"),
    ("P_5", "precision@5"),
    ("P.5", "precision@5"),
    ("AP", "map"),
    ("AP@100", "map@100"),
    ("RR", "mrr"),
    ("RR@10", "mrr@10"),
    ("R@100", "recall@100"),
    ("recall_100", "recall@100"),
    ("nDCG@10", "ndcg@10"),
    ("nDCG", "ndcg"),
    ("ndcg_cut_10", "ndcg@10"),
    ("ndcg_cut.10", "ndcg@10"),
    ("map_cut_100", "map@100"),
    ("recip_rank", "mrr"),
    ("Rprec", "rprec"),
    ("r-precision", "rprec"),
    ("success_10", "success@10"),
    ("Success@1", "success@1"),
    ("hit_rate@3", "success@3"),
    ("Judged@10", "judged@10"),
    ("P(rel=2)@5", "precision(rel=2)@5"),
    ("P@5(rel=2)", "precision(rel=2)@5"),
    ("recall@100(rel=2)", "recall(rel=2)@100"),
    ("recall@100-l2", "recall(rel=2)@100"),
    ("AP(rel=2)", "map(rel=2)"),
    ("map-l2", "map(rel=2)"),
    ("RR( rel = 3 )@10", "mrr(rel=3)@10"),
    ("Rprec(rel=2)", "rprec(rel=2)"),
    ("P", None),
    ("ndcg_cut", None),
    ("ndcg_cut.10,20", None),
    ("P@0", None),
    ("P@5@6", None),
    ("P(rel=0)@5", None),
    ("P(rel=2)@5(rel=2)", None),
    ("P(rel=2,judged_only=True)@5", None),
    ("nDCG(rel=2)@10", None),
    ("judged@10-l2", None),
    ("rprec@5", None),
    ("ERR@20", None),
]


def _written(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize(("content", "expected"), RUNS)
def test_runs(tmp_path, content, expected):
    path = _written(tmp_path, "run.txt", content)
    if expected is not None:
        assert read_run(path) == expected
        return
    with pytest.raises(BadFile, match="line 1"):
        read_run(path)


@pytest.mark.parametrize(("content", "expected"), JUDGMENTS)
def test_judgments(tmp_path, content, expected):
    path = _written(tmp_path, "qrels.txt", content)
    if expected is not None:
        assert read_qrels(path) == expected
        return
    with pytest.raises(BadFile):
        read_qrels(path)


@pytest.mark.parametrize(("text", "expected"), [*SCORES, *((text, None) for text in NO_SCORES)])
def test_judgments_as_objects(tmp_path, text, expected):
    path = _written(tmp_path, "qrels.jsonl", f'{{"q_id": "q", "p_id": "d", "score": {text}}}\n')
    if expected is not None:
        assert read_qrels_objects(path) == {"q": {"d": expected}}
        return
    with pytest.raises(BadFile, match="line 1: expected a whole number in score"):
        read_qrels_objects(path)


@pytest.mark.parametrize(("content", "field", "expected"), TOPICS)
def test_topics(tmp_path, content, field, expected):
    path = _written(tmp_path, "topics.txt", content)
    if expected is not None:
        assert {query.query_id: query.text for query in read_topics(path, field)} == expected
        return
    with pytest.raises(UserError):
        read_topics(path, field)


def test_a_file_of_no_topics_is_not_called_empty(tmp_path):
    with pytest.raises(BadFile, match=r"expected <top> … </top>, <topic number=…> … </topic>, or lines of a query_id"):
        read_topics(_written(tmp_path, "topics.txt", "1 lumbar headache\n"))


@pytest.mark.parametrize(("text", "expected"), MEASURES)
def test_measures(text, expected):
    if expected is None:
        with pytest.raises(UserError):
            Measure.parse(text)
        return
    measure = Measure.parse(text)
    assert str(measure) == expected
    assert Measure.parse(str(measure)) == measure == Measure.parse(measure.header)


def test_own_runs_keep_ids_that_begin_as_comments_do(tmp_path):
    path = _written(tmp_path, "run.txt", "#1\tQ0\td1\t1\t9.5\ts\n")
    assert read_run(path, has_comments=False) == {"#1": {"d1": 9.5}}
    assert read_run(path) == {}


# --- relevance levels ------------------------------------------------------------------------------------------------

RUN = {"q": [("a", 4.0), ("b", 3.0), ("c", 2.0), ("d", 1.0)]}
GRADED = {"q": {"a": 1, "b": 2, "c": 0, "d": 3, "e": 2}}


@pytest.mark.parametrize(
    ("text", "level", "expected"),
    [
        ("precision@2", 1, 1.0),
        ("precision@2", 2, 0.5),
        ("precision(rel=2)@2", 1, 0.5),
        ("precision(rel=1)@2", 2, 1.0),
        ("mrr", 2, 0.5),
        ("mrr(rel=3)", 1, 0.25),
        ("recall(rel=2)@4", 1, 2 / 3),
        ("map(rel=2)", 1, (1 / 2 + 2 / 4) / 3),
        ("success(rel=3)@3", 1, 0.0),
        ("rprec(rel=2)", 1, 1 / 3),
        ("map(rel=9)", 1, 0.0),
        ("judged@4", 2, 1.0),
    ],
)
def test_levels(text, level, expected):
    measure = Measure.parse(text)
    assert score(RUN, GRADED, [measure], level).per_query[measure]["q"] == pytest.approx(expected)


def test_grades_do_not_depend_on_the_level():
    measures = [Measure.parse("ndcg@3"), Measure.parse("map")]
    one, two = (score(RUN, GRADED, measures, level).per_query for level in (1, 2))
    assert one[measures[0]] == two[measures[0]] and one[measures[1]] != two[measures[1]]


def test_levels_equal_trec_evals(shared_data):
    """trec_eval -l 2 is what its own expected output out.test.aql was made with, on judgments of grades 0 to 3."""
    folder = shared_data / "retrieval" / "trec_eval"
    names = {"map": "map", "recip_rank": "mrr", "Rprec": "rprec"}
    names |= {f"P_{k}": f"precision@{k}" for k in (5, 10, 100)} | {f"recall_{k}": f"recall@{k}" for k in (5, 100)}
    expected = {}
    for line in (folder / "out.test.aql").read_text().splitlines():
        name, query_id, value = line.split()
        if name in names and query_id != "all":
            expected[name, query_id] = float(value)
    assert len(expected) > 10
    run = {query_id: sorted(scores.items(), key=lambda pair: (np.float32(pair[1]), pair[0]), reverse=True)
           for query_id, scores in read_run(folder / "results.test").items()}  # fmt: skip
    measures = {name: Measure.parse(text) for name, text in names.items()}
    found = score(run, read_qrels(folder / "qrels.rel_level"), measures.values(), 2).per_query
    for (name, query_id), value in expected.items():
        assert found[measures[name]][query_id] == pytest.approx(value, abs=5e-5), (name, query_id)


# --- what a folder says of itself ------------------------------------------------------------------------------------

FOLDER = {
    "corpus.jsonl": "".join(
        f'{{"_id": "{d}", "text": "headache {t}"}}\n' for d, t in zip("abcdq", "vwxyz", strict=True)
    ),
    "queries.jsonl": '{"_id": "q", "text": "headache", "excluded_ids": ["a"]}\n{"_id": "r", "text": "headache"}\n',
    "qrels.dev.txt": "q 0 b 1\nq 0 c 2\nr 0 b 2\n",
    "qrels.test.txt": "q 0 c 1\n",
}


def _folder(tmp_path, **more):
    folder = tmp_path / "set"
    folder.mkdir(exist_ok=True)
    for name, content in {**FOLDER, **more}.items():
        _written(folder, name.replace("__", "."), content)
    return folder


def test_several_files_of_judgments_are_named_and_chosen_from(tmp_path):
    folder = _folder(tmp_path)
    by_name = load_dataset(f"dir:{folder}")
    assert by_name.place.name == "qrels.dev.txt"
    note = "the judgments were read from qrels.dev.txt, and not from qrels.test.txt (qrels=FILE behind the dataset"
    assert [note in said for said in by_name.notes()] == [True]
    chosen = load_dataset(f"dir:{folder},qrels=qrels.test.txt")
    assert chosen.qrels == {"q": {"c": 1}} and chosen.notes() == []
    assert (by_name.card.dataset_id, chosen.card.dataset_id) == ("dir/set", "dir/set-test")
    assert chosen.card.indexed_as == "dir/set"
    with pytest.raises(UserError, match=r"the qrels are missing; expected qrels.none.txt"):
        _ = load_dataset(f"dir:{folder},qrels=qrels.none.txt").qrels
    with pytest.raises(UserError, match="both name the judgments"):
        load_dataset(f"dir:{folder},qrels=qrels.test.txt,split=test")


def test_options_and_the_folders_own_file(tmp_path):
    said = "title: mine\nlicence: CC0-1.0\nk: 7\nrelevance_level: 2\nidentical_ids: drop\nqrels: qrels.test.txt\n"
    folder = _folder(tmp_path, dataset__yaml=said)
    card = load_dataset(f"dir:{folder}").card
    assert (card.summary, card.licence, card.k, card.relevance_level) == ("mine", "CC0-1.0", 7, 2)
    assert (card.identical_ids, load_dataset(f"dir:{folder}").place.name) == ("drop", "qrels.test.txt")
    other = load_dataset(f"dir:{folder},k=3,relevance_level=1,identical_ids=keep").card
    assert (other.k, other.relevance_level, other.identical_ids) == (3, 1, "keep")
    _written(folder, "dataset.yaml", "access: credentialed\n")
    assert load_dataset(f"dir:{folder},access=public").card.access == "credentialed"
    _written(folder, "dataset.yaml", "relevance_level: 0\n")
    with pytest.raises(BadFile, match="line 1: relevance_level"):
        load_dataset(f"dir:{folder}")
    with pytest.raises(UserError, match="must be at least 1"):
        DatasetCard("d", "", relevance_level=0)


def test_a_level_makes_other_scores_and_not_another_run(tmp_path):
    folder = _folder(tmp_path)
    one, two = (load_dataset(f"dir:{folder},relevance_level={level}") for level in (1, 2))
    assert one.identity == two.identity and one.qrels_sha256 != two.qrels_sha256
    assert any("documents judged 2 or more count as relevant" in note for note in two.notes())


def test_excluded_documents_are_part_of_a_runs_identity(tmp_path):
    folder = _folder(tmp_path)
    listed = load_dataset(f"dir:{folder}")
    assert listed.excluded == {"q": {"a"}}
    _written(folder, "excluded.tsv", "query-id\tcorpus-id\n# none\nq\tb\nr\td\n")
    more = load_dataset(f"dir:{folder}")
    assert more.excluded == {"q": {"a", "b"}, "r": {"d"}}
    dropping = load_dataset(f"dir:{folder},identical_ids=drop")
    assert dropping.excluded == {"q": {"a", "b", "q"}, "r": {"d", "r"}}
    identities = [dataset.identity.get("excluded_sha256") for dataset in (listed, more, dropping)]
    assert len(set(identities)) == 3
    assert any("1 relevant documents are excluded for their query" in note for note in more.notes())


class Constant(RetrieverBase):
    """Finds every document with one score, as deep as it is asked."""

    def index(self, corpus, index_dir):
        self.doc_ids = corpus.doc_ids

    def search(self, queries, k):
        self.k = k
        for query in queries:
            yield RankedList(query.query_id, np.ones(len(self.doc_ids)), self.doc_ids)


@pytest.mark.parametrize("name", ["bm25", "bm25-qs", "exact-match", "random", "constant"])
def test_excluded_documents_are_in_no_ranking(tmp_path, name):
    dataset = load_dataset(f"dir:{_folder(tmp_path)},identical_ids=drop")
    retriever = Constant() if name == "constant" else create_retriever(StageSpec.parse(name))
    retriever.index(dataset.corpus, tmp_path)
    run = search_all(retriever, dataset.corpus, dataset.queries, 3, dataset.excluded)
    found = {query_id: {doc_id for doc_id, _ in ranking} for query_id, ranking in run.items()}
    assert found["q"] == {"b", "c", "d"} and len(found["r"]) == 3
    assert name in (*RETRIEVERS.names(), "constant")


def test_without_exclusions_a_retriever_is_asked_for_k(tmp_path):
    dataset = Dataset.of(DatasetCard("mine/a", ""), [Document("a", "x")], [Query("a", "x")], {"a": {"a": 1}})
    assert "excluded_sha256" not in dataset.identity
    retriever = Constant()
    retriever.index(dataset.corpus, tmp_path)
    assert search_all(retriever, dataset.corpus, dataset.queries, 3, dataset.excluded) == {"a": [("a", 1.0)]}
    assert retriever.k == 3


def test_dense_does_not_keep_what_the_dataset_drops():
    card = DatasetCard("any/name", "", identical_ids="drop")
    with pytest.raises(UserError, match="say identical_ids=keep on its card"):
        create_retriever(StageSpec.parse("dense,identical_ids=keep"), card)


# --- mutated files: no exception but the suite's own -----------------------------------------------------------------


def _parquet():
    buffer = io.BytesIO()
    pq.write_table(pa.table({"q_id": ["a", "b"], "p_id": ["x", "y"], "score": [1, 0]}), buffer)
    return buffer.getvalue()


def _texts(rows):
    return [row[0].encode() for row in rows]


_QUERIES, _CORPUS = FOLDER["queries.jsonl"].encode(), FOLDER["corpus.jsonl"].encode()
READERS = {
    "run": Reader(read_run, _texts(RUNS)),
    "run.gz": Reader(
        read_run,
        [gzip.compress(b"q1 Q0 d1 1 9.5 s\n", mtime=0)],
        "run.gz",
        believed=[{"q1": {"d1": 9.5}}],
    ),
    "qrels": Reader(read_qrels, _texts(JUDGMENTS)),
    "qrels.jsonl": Reader(
        read_qrels_objects,
        [f'{{"q_id": "q", "p_id": "d", "score": {text}}}\n'.encode() for text, _ in SCORES],
        mutate=mutated_json,
    ),
    "rows.parquet": Reader(lambda path: read_part([path], read_qrels_objects), [_parquet()], "rows.parquet"),
    "topics": Reader(read_topics, _texts(TOPICS)),
    "queries.jsonl": Reader(read_queries, [_QUERIES]),
    "queries.json": Reader(read_queries, _QUERIES.splitlines(), mutate=mutated_json),
    "excluded_ids": Reader(excluded_of_queries, _QUERIES.splitlines(), mutate=mutated_json),
    "corpus.jsonl": Reader(read_corpus, [_CORPUS]),
    "corpus.json": Reader(read_corpus, _CORPUS.splitlines(), mutate=mutated_json),
    "excluded": Reader(read_excluded, [b"query-id\tcorpus-id\n# none\nq\tb\nr d\n"]),
    "matches": Reader(read_match_judgments, [b"gout\tn1-3\tstring\nurate\tn1-4\thyponym\n"]),
    "dataset.yaml": Reader(
        lambda path: load_config(path, DatasetFile),
        [b"title: Mine\naccess: public\nk: 10\nrelevance_level: 2\nidentical_ids: drop\n", b"k: 5\n"],
    ),
    "experiment.yaml": Reader(
        lambda path: load_config(path, RetrievalExperiment),
        [b"k: 10\ngrids:\n  - datasets: [demo/evidence]\n    systems:\n      - bm25\n      - dense,model=minilm\n"],
    ),
    "prompt": Reader(lambda path: read_prompt(path, {"query", "n"}, {"query"}), [b"Write {n} words on {query}.\n"]),
}


@pytest.mark.parametrize("n", NUMBERS)
@pytest.mark.parametrize("name", READERS)
def test_mutated_files_are_read_or_refused(tmp_path, name, n):
    check(READERS[name], name, tmp_path, n)


@pytest.mark.parametrize("n", NUMBERS)
def test_mutated_measures_are_read_or_refused(n):
    draw = random.Random(12)
    for _ in range(n):
        text = mutated(draw.choice(MEASURES)[0].encode(), draw).decode("utf-8", "replace")
        try:
            assert Measure.parse(str(Measure.parse(text))) == Measure.parse(text), text
        except UserError:
            continue
