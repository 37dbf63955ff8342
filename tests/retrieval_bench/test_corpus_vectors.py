"""Encoding a corpus: planned by length, split where memory ends, stored by whole batches, resumed after a kill."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench_core.errors import BadFile, BenchError
from retrieval_bench.encoders.batches import Batching, BatchPlan, encode_in_batches, split_on_out_of_memory
from retrieval_bench.encoders.corpus_vectors import CorpusVectors, prepare
from retrieval_bench.encoders.query_vectors import query_vectors
from retrieval_bench.encoders.row_file import RowFile
from retrieval_bench.types import Query, QueryPart

sys.path.insert(0, str(Path(__file__).parent))
from fake_encoder import FakeEncoder

BATCHING = Batching(batch_size=4, tokens_a_batch=40)
TEXTS = [" ".join(["gout", "urate", "colchicine"][: 1 + n % 3] + [f"w{n}"] * (n % 11)) for n in range(57)]


@given(st.lists(st.integers(0, 600), max_size=60), st.integers(1, 9), st.integers(1, 900))
def test_a_plan_holds_each_text_once_longest_first_and_keeps_its_bounds(lengths, batch_size, tokens_a_batch):
    plan = BatchPlan.of_lengths(np.array(lengths, dtype=np.int64), batch_size, tokens_a_batch)
    batches = list(plan.batches_from(0))
    assert sorted(plan.order.tolist()) == list(range(len(lengths)))
    assert np.concatenate([[], *batches]).astype(int).tolist() == plan.order.tolist()
    in_order = [lengths[number] for number in plan.order]
    assert in_order == sorted(lengths, reverse=True)
    for batch in batches:
        assert 1 <= len(batch) <= batch_size
        assert len(batch) == 1 or len(batch) * max(lengths[number] for number in batch) <= max(tokens_a_batch, 1)


def test_a_plan_is_replayed_from_whole_batches_only(tmp_path):
    plan = BatchPlan.of_lengths(np.arange(10), 4, 10**6)
    plan.write(tmp_path)
    again = BatchPlan.read(tmp_path)
    assert again.order.tolist() == plan.order.tolist()
    assert [plan.whole(n) for n in (0, 3, 4, 7, 8, 9, 10)] == [0, 0, 4, 4, 8, 8, 10]
    assert [batch.tolist() for batch in again.batches_from(8)] == [[1, 0]]
    assert list(again.batches_from(10)) == []
    with pytest.raises(BenchError, match="begins at text 3"):
        list(again.batches_from(3))
    (tmp_path / "order.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(BadFile, match="batch plan"):
        BatchPlan.read(tmp_path)


def test_a_batch_that_does_not_fit_is_halved_until_it_does():
    encoder = FakeEncoder(fits=3)
    pieces = list(split_on_out_of_memory(lambda some: encoder.encode(some, "document"), TEXTS[:10]))
    assert [text for batch in encoder.asked for text in batch] == TEXTS[:10]
    assert np.array_equal(np.concatenate(pieces), FakeEncoder().encode(TEXTS[:10], "document"))
    with pytest.raises(BenchError, match="by itself"):
        list(split_on_out_of_memory(lambda some: FakeEncoder(fits=0).encode(some, "document"), ["one"]))


@given(st.permutations(range(12)))
def test_the_order_of_queries_changes_no_batch(order):
    forward, backward = FakeEncoder(), FakeEncoder()
    texts = TEXTS[:12]
    expected = encode_in_batches(forward, texts, "query", 5)
    found = encode_in_batches(backward, [texts[n] for n in order], "query", 5)
    assert np.array_equal(found, expected[list(order)])
    assert forward.asked == backward.asked


def test_a_query_is_the_weighted_mean_of_its_parts_before_normalisation():
    encoder = FakeEncoder()
    parts = (QueryPart("gout attack", "query", 1.0), QueryPart("urate crystals in the joint", "generated", 3.0))
    (plain, mixed) = query_vectors(encoder, [Query("a", "gout attack"), Query("b", "ignored", parts)], 8)
    query, generated = encoder.vector("gout attack"), encoder.vector("urate crystals in the joint")
    assert np.allclose(plain, query)
    assert np.allclose(mixed, (query + 3 * generated) / 4, rtol=1e-6)


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_rows_are_what_was_encoded_and_belong_to_their_documents(tmp_path, precision):
    encoder = FakeEncoder()
    vectors = CorpusVectors.encode(encoder, TEXTS, tmp_path, "cosine", precision, BATCHING)
    again = CorpusVectors.read(tmp_path, len(TEXTS))
    assert again.texts.tolist() == vectors.texts.tolist()
    rows = again.rows.read(0, len(TEXTS))
    for row, number in zip(rows, again.texts, strict=True):
        expected = encoder.vector(TEXTS[number]) / np.linalg.norm(encoder.vector(TEXTS[number]))
        assert np.allclose(row, expected, atol=1e-6 if precision == "float32" else 1e-3)
    taken = again.rows.take(np.array([5, 0, 56, 5]))
    assert np.array_equal(taken, rows[[5, 0, 56, 5]])
    assert np.array_equal(np.concatenate([block for _, block in again.rows.blocks(10)]), rows)
    assert again.greatest_norm == pytest.approx(1, abs=1e-3)
    with pytest.raises(BadFile, match="58 texts and found 57"):
        CorpusVectors.read(tmp_path, 58)


def test_an_interrupted_call_is_gone_on_with_and_no_batch_done_twice(tmp_path):
    whole = FakeEncoder()
    CorpusVectors.encode(whole, TEXTS, tmp_path / "whole", "dot", "float32", BATCHING)
    first = FakeEncoder(stop_after=5)
    with pytest.raises(KeyboardInterrupt):
        CorpusVectors.encode(first, TEXTS, tmp_path / "parts", "dot", "float32", BATCHING)
    with (tmp_path / "parts/vectors.bin").open("ab") as file:
        file.write(b"\x01" * 70)  # a row and a part of one, of a batch that was being written
    second = FakeEncoder()
    # Another batch size now: the stored plan is replayed all the same.
    CorpusVectors.encode(second, TEXTS, tmp_path / "parts", "dot", "float32", Batching(2, 10))
    assert first.asked + second.asked == whole.asked
    assert (tmp_path / "parts/vectors.bin").read_bytes() == (tmp_path / "whole/vectors.bin").read_bytes()


def test_batches_split_for_memory_are_counted_and_still_whole(tmp_path):
    vectors = CorpusVectors.encode(FakeEncoder(fits=3), TEXTS, tmp_path / "split", "dot", "float32", BATCHING)
    CorpusVectors.encode(FakeEncoder(), TEXTS, tmp_path / "whole", "dot", "float32", BATCHING)
    assert vectors.n_split > 5
    assert (tmp_path / "split/vectors.bin").read_bytes() == (tmp_path / "whole/vectors.bin").read_bytes()


def test_vectors_without_a_direction_are_refused():
    with pytest.raises(BenchError, match="NaN"):
        prepare(np.array([[1.0, np.nan]], dtype=np.float32), "dot")
    with pytest.raises(BenchError, match="zeros"):
        prepare(np.zeros((1, 3), dtype=np.float32), "cosine")
    assert prepare(np.array([[3.0, 4.0]], dtype=np.float32), "cosine").tolist() == [
        [0.6000000238418579, 0.800000011920929]
    ]


def test_a_row_file_forgets_what_stands_behind_a_cut(tmp_path):
    rows = RowFile(tmp_path / "rows", 3, "float32")
    assert len(rows) == 0
    rows.append(np.arange(12, dtype=np.float32).reshape(4, 3))
    rows.cut(2)
    rows.append(np.full((1, 3), 9, dtype=np.float32))
    assert rows.read(0, 10).tolist() == [[0, 1, 2], [3, 4, 5], [9, 9, 9]]


def test_a_killed_process_loses_no_finished_batch(tmp_path):
    script = textwrap.dedent(f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from pathlib import Path
        from fake_encoder import FakeEncoder
        from retrieval_bench.encoders.batches import Batching
        from retrieval_bench.encoders.corpus_vectors import CorpusVectors
        class Stopped(FakeEncoder):
            def encode(self, texts, role):
                if len(self.asked) == 4:
                    print("at the fifth batch", flush=True)
                    sys.stdin.read()
                return super().encode(texts, role)
        texts = {TEXTS!r}
        CorpusVectors.encode(Stopped(), texts, Path(sys.argv[1]), "cosine", "float32", Batching(4, 40))
    """)
    folder = tmp_path / "killed"
    folder.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "at the fifth batch\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    rest = FakeEncoder()
    CorpusVectors.encode(rest, TEXTS, folder, "cosine", "float32", BATCHING)
    whole = FakeEncoder()
    CorpusVectors.encode(whole, TEXTS, tmp_path / "whole", "cosine", "float32", BATCHING)
    done_before = len(whole.asked) - len(rest.asked)
    assert rest.asked == whole.asked[done_before:]
    assert done_before == 4
    assert (folder / "vectors.bin").read_bytes() == (tmp_path / "whole/vectors.bin").read_bytes()
