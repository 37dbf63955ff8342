"""The analyzer beside live Lucene, where the extra `lucene` is installed."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from bench_core.errors import UserError
from retrieval_bench.analysis import lucene_runtime
from retrieval_bench.analysis.lucene_english import LuceneEnglishAnalyzer

needs_lucene = pytest.mark.skipif(
    bool(lucene_runtime.missing_requirement()), reason=lucene_runtime.missing_requirement() or "Lucene is here"
)


@pytest.fixture(scope="module")
def fixtures() -> ModuleType:
    path = Path(__file__).parent / "make_analysis_fixtures.py"
    spec = importlib.util.spec_from_file_location("make_analysis_fixtures_live", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def lucene(fixtures: ModuleType) -> Callable[[str], list[str]]:
    terms: Callable[[str], list[str]] = fixtures.lucene_english_terms()
    return terms


@pytest.mark.slow
@needs_lucene
def test_every_text_of_the_collections(fixtures: ModuleType, lucene: Callable[[str], list[str]]) -> None:
    analyzer = LuceneEnglishAnalyzer()
    found = [path for path in fixtures.COLLECTIONS if (fixtures.REPOSITORY / path).is_file()]
    for path in found:
        for text in fixtures.collection_texts(path):
            assert analyzer.tokens(text) == lucene(text), f"{path}: {text}"


@pytest.mark.slow
@needs_lucene
@pytest.mark.parametrize("seed", range(10, 14))
def test_random_texts(seed: int, fixtures: ModuleType, lucene: Callable[[str], list[str]]) -> None:
    analyzer = LuceneEnglishAnalyzer()
    texts = list(fixtures.random_texts(3_000, seed))
    for text, terms in zip(texts, fixtures.in_blocks(lucene, texts), strict=True):
        assert analyzer.tokens(text) == terms, ascii(text)


@pytest.mark.slow
@needs_lucene
def test_the_frozen_cases_are_what_lucene_says(fixtures: ModuleType, lucene: Callable[[str], list[str]]) -> None:
    frozen = [json.loads(line) for line in fixtures.CASES_PATH.read_text("utf-8").splitlines()]
    assert [case["terms"] for case in frozen] == [lucene(case["text"]) for case in frozen]


@pytest.mark.slow
@needs_lucene
def test_the_table_of_classes_is_what_lucene_does(fixtures: ModuleType, lucene: Callable[[str], list[str]]) -> None:
    assert "".join(fixtures.class_rows()) == fixtures.CLASSES_PATH.read_text("utf-8")


def _java(folder: Path, release: str) -> Path:
    folder.mkdir()
    (folder / "release").write_text(release, "utf-8")
    return folder


def test_a_java_installation_tells_its_version_and_modules(tmp_path: Path) -> None:
    new = _java(tmp_path / "new", 'JAVA_VERSION="21.0.2"\nMODULES="java.base jdk.incubator.vector"\n')
    found = lucene_runtime.JavaRuntime.at(new)
    assert found == lucene_runtime.JavaRuntime(new, version=21, has_vector_module=True)
    assert lucene_runtime.JavaRuntime.at(tmp_path / "none") is None


def test_the_users_own_java_comes_first_if_it_is_new_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new = _java(tmp_path / "new", 'JAVA_VERSION="23"\n')
    old = _java(tmp_path / "old", 'JAVA_VERSION="17.0.1"\n')
    monkeypatch.setenv("JAVA_HOME", str(new))
    chosen = lucene_runtime._find_java()
    assert chosen is not None and chosen.home == new
    monkeypatch.setenv("JAVA_HOME", str(old))
    chosen = lucene_runtime._find_java()
    assert chosen is None or chosen.home != old


def test_a_missing_package_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lucene_runtime, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"Lucene cannot run here: .*pyserini.*biomed-bench\[lucene\]"):
        lucene_runtime.start_lucene()
