"""The analyzer gives Lucene's terms; Lucene's own, frozen by make_analysis_fixtures.py, stand for it here."""

from __future__ import annotations

import importlib.util
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from bench_core.identity import canonical_json, content_hash
from retrieval_bench.analysis import porter
from retrieval_bench.analysis.lucene_english import STOP_WORDS, LuceneEnglishAnalyzer, chunks
from retrieval_bench.analysis.memo import Memo
from retrieval_bench.analysis.word_breaks import CLASS_CODES, words


def _fixture_script() -> ModuleType:
    path = Path(__file__).parent / "make_analysis_fixtures.py"
    spec = importlib.util.spec_from_file_location("make_analysis_fixtures", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FIXTURES = _fixture_script()
CASES = [json.loads(line) for line in FIXTURES.CASES_PATH.read_text("utf-8").splitlines()]
STREAMS = json.loads(FIXTURES.STREAMS_PATH.read_text("utf-8"))


@pytest.fixture(scope="module")
def analyzer() -> LuceneEnglishAnalyzer:
    return LuceneEnglishAnalyzer()


@pytest.mark.parametrize("case", CASES, ids=lambda case: ascii(case["text"][:30]))
def test_hard_cases_give_lucenes_terms(case: dict, analyzer: LuceneEnglishAnalyzer) -> None:
    assert analyzer.tokens(case["text"]) == case["terms"]


def test_the_hard_cases_of_the_script_are_the_frozen_ones() -> None:
    assert [case["text"] for case in CASES] == list(FIXTURES.CASES)


def _assert_stream(name: str, texts: list[str], analyzer: LuceneEnglishAnalyzer) -> None:
    assert content_hash(texts) == STREAMS[name]["texts_sha256"], (
        f"the text of {name} is not what Lucene was asked about; run make_analysis_fixtures.py tokens"
    )
    assert FIXTURES.stream(texts, map(analyzer.tokens, texts)) == STREAMS[name]


@pytest.mark.parametrize("path", FIXTURES.COLLECTIONS)
def test_collections_give_lucenes_terms(path: str, analyzer: LuceneEnglishAnalyzer) -> None:
    if not (FIXTURES.REPOSITORY / path).is_file():
        pytest.skip(f"{path} is not here")
    _assert_stream(path, FIXTURES.collection_texts(path), analyzer)


@pytest.mark.parametrize(
    "name",
    ["class sequences", pytest.param("code points", marks=pytest.mark.slow), "random texts"],
)
def test_generated_texts_give_lucenes_terms(name: str, analyzer: LuceneEnglishAnalyzer) -> None:
    _assert_stream(name, list(FIXTURES.GENERATED[name]()), analyzer)


def test_words_do_not_reach_over_the_spaces_a_text_is_cut_at(analyzer: LuceneEnglishAnalyzer) -> None:
    for text in FIXTURES.random_texts(300, seed=2):
        assert [word for chunk in chunks(text) for word in words(chunk)] == words(text)


def test_every_space_python_splits_at_is_of_no_class_but_the_narrow_no_break_space() -> None:
    spaces = {character for character in map(chr, range(sys.maxunicode + 1)) if character.isspace()}
    classed = {member for name, found in FIXTURES.class_members().items() if name != "none" for member in found}
    assert spaces & classed == {"\u202f"}


def test_every_class_of_the_table_is_known_to_the_rules_and_each_code_is_one_of_its_own() -> None:
    assert set(FIXTURES.class_members()) - {"none"} == set(CLASS_CODES) == set(FIXTURES.REPRESENTATIVES) - {"none"}
    assert len(set(CLASS_CODES.values())) == len(CLASS_CODES)


def test_what_was_analysed_before_changes_nothing(analyzer: LuceneEnglishAnalyzer) -> None:
    texts = [case["text"] for case in CASES]
    assert [analyzer.tokens(text) for text in texts] == [LuceneEnglishAnalyzer().tokens(text) for text in texts]


def test_a_result_is_the_callers_own(analyzer: LuceneEnglishAnalyzer) -> None:
    analyzer.tokens("hypertension").append("spoilt")
    assert analyzer.tokens("hypertension") == ["hypertens"]


def test_lone_surrogates_from_broken_json_separate_words(analyzer: LuceneEnglishAnalyzer) -> None:
    assert analyzer.tokens("heart\ud800beat \udc00") == ["heart", "beat"]


def test_there_are_33_stop_words_in_any_case(analyzer: LuceneEnglishAnalyzer) -> None:
    assert len(STOP_WORDS) == 33
    assert analyzer.tokens(" ".join(STOP_WORDS) + " " + " ".join(STOP_WORDS).upper()) == []


def test_describe_is_json_and_equal_for_two_analyzers() -> None:
    assert canonical_json(LuceneEnglishAnalyzer().describe()) == canonical_json(LuceneEnglishAnalyzer().describe())


def test_a_memo_asks_once_and_forgets_at_its_limit() -> None:
    asked = []
    memo: Memo[int, int] = Memo(lambda key: asked.append(key) or key * 2, limit=2)
    assert [memo[key] for key in (1, 1, 2, 3, 3, 1)] == [2, 2, 4, 6, 6, 2]
    assert asked == [1, 2, 3, 1]
    assert len(memo) == 2


_SUFFIXES = (
    "ational tional enci anci izer bli alli entli eli ousli ization ation ator alism iveness fulness ousness aliti "
    "iviti biliti logi icate ative alize iciti ical ful ness al ance ence er ic able ible ant ement ment ent sion tion "
    "ion ou ism ate iti ous ive ize s es ss sses ies ed eed ing y e l ll at bl iz"
)


def _nltk_stem() -> Callable[[str], str]:
    stemmer = pytest.importorskip("nltk.stem.porter").PorterStemmer(mode="MARTIN_EXTENSIONS")
    return lambda word: stemmer.stem(word, to_lowercase=False)


def test_stems_equal_nltks_in_its_mode_of_the_authors_departures() -> None:
    nltk_stem = _nltk_stem()
    draw = random.Random(3)
    for _ in range(8_000):
        word = "".join(draw.choices("aeioubcdlstyzwxé", k=draw.randint(0, 5)))
        word += "".join(draw.choices(_SUFFIXES.split(), k=draw.randint(0, 3)))
        assert porter.stem(word) == nltk_stem(word), word


def test_stems_equal_nltks_on_words_of_real_texts() -> None:
    nltk_stem = _nltk_stem()
    for case in CASES:
        for word in words(case["text"].lower()):
            if max(word) <= "\uffff":  # past it Lucene stems UTF-16 units
                assert porter.stem(word) == nltk_stem(word), word
