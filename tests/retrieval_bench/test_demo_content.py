"""The embedded demo sets are what their READMEs say: ids, judgments, the chunking rule, difficulty, no repeats."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from retrieval_bench.cli.main import main

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "retrieval_bench" / "datasets" / "demo"
EHR, QRELS = DEMO / "ehr", ROOT / "qrels"
REASONING = ["qa", "evidence", "cases"]
"""The sets in R2MED's shape, one for each of its tasks."""
METHODS = ["hyde", "query2doc", "lamer", "reasoning"]
"""The generators whose texts are packaged."""

MATCH_TYPES = {"string", "synonym", "abbreviation", "hyponym", "implication"}
KINDS = {"disease", "procedure", "drug"}

# Chunks that hold a query's words without being about the patient's own: a relative's illness, a drug not given.
NOT_THE_PATIENTS = {
    ("3", "900471_1"),
    ("8", "900471_1"),
    ("8", "900471_2"),
    ("697", "900689_2"),
}


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def texts(path: Path, id_name: str = "id") -> dict[str, str]:
    """id -> text of a JSON lines file, whose ids must not repeat."""
    rows = read_jsonl(path)
    ids = [row[id_name] for row in rows]
    assert len(set(ids)) == len(ids), f"{path.name} repeats an id"
    return {row[id_name]: row["text"] for row in rows}


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


# Function words, and words every clinical text has; what is left of a text is its content words.
FUNCTION_WORDS = set(
    words("""
        a about after all also an and any are as at be been before but by can do does for from had has have he her his
        how if in into is it its may more most no not of on one only or other she so some such than that the their them
        then there these they this those to two under until up was were what when where which while who will with would
        you patient patients
    """)
)


def content_words(text: str) -> set[str]:
    return {word for word in words(text) if len(word) > 2 and word not in FUNCTION_WORDS}


def has_words(text: str, phrase: str) -> bool:
    """Whether the phrase occurs as whole words, in any case: "pneumoniae" does not hold "pneumonia"."""
    return re.search(rf"\b{re.escape(phrase)}\b", text, re.IGNORECASE) is not None


def similarity(a: str, b: str) -> float:
    """Jaccard index of the word 5-grams of two texts."""
    grams_a, grams_b = ({tuple(ws[i : i + 5]) for i in range(len(ws) - 4)} for ws in (words(a), words(b)))
    return len(grams_a & grams_b) / max(1, len(grams_a | grams_b))


def read_trec_qrels(name: str) -> list[tuple[str, str, int]]:
    lines = (QRELS / name).read_text(encoding="utf-8").splitlines()
    rows = [line.split(" ") for line in lines]
    assert all(len(row) == 4 and row[1] == "0" for row in rows), f"{name}: four fields, the second 0"
    return [(query_id, doc_id, int(relevance)) for query_id, _, doc_id, relevance in rows]


def chunks_of_note(note: str) -> list[str]:
    """CliniQ's rule: de-identification brackets out, spaces squeezed, windows of 100 words that overlap by 10.

    A bracket is removed by shortest match and never across a line break, so one that is broken over two lines stays.
    The last window ends with the note's last word.
    """
    cleaned = re.sub(" +", " ", re.sub(r"\[[^\n]*?\]", "", note).replace("\n", " ")).strip()
    pieces = cleaned.split(" ")
    last_start = max(0, len(pieces) - 100)
    starts = [start for start in range(0, len(pieces), 90) if start < last_start + 90]
    return [" ".join(pieces[start : start + 100]) for start in starts]


@pytest.fixture(scope="module", params=REASONING)
def folder(request: pytest.FixtureRequest) -> Path:
    return DEMO / request.param


@pytest.fixture(scope="module")
def passages(folder: Path) -> dict[str, str]:
    return texts(folder / "corpus.jsonl")


@pytest.fixture(scope="module")
def questions(folder: Path) -> dict[str, str]:
    return texts(folder / "query.jsonl")


@pytest.fixture(scope="module")
def generated(folder: Path) -> dict[str, dict[str, str]]:
    """method -> query_id -> text."""
    return {method: texts(folder / f"{method}.jsonl", "query_id") for method in METHODS}


@pytest.fixture(scope="module")
def relevant_passages(folder: Path) -> dict[str, set[str]]:
    relevant: dict[str, set[str]] = defaultdict(set)
    for row in read_jsonl(folder / "qrels.jsonl"):
        assert row["score"] == 1
        assert row["p_id"] not in relevant[row["q_id"]], f"{row} is judged twice"
        relevant[row["q_id"]].add(row["p_id"])
    return relevant


@pytest.fixture(scope="module")
def chunks() -> dict[str, str]:
    return texts(EHR / "corpus.jsonl")


@pytest.fixture(scope="module")
def notes() -> dict[str, str]:
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted((EHR / "notes").glob("*.txt"))}


@pytest.fixture(scope="module")
def entities() -> dict[str, dict[str, str]]:
    return {row["id"]: row for row in read_jsonl(EHR / "query.jsonl")}


@pytest.fixture(scope="module")
def matches() -> dict[tuple[str, str], str]:
    rows = [line.split("\t") for line in (EHR / "qrels.tsv").read_text(encoding="utf-8").splitlines()]
    assert all(len(row) == 3 for row in rows)
    match_types = {(query_id, chunk_id): match_type for query_id, chunk_id, match_type in rows}
    assert len(match_types) == len(rows), "a pair is judged twice"
    return match_types


# --- qa, evidence, cases ----------------------------------------------------------------------------------------------


def test_every_query_has_one_to_four_known_passages(
    passages: dict[str, str], questions: dict[str, str], relevant_passages: dict[str, set[str]]
) -> None:
    assert relevant_passages.keys() == questions.keys()
    for query_id, doc_ids in relevant_passages.items():
        assert 1 <= len(doc_ids) <= 4, query_id
        assert doc_ids <= passages.keys(), query_id


def test_passages_and_queries_have_the_promised_lengths(passages: dict[str, str], questions: dict[str, str]) -> None:
    assert all(40 <= len(text.split()) <= 180 for text in passages.values())
    assert all(50 <= len(text.split()) <= 170 for text in questions.values())


def test_near_miss_passages_outnumber_the_relevant(
    passages: dict[str, str], relevant_passages: dict[str, set[str]]
) -> None:
    judged = set().union(*relevant_passages.values())
    assert len(passages) - len(judged) >= len(judged)


def test_ids_say_nothing_about_relevance(relevant_passages: dict[str, set[str]]) -> None:
    """Passages that were written one after the other do not stand so: few neighbours by number answer one query."""
    neighbours = 0
    for doc_ids in relevant_passages.values():
        numbers = sorted(int(re.sub(r"\D", "", doc_id)) for doc_id in doc_ids)
        neighbours += sum(b - a == 1 for a, b in pairwise(numbers))
    assert neighbours <= 3


def test_no_text_repeats_another(
    passages: dict[str, str], questions: dict[str, str], generated: dict[str, dict[str, str]]
) -> None:
    everything = [*passages.values(), *questions.values(), *(t for made in generated.values() for t in made.values())]
    holders: dict[tuple[str, ...], int] = {}
    for number, text in enumerate(everything):
        ws = words(text)
        for start in range(len(ws) - 9):
            phrase = tuple(ws[start : start + 10])
            assert holders.setdefault(phrase, number) == number, f"two texts share {' '.join(phrase)!r}"


def test_no_two_passages_open_alike(passages: dict[str, str]) -> None:
    openings = [tuple(words(text)[:4]) for text in passages.values()]
    assert len(set(openings)) == len(openings)


@pytest.mark.parametrize("method", METHODS)
def test_generated_texts_close_the_gap_that_words_leave(
    passages: dict[str, str],
    questions: dict[str, str],
    generated: dict[str, dict[str, str]],
    relevant_passages: dict[str, set[str]],
    method: str,
) -> None:
    made = generated[method]
    assert made.keys() == questions.keys()
    assert all(50 <= len(text.split()) <= 160 for text in made.values())

    def shared_with_relevant(sources: dict[str, str]) -> float:
        counts = [
            len(content_words(sources[query_id]) & content_words(passages[doc_id]))
            for query_id, doc_ids in relevant_passages.items()
            for doc_id in doc_ids
        ]
        return sum(counts) / len(counts)

    assert shared_with_relevant(made) > 1.4 * shared_with_relevant(questions)


@pytest.mark.slow
def test_words_find_little_and_generated_texts_much(folder: Path, tmp_path: Path) -> None:
    """As on R2MED: nDCG@10 of bm25-qs with the query, and with what was written for it."""
    systems = ["bm25-qs", *(f"{method} > bm25-qs" for method in METHODS)]
    places = [f"--{name}={tmp_path / name}" for name in ("results", "indexes", "cache")]
    arguments = ["run", "-d", f"demo/{folder.name}", *places, "--format", "json"]
    result = CliRunner().invoke(main, [*arguments, *(part for system in systems for part in ("-r", system))])
    assert result.exit_code == 0, result.output
    plain, *made = (row["ndcg@10"] for row in json.loads(result.stdout)["rows"])
    assert 0.2 <= plain <= 0.55
    assert made[0] >= plain + 0.3
    assert min(made) >= plain + 0.2


# --- ehr ------------------------------------------------------------------------------------------------------------


def test_corpus_is_the_notes_cut_by_the_rule(notes: dict[str, str], chunks: dict[str, str]) -> None:
    made = {f"{note_id}_{i}": text for note_id, note in notes.items() for i, text in enumerate(chunks_of_note(note))}
    assert list(chunks.items()) == list(made.items())


@pytest.mark.parametrize(
    ("n_words", "sizes"), [(1, [1]), (100, [100]), (101, [100, 11]), (190, [100, 100]), (191, [100, 100, 11])]
)
def test_chunk_windows(n_words: int, sizes: list[int]) -> None:
    note = "  ".join(f"w{i}" for i in range(n_words))
    made = chunks_of_note(note)
    assert [len(chunk.split(" ")) for chunk in made] == sizes
    assert made[-1].endswith(f"w{n_words - 1}")


def test_notes_are_whole_and_deidentified(notes: dict[str, str], chunks: dict[str, str]) -> None:
    for note_id, note in notes.items():
        # A tab or carriage return would bring in the rule's special cases.
        assert not re.search("[\t\r]", note), note_id
        assert len(re.findall(r"\[\*\*[^\n]*?\*\*\]", note)) >= 5, note_id
        assert 330 <= len(note.split()) <= 650, note_id
    broken = [note_id for note_id, note in notes.items() if re.search(r"\[\*\*[^\]]*\n[^\]]*\*\*\]", note)]
    assert [chunk_id for chunk_id, text in chunks.items() if "[**" in text] == [f"{note_id}_0" for note_id in broken]
    assert len(broken) == 1


def test_one_note_is_too_short_for_the_single_patient_task(chunks: dict[str, str]) -> None:
    sizes: dict[str, int] = defaultdict(int)
    for chunk_id in chunks:
        sizes[chunk_id.rsplit("_", 1)[0]] += 1
    assert sum(size < 5 for size in sizes.values()) == 1


def test_judgments_name_known_queries_and_chunks(
    chunks: dict[str, str], entities: dict[str, dict[str, str]], matches: dict[tuple[str, str], str]
) -> None:
    assert {query_id for query_id, _ in matches} == entities.keys(), "a query without a relevant chunk, or unknown"
    assert {chunk_id for _, chunk_id in matches} <= chunks.keys()


def test_all_kinds_and_match_types_occur(
    entities: dict[str, dict[str, str]], matches: dict[tuple[str, str], str]
) -> None:
    by_kind: dict[str, set[str]] = defaultdict(set)
    for (query_id, _), match_type in matches.items():
        by_kind[entities[query_id]["kind"]].add(match_type)
    assert by_kind.keys() == KINDS
    assert all(match_types == MATCH_TYPES for match_types in by_kind.values())
    counts = [list(matches.values()).count(match_type) for match_type in MATCH_TYPES]
    assert min(counts) >= 15


def test_string_matches_are_exactly_the_chunks_with_the_words(
    chunks: dict[str, str], entities: dict[str, dict[str, str]], matches: dict[tuple[str, str], str]
) -> None:
    with_words = {
        (query_id, chunk_id)
        for query_id, entity in entities.items()
        for chunk_id, text in chunks.items()
        if has_words(text, entity["text"])
    }
    string_matches = {pair for pair, match_type in matches.items() if match_type == "string"}
    assert with_words - string_matches == NOT_THE_PATIENTS
    assert string_matches <= with_words


# --- all ------------------------------------------------------------------------------------------------------------


def test_trec_files_equal_the_sets_own_judgments(folder: Path, relevant_passages: dict[str, set[str]]) -> None:
    own = [(query_id, doc_id, 1) for query_id, doc_ids in relevant_passages.items() for doc_id in doc_ids]
    assert read_trec_qrels(f"demo-{folder.name}.qrels") == sorted(own)


def test_the_trec_file_of_ehr_equals_its_matches(matches: dict[tuple[str, str], str]) -> None:
    assert read_trec_qrels("demo-ehr.qrels") == sorted((*pair, 1) for pair in matches)


def check_readme(folder: Path, phrases: list[str]) -> None:
    readme = (folder / "README.md").read_text(encoding="utf-8")
    for phrase in [*phrases, "synthetic", "CC0-1.0"]:
        assert phrase in readme, f"{folder.name}/README.md does not say {phrase!r}"


def test_readmes_state_the_counts(
    folder: Path, passages: dict[str, str], questions: dict[str, str], relevant_passages: dict[str, set[str]]
) -> None:
    n_judgments = sum(map(len, relevant_passages.values()))
    counts = [f"{len(passages)} passages", f"{len(questions)} queries", f"{n_judgments} judgments"]
    check_readme(folder, [*counts, *(f"{method}.jsonl" for method in METHODS)])


def test_the_readme_of_ehr_states_its_counts(
    chunks: dict[str, str],
    notes: dict[str, str],
    entities: dict[str, dict[str, str]],
    matches: dict[tuple[str, str], str],
) -> None:
    counts = [f"{len(notes)} notes", f"{len(chunks)} chunks", f"{len(entities)} queries", f"{len(matches)} judgments"]
    check_readme(EHR, counts)


def test_the_demo_is_large_enough_to_show_something() -> None:
    assert sum(len(read_jsonl(DEMO / name / "corpus.jsonl")) for name in REASONING) >= 240
    assert sum(len(read_jsonl(DEMO / name / "query.jsonl")) for name in REASONING) >= 48
