import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench_core.errors import BenchError, UserError
from retrieval_bench.datasets.card import DatasetCard
from retrieval_bench.datasets.cliniq import read_match_judgments
from retrieval_bench.datasets.dataset import Dataset, load_dataset
from retrieval_bench.rankings.trec import read_qrels
from retrieval_bench.retrievers.dense import Dense
from retrieval_bench.types import Document, Query

R2MED = {
    "corpus.jsonl": '{"id": "d1", "text": "one"}\n{"id": "d2", "text": "two"}\n',
    "query.jsonl": '{"id": "q1", "text": "which"}\n',
    "qrels.jsonl": '{"q_id": "q1", "p_id": "d1", "score": 1}\n',
}
BEIR = {
    "corpus.jsonl": '{"_id": "d1", "title": "", "text": "one"}\n{"_id": "d2", "title": "T", "text": "two"}\n',
    "queries.jsonl": '{"_id": "q1", "text": "which"}\n',
    "qrels/test.tsv": "query-id\tcorpus-id\tscore\nq1\td1\t1\n",
}
TREC = {
    "corpus.jsonl": R2MED["corpus.jsonl"],
    "topics.x.tsv": "q1\twhich\n",
    "qrels.x.txt": "q1 0 d1 1\n",
}
TAGGED = {
    **TREC,
    "topics.x.txt": "<top>\n<num> Number: q1\n<title> which\none\n<desc> Description:\nmore\n</top>\n",
}
del TAGGED["topics.x.tsv"]


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


@pytest.mark.parametrize("layout", [R2MED, BEIR, TREC], ids=["r2med", "beir", "trec"])
def test_the_three_layouts_are_read_alike(tmp_path, layout):
    dataset = load_dataset(f"dir:{write(tmp_path, layout)}")
    assert dataset.corpus.doc_ids == ["d1", "d2"]
    assert [(query.query_id, query.text) for query in dataset.queries] == [("q1", "which")]
    assert dataset.qrels == {"q1": {"d1": 1}}
    dataset.check()


def test_beirs_other_judgments_are_named_by_their_split(tmp_path):
    files = {**BEIR, "qrels/dev.tsv": "query-id\tcorpus-id\tscore\nq1\td2\t1\n"}
    folder = write(tmp_path / "mine", files)
    assert load_dataset(f"dir:{folder}").qrels == {"q1": {"d1": 1}}
    dev = load_dataset(f"dir:{folder},split=dev")
    assert dev.qrels == {"q1": {"d2": 1}} and dev.card.dataset_id == "dir/mine-dev"
    assert dev.card.indexed_as == "dir/mine"  # the documents are the same ones
    with pytest.raises(UserError, match=r"the qrels are missing; expected qrels/train.tsv"):
        _ = load_dataset(f"dir:{folder},split=train").qrels


def test_tagged_topics_give_their_titles(tmp_path):
    assert load_dataset(f"dir:{write(tmp_path, TAGGED)}").queries[0].text == "which one"


def test_a_title_stands_before_the_text_with_one_space(tmp_path):
    texts = [document.text for document in load_dataset(f"dir:{write(tmp_path, BEIR)}").corpus]
    assert texts == ["one", "T two"]


def test_half_a_surrogate_pair_becomes_the_character_for_what_is_none(tmp_path):
    files = {
        **BEIR,
        "corpus.jsonl": '{"_id": "d1", "title": "T\\udc00", "text": "cut \\ud83d"}\n',
        "queries.jsonl": '{"_id": "q1", "text": "\\ud83d\\ude00 \\ud83d"}\n',
    }
    dataset = load_dataset(f"dir:{write(tmp_path, files)}")
    assert [document.text for document in dataset.corpus] == ["T\ufffd cut \ufffd"]
    assert dataset.queries[0].text == "\U0001f600 \ufffd"


def test_gzipped_parts_are_read(tmp_path):
    write(tmp_path, R2MED)
    plain = load_dataset(f"dir:{tmp_path}").corpus.sha256
    (tmp_path / "corpus.jsonl.gz").write_bytes(gzip.compress((tmp_path / "corpus.jsonl").read_bytes()))
    (tmp_path / "corpus.jsonl").unlink()
    assert load_dataset(f"dir:{tmp_path}").corpus.sha256 == plain


def test_the_folders_place_is_no_part_of_the_identity(tmp_path):
    first = load_dataset(f"dir:{write(tmp_path / 'a' / 'set', R2MED)}").identity
    second = load_dataset(f"dir:{write(tmp_path / 'b' / 'set', R2MED)}").identity
    assert first == second
    changed = {**R2MED, "corpus.jsonl": R2MED["corpus.jsonl"].replace("two", "too")}
    assert load_dataset(f"dir:{write(tmp_path / 'c' / 'set', changed)}").identity != first


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("corpus.jsonl", "", "corpus.jsonl: expected at least one document"),
        (
            "corpus.jsonl",
            '{"id": "d1", "text": "one"}\n{"id": "d2", "te',
            r"corpus.jsonl, line 2: expected a whole JSON",
        ),
        ("corpus.jsonl", "[1]\n", r"corpus.jsonl, line 1: expected a JSON object and found a list"),
        (
            "corpus.jsonl",
            '{"id": "d1", "body": "x"}\n',
            r"corpus.jsonl, line 1: expected a field text and found id, body",
        ),
        ("corpus.jsonl", '{"id": "d1", "text": null}\n', r"corpus.jsonl, line 1: expected text in text and found null"),
        ("corpus.jsonl", '{"id": "a\\tb", "text": "x"}\n', r"corpus.jsonl, line 1: expected an id without tabs"),
        (
            "corpus.jsonl",
            '{"id": "d1", "text": "a"}\n{"id": "d2", "text": "b"}\n{"id": "d1", "text": "c"}\n',
            r"corpus.jsonl, line 3: doc_id d1 stands in line 1 already; .*duplicates=first",
        ),
        ("query.jsonl", "", "query.jsonl: expected at least one query"),
        (
            "query.jsonl",
            '{"id": "q1", "text": "a"}\n{"id": "q1", "text": "b"}\n',
            r"query.jsonl, line 2: query_id q1 stands in an earlier line",
        ),
        (
            "qrels.jsonl",
            '{"q_id": "q9", "p_id": "d1", "score": 1}\n',
            r"qrels.jsonl, line 1: query q9 is judged but is not",
        ),
        (
            "qrels.jsonl",
            '{"q_id": "q1", "p_id": "d9", "score": 1}\n',
            r"qrels.jsonl, line 1: 1 judged documents are not in the corpus.*d9",
        ),
        ("qrels.jsonl", '{"q_id": "q1", "p_id": "d1", "score": "1"}\n', r"line 1: expected a whole number in score"),
        ("qrels.jsonl", '{"q_id": "q1", "p_id": "d1"}\n', r"line 1: expected a whole number in score and found null"),
        ("qrels.jsonl", '{"q_id": "q1", "p_id": "d1", "score": NaN}\n', r"line 1: expected a whole number in score"),
        ("qrels.jsonl", '{"q_id": "q1", "p_id": "d1", "score": 1e999}\n', r"line 1: expected a whole number in score"),
        ("corpus.jsonl", '{"id": "d\\ud83d", "text": "x"}\n', r"line 1: expected an id of whole Unicode characters"),
        ("corpus.jsonl", '{"id": "d", "text": ' + "9" * 5000 + "}\n", r"line 1: expected a JSON object of reasonable"),
        (
            "corpus.jsonl",
            '{"id": "d", "text": ' + "[" * 200_000 + "}\n",
            r"line 1: expected a JSON object of reasonable",
        ),
    ],
)
def test_a_bad_file_is_one_sentence_with_its_line(tmp_path, name, content, message):
    dataset = load_dataset(f"dir:{write(tmp_path, {**R2MED, name: content})}")
    with pytest.raises(UserError, match=message):
        dataset.check()


@pytest.mark.parametrize("missing", ["corpus", "query", "qrels"])
def test_a_missing_part_says_what_was_looked_for(tmp_path, missing):
    files = {name: content for name, content in R2MED.items() if not name.startswith(missing)}
    dataset = load_dataset(f"dir:{write(tmp_path, files)}")
    with pytest.raises(UserError, match=r"missing; expected .*jsonl"):
        dataset.check()


def test_repeated_documents_are_left_out_and_counted_on_request(tmp_path):
    content = R2MED["corpus.jsonl"] + '{"id": "d1", "text": "another"}\n'
    dataset = load_dataset(f"dir:{write(tmp_path, {**R2MED, 'corpus.jsonl': content})},duplicates=first")
    assert [document.text for document in dataset.corpus] == ["one", "two"]
    assert dataset.notes() == [f"dir/{tmp_path.name}: 1 repeated doc_ids left out."]


def test_an_option_is_suggested_where_it_can_be_given(tmp_path):
    content = R2MED["qrels.jsonl"] + '{"q_id": "q1", "p_id": "d9", "score": 1}\n'
    folder = write(tmp_path, {**R2MED, "qrels.jsonl": content})
    with pytest.raises(UserError, match="mend the file, or count them as never found with ,unknown_ids=keep behind"):
        load_dataset(f"dir:{folder}").check()
    of_a_class = load_dataset(f"dir:{folder}")
    of_a_class = replace(of_a_class, card=replace(of_a_class.card, options=frozenset()))
    with pytest.raises(UserError, match=r"the first is d9; mend the file\.$"):
        of_a_class.check()
    parts = DatasetCard("a/class", "notes"), [Document("d1", "text")], [Query("q1", "text")], {"q1": {"d9": 1}}
    with pytest.raises(UserError, match=r"mend the judgments, or .* with unknown_ids='keep' in Dataset.of\.$"):
        Dataset.of(*parts).check()
    Dataset.of(*parts, unknown_ids="keep").check()
    for card, where in ((of_a_class.card, "on its card"), (load_dataset(f"dir:{folder}").card, "behind the dataset")):
        with pytest.raises(UserError, match=f"say identical_ids=keep {where}"):
            Dense(identical_ids="keep", card=replace(card, identical_ids="drop"))


def test_judged_documents_that_are_not_there_are_kept_on_request(tmp_path):
    content = R2MED["qrels.jsonl"] + '{"q_id": "q1", "p_id": "d9", "score": 1}\n'
    dataset = load_dataset(f"dir:{write(tmp_path, {**R2MED, 'qrels.jsonl': content})},unknown_ids=keep")
    dataset.check()
    assert dataset.qrels["q1"] == {"d1": 1, "d9": 1}
    assert "1 judged documents are not in the corpus" in dataset.notes()[0]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("demo/evidense", r"did you mean evidence\?"),
        ("demmo/evidence", r"did you mean demo\?"),
        ("dir:/absent/folder", "there is no such folder"),
        ("evidence", "names no dataset"),
        ("demo/", "names no dataset"),
        ("dir:.,duplicate=first", r"did you mean duplicates\?"),
        ("dir:.,duplicates=second", "duplicates=second does not fit"),
    ],
)
def test_a_wrong_name_is_explained(name, message):
    with pytest.raises(UserError, match=message):
        load_dataset(name)


@pytest.mark.parametrize("name", ["evidence", "ehr"])
def test_the_tracked_qrels_are_the_embedded_sets(name):
    dataset = load_dataset(f"demo/{name}")
    dataset.check()
    tracked = Path(__file__).resolve().parents[2] / "qrels" / f"demo-{name}.qrels"
    assert read_qrels(tracked) == dataset.qrels


def test_match_judgments_are_relevant_and_checked(tmp_path):
    path = tmp_path / "qrels.tsv"
    path.write_text("1\tn_0\tstring\n1\tn_0\tsynonym\n2\tn_1\timplication\n")
    assert read_match_judgments(path) == {"1": {"n_0": 1}, "2": {"n_1": 1}}
    path.write_text("1\tn_0\tstring\n1\tn_0\tguess\n")
    with pytest.raises(UserError, match=r"line 2: expected a match type .* found 'guess'"):
        read_match_judgments(path)


def test_real_collections_are_read(shared_data):
    expected = {"med": (1033, 30, 696), "nfcorpus": (3395, 323, 12334), "pubmedqa": (1000, 1000, 1000)}
    for name, counts in expected.items():
        dataset = load_dataset(f"dir:{shared_data / 'retrieval' / name}")
        dataset.check()
        n_judgments = sum(map(len, dataset.qrels.values()))
        assert (len(dataset.corpus), len(dataset.queries), n_judgments) == counts
    bright = load_dataset(f"dir:{shared_data / 'retrieval' / 'bright-biology'}")
    assert len(bright.queries) == 103 and len(bright.qrels) == 103
    with pytest.raises(BenchError, match="the corpus is missing"):
        bright.check()
    demo = load_dataset(f"dir:{shared_data / 'retrieval' / 'r2med-biology-demo'},unknown_ids=keep")
    demo.check()
    assert json.dumps(demo.notes()).count("2 judged documents") == 1
