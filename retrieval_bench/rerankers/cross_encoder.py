"""Cross-encoders: checkpoints with a classification head, through sentence-transformers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from bench_core.errors import UserError
from bench_core.identity import Json
from retrieval_bench.rerankers.pairs import Pair, PairOptions, PairReranker

# Without one of these the head would be made of random numbers. A decoder's answer "yes" is scored by
# sentence-transformers itself, as Qwen3-Reranker is.
_HEADS = ("ForSequenceClassification", "ForCausalLM")


class CrossEncoder(PairReranker):
    """A cross-encoder's logit; any sequence classifier of one label or two (bge-reranker-v2-m3 and others).

    The raw logit is the score, whatever activation the checkpoint asks for: a sigmoid changes no order but makes ties.
    Of two labels it is the second's logit less the first's, the log-odds of being relevant. A pair that is too long is
    cut at the end of the longer of the two texts, token by token, as R2MED does (arXiv 2505.14558, its code).

    Args:
        model: a folder, or an id of the Hugging Face hub.
        options: how it is run.
    """

    name = "cross-encoder"

    def __init__(
        self,
        model: str = "BAAI/bge-reranker-v2-m3",
        options: PairOptions = PairOptions(),
    ) -> None:
        super().__init__(model, options)

    def describe_score(self) -> Mapping[str, Json]:
        """See `PairReranker`."""
        return {"score": "logit, of two labels their difference", "truncation": "longest first"}

    def score_pairs(self, pairs: Sequence[Pair]) -> list[float]:
        """See `PairReranker`."""
        return self.scores_of_logits(self._logits(pairs))

    def scores_of_logits(self, logits: Any) -> list[float]:
        """Scores of (n_pairs, n_labels) float32 logits."""
        scores: list[float] = (logits[:, -1] - logits[:, 0] if logits.shape[1] == 2 else logits[:, 0]).tolist()
        return scores

    def _logits(self, pairs: Sequence[Pair]) -> Any:
        from torch.nn import Identity

        logits = self._model.predict(
            list(pairs), batch_size=len(pairs), activation_fn=Identity(), show_progress_bar=False
        )
        return logits.reshape(len(pairs), -1)

    @cached_property
    def _model(self) -> Any:
        with self._files.loading(self._stage):
            import torch
            from sentence_transformers import CrossEncoder as Model
            from transformers import AutoConfig

            revision = self._files.revision or None
            architectures = AutoConfig.from_pretrained(self._files.place, revision=revision).architectures
            if architectures and not architectures[0].endswith(_HEADS):
                raise UserError(
                    f"{self._stage}: {self._files.model} is a {architectures[0]}, which has no classification head; "
                    "give a model that was trained to rerank."
                )
            model = Model(
                self._files.place,
                revision=revision,
                device=self._computation.device,
                model_kwargs={"dtype": getattr(torch, self._computation.number_type)},
            )
        if model.num_labels not in (1, 2):
            raise UserError(f"{self._stage}: {self._files.model} has {model.num_labels} labels; give one of 1 or 2.")
        if self.max_length > model.max_seq_length:
            raise UserError(
                f"{self._stage}: {self._files.model} reads {model.max_seq_length} tokens at most; lower "
                f"max_length={self.max_length}."
            )
        model.max_seq_length = self.max_length
        return model


class MonoBert(CrossEncoder):
    """monoBERT: a BERT with two labels, of which the second's logit is the score.

    As R2MED scores it (arXiv 2505.14558, its code); the model's authors take the log-softmax of the two logits, which
    orders differently where the first label's logit varies (R. Nogueira et al., "Multi-Stage Document Ranking with
    BERT", 2019).

    Args:
        model: a folder, or an id of the Hugging Face hub.
        options: how it is run.
    """

    name = "monobert"

    def __init__(
        self,
        model: str = "castorini/monobert-large-msmarco",
        options: PairOptions = PairOptions(),
    ) -> None:
        super().__init__(model, options)

    def describe_score(self) -> Mapping[str, Json]:
        """See `PairReranker`."""
        return {"score": "logit of the second label", "truncation": "longest first"}

    def scores_of_logits(self, logits: Any) -> list[float]:
        """Scores of (n_pairs, 2) float32 logits.

        Raises:
            UserError: the model has a single label.
        """
        if logits.shape[1] != 2:
            raise UserError(f"{self._stage}: {self._files.model} has one label; use it as cross-encoder,model=….")
        scores: list[float] = logits[:, 1].tolist()
        return scores
