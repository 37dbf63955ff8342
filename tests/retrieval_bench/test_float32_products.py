"""Products that propose: whichever library makes them the search is the same; what is not float32 is refused."""

import sys
from pathlib import Path

import numpy as np
import pytest

from retrieval_bench.retrievers import exact_search, float32_products
from retrieval_bench.retrievers.exact_search import ExactSearch
from retrieval_bench.retrievers.float32_products import (
    fastest_product,
    is_float32,
    nearest_by_torch,
    numpy_product,
    torch_product,
)

sys.path.insert(0, str(Path(__file__).parent))
from test_exact_search import HELD, on_disk, unit_vectors


def _rounded_to(n_bits):
    """A product of numbers that keep so many bits of their fraction, as TensorFloat-32 (10) and bfloat16 (7) do."""

    def cut(numbers):
        return (numbers.view(np.uint32) & np.uint32(0xFFFFFFFF << (23 - n_bits) & 0xFFFFFFFF)).view(np.float32)

    def product(queries, vectors, out):
        np.matmul(cut(queries), cut(vectors).T, out=out)

    return product


@pytest.mark.parametrize("n_bits", [7, 10])
def test_a_product_of_fewer_bits_is_told_from_float32(n_bits):
    assert not is_float32(_rounded_to(n_bits))


def test_numpy_and_torch_multiply_float32():
    pytest.importorskip("torch")
    assert is_float32(numpy_product)
    assert is_float32(torch_product)


def test_a_library_that_is_fast_and_wrong_is_not_taken(monkeypatch):
    pytest.importorskip("torch")

    def nothing(queries, vectors, out):
        out[...] = 0

    monkeypatch.setattr(float32_products, "torch_product", nothing)
    assert fastest_product.__wrapped__() is numpy_product


def test_torch_is_not_imported_to_be_timed(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "torch")
    assert fastest_product.__wrapped__() is numpy_product
    assert "torch" not in sys.modules


def test_whichever_product_proposes_the_result_is_the_same_to_the_last_bit(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    vectors, queries = unit_vectors(3000, 96, 1), unit_vectors(20, 96, 2)
    vectors[1000:1200] = vectors[0]  # ties that products of another blocking tell apart

    def found(product):
        monkeypatch.setattr(exact_search, "fastest_product", lambda: product)
        search = ExactSearch(on_disk(tmp_path / product.__name__, vectors), HELD)
        return [sorted(zip(rows.tolist(), scores.tolist(), strict=True)) for rows, scores in search.search(queries, 30)]

    def backwards(queries, vectors, out):
        np.matmul(queries[:, ::-1], vectors[:, ::-1].T, out=out)

    def best(lists):
        return [sorted(((score, row) for row, score in some), reverse=True)[:30] for some in lists]

    assert best(found(numpy_product)) == best(found(torch_product)) == best(found(backwards))


def test_torch_finds_the_nearest_over_several_products(monkeypatch):
    """As it would on a GPU that FAISS does not see."""
    pytest.importorskip("torch")
    monkeypatch.setattr(float32_products, "_VECTORS_ON_GPU_AT_ONCE", 70)
    vectors, queries = unit_vectors(500, 32, 3), unit_vectors(9, 32, 4)
    scores, rows = nearest_by_torch(queries, vectors, 100, "cpu")
    products = queries @ vectors.T
    expected = np.argsort(-products, axis=1, kind="stable")[:, :100]
    assert np.array_equal(rows, expected)
    assert np.allclose(scores, np.take_along_axis(products, expected, axis=1), atol=1e-6)
