"""Token vectors on disk: resumed where a kill came without encoding anything twice, read back in blocks."""

import os
import signal
import subprocess
import sys
import textwrap
import zlib

import numpy as np
import pytest

from bench_core.errors import BadFile, BenchError
from retrieval_bench.encoders.batches import Batching
from retrieval_bench.encoders.encoder import OutOfMemory
from retrieval_bench.encoders.token_store import TokenStore

DIM = 8
TEXTS = [" ".join(f"w{number}_{word}" for word in range(1 + number * 7 % 11)) for number in range(40)]
BATCHING = Batching(batch_size=4, tokens_a_batch=30)


class FakeTokenEncoder:
    """A vector a word, drawn from the word; words that begin with `skip` cost a token and give no vector."""

    def __init__(self, fits=10_000, stop_after=None):
        self.fits, self.stop_after, self.asked = fits, stop_after, []

    def lengths(self, texts):
        return np.array([len(text.split()) for text in texts], dtype=np.int64)

    def encode(self, texts, role):
        assert role == "document"
        if len(texts) > self.fits:
            raise OutOfMemory
        if self.stop_after is not None and len(self.asked) >= self.stop_after:
            raise KeyboardInterrupt
        self.asked.append(list(texts))
        return [matrix_of(text) for text in texts]


def matrix_of(text):
    words = [word for word in text.split() if not word.startswith("skip")]
    rows = [np.random.default_rng(zlib.crc32(word.encode())).standard_normal(DIM) for word in words]
    return np.array(rows, dtype=np.float32).reshape(-1, DIM)


def encode(encoder, folder, precision="float32", texts=TEXTS):
    folder.mkdir(exist_ok=True)
    return TokenStore.encode(encoder, texts, folder, precision, BATCHING)


def matrices(store, tokens_a_block=50):
    """What a store holds, by the number of the text."""
    found = {}
    for block in store.blocks(tokens_a_block):
        ends = np.cumsum(block.lengths)
        for row, (start, end) in enumerate(zip(ends - block.lengths, ends, strict=True)):
            found[int(store.texts[block.first + row])] = block.tokens[start:end]
    return found


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("tokens_a_block", [1, 13, 50, 10_000])
def test_every_text_is_read_back_as_it_was_stored(tmp_path, precision, tokens_a_block):
    encode(FakeTokenEncoder(), tmp_path, precision)
    found = matrices(TokenStore.read(tmp_path, len(TEXTS)), tokens_a_block)
    assert sorted(found) == list(range(len(TEXTS)))
    for number, text in enumerate(TEXTS):
        np.testing.assert_array_equal(found[number], matrix_of(text).astype(precision))


@pytest.mark.parametrize("tokens_a_block", [13, 50])
def test_a_block_with_its_padding_stays_under_its_bound(tmp_path, tokens_a_block):
    store = encode(FakeTokenEncoder(), tmp_path)
    blocks = list(store.blocks(tokens_a_block))
    assert len(blocks) > 3
    assert all(len(block.lengths) * block.lengths.max() <= tokens_a_block for block in blocks)


def test_texts_of_which_tokens_are_left_out_keep_their_own(tmp_path):
    texts = ["a b skip c", "skip d skip skip skip", "e", "f g h i j k"]
    found = matrices(encode(FakeTokenEncoder(), tmp_path, texts=texts))
    assert [len(found[number]) for number in range(4)] == [3, 1, 1, 6]
    np.testing.assert_array_equal(found[1], matrix_of("d"))


@pytest.mark.parametrize("n_before", [0, 1, 5])
def test_what_was_encoded_before_an_interruption_is_not_encoded_again(tmp_path, n_before):
    whole = FakeTokenEncoder()
    encode(whole, tmp_path / "whole")
    first, second = FakeTokenEncoder(stop_after=n_before), FakeTokenEncoder()
    with pytest.raises(KeyboardInterrupt):
        encode(first, tmp_path / "resumed")
    encode(second, tmp_path / "resumed")
    assert first.asked + second.asked == whole.asked
    assert files_of(tmp_path / "resumed") == files_of(tmp_path / "whole")


@pytest.mark.parametrize(("name", "torn"), [("tokens.bin", b"\x01" * 77), ("lengths.bin", b"\x02" * 3)])
def test_a_torn_batch_is_dropped(tmp_path, name, torn):
    """A kill between the tokens and the lengths, or in the middle of either."""
    encode(FakeTokenEncoder(), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        encode(FakeTokenEncoder(stop_after=3), tmp_path / "resumed")
    with (tmp_path / "resumed" / name).open("ab") as file:
        file.write(torn)
    encode(FakeTokenEncoder(), tmp_path / "resumed")
    assert files_of(tmp_path / "resumed") == files_of(tmp_path / "whole")


def test_rows_of_half_a_batch_are_dropped(tmp_path):
    encode(FakeTokenEncoder(), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        encode(FakeTokenEncoder(stop_after=3), tmp_path / "resumed")
    lengths = tmp_path / "resumed" / "lengths.bin"
    os.truncate(lengths, lengths.stat().st_size - 4)
    last = FakeTokenEncoder()
    encode(last, tmp_path / "resumed")
    assert files_of(tmp_path / "resumed") == files_of(tmp_path / "whole")


def test_a_killed_process_leaves_a_folder_to_go_on_from(tmp_path):
    """SIGKILL in the middle of the fifth batch: each batch is encoded by one of the two processes, and once."""
    whole = FakeTokenEncoder()
    encode(whole, tmp_path / "whole")
    program = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        sys.path.insert(0, sys.argv[2])
        import test_token_store as t

        class Dying(t.FakeTokenEncoder):
            def encode(self, texts, role):
                if len(self.asked) == 4:
                    os.kill(os.getpid(), signal.SIGKILL)
                return super().encode(texts, role)

        t.encode(Dying(), Path(sys.argv[1]))
        """
    )
    command = [sys.executable, "-c", program, str(tmp_path / "killed"), os.path.dirname(__file__)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    rest = FakeTokenEncoder()
    encode(rest, tmp_path / "killed")
    assert rest.asked == whole.asked[4:]
    assert files_of(tmp_path / "killed") == files_of(tmp_path / "whole")


def test_a_batch_that_does_not_fit_is_encoded_in_parts(tmp_path):
    whole, split = encode(FakeTokenEncoder(), tmp_path / "whole"), encode(FakeTokenEncoder(fits=3), tmp_path / "split")
    assert (whole.n_split, split.n_split > 0) == (0, True)
    assert files_of(tmp_path / "split") == files_of(tmp_path / "whole")


def test_no_text_is_told(tmp_path):
    with pytest.raises(BenchError, match="no text"):
        encode(FakeTokenEncoder(), tmp_path, texts=[])


@pytest.mark.parametrize(
    ("name", "message"),
    [("tokens.bin", "token vectors and found"), ("lengths.bin", "texts and found"), ("tokens.json", "token vectors")],
)
def test_a_broken_folder_is_told(tmp_path, name, message):
    encode(FakeTokenEncoder(), tmp_path)
    path = tmp_path / name
    if name == "tokens.json":
        path.unlink()
    else:
        os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(BadFile, match=message):
        TokenStore.read(tmp_path, len(TEXTS))


def test_an_index_of_another_corpus_is_told(tmp_path):
    encode(FakeTokenEncoder(), tmp_path)
    with pytest.raises(BadFile, match="of 41 texts and found 40"):
        TokenStore.read(tmp_path, len(TEXTS) + 1)
