"""RankLLaMA: a language model with a head of one label, fine-tuned by a low-rank adapter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from bench_core.errors import UserError
from bench_core.identity import Json
from bench_core.machine.model_files import ModelFiles
from retrieval_bench.rerankers.lora import LoraAdapter
from retrieval_bench.rerankers.padding import Padded
from retrieval_bench.rerankers.pairs import Pair, PairOptions, PairReranker

_PROMPT = ("query: {query}", "document: {document}")
_HEAD = "score.weight"


class RankLlama(PairReranker):
    """RankLLaMA: the head's one logit at the last token of `query: …` and `document: …` (X. Ma et al., 2024).

    "Fine-Tuning LLaMA for Multi-Stage Text Retrieval", SIGIR 2024; prompt as its model card has it: the two texts as a
    pair, each begun by the tokenizer as it begins texts (`<s>`), and nothing after the document. A pair that is too
    long is cut at the end of the longer text, token by token, as R2MED does (arXiv 2505.14558, its code).

    Args:
        model: the adapter: a folder, or an id of the Hugging Face hub.
        revision: commit of a hub adapter; by default what the hub has now.
        base: the model it adapts, with its tokenizer: a folder, or an id of the hub.
        base_revision: commit of a hub base; by default what the hub has now.
    """

    name = "rankllama"
    gpu_dtype = "float16"

    def __init__(
        self,
        model: str = "castorini/rankllama-v1-7b-lora-passage",
        options: PairOptions = PairOptions(batch_size=8),
        base: str = "meta-llama/Llama-2-7b-hf",
        base_revision: str = "",
    ) -> None:
        super().__init__(model, options)
        self._given_base = ModelFiles(base, base_revision)

    def describe_score(self) -> Mapping[str, Json]:
        """See `PairReranker`."""
        return {
            "base": self._base.identity(),
            "prompt": list(_PROMPT),
            "truncation": "longest first",
            "score": "logit at the last token",
        }

    def score_pairs(self, pairs: Sequence[Pair]) -> list[float]:
        """See `PairReranker`."""
        import torch

        padded = Padded.of(self._tokens(pairs), self._computation.device)
        last = padded.mask.sum(dim=1) - 1
        with torch.inference_mode():
            hidden = self._model.base_model(input_ids=padded.ids, attention_mask=padded.mask, use_cache=False)[0]
            # Not the whole model's logits: it finds the last token by comparing with a padding token, which this base
            # lacks and a document may hold.
            logits = self._model.score(hidden[torch.arange(len(pairs), device=hidden.device), last])
        scores: list[float] = logits[:, 0].float().tolist()
        return scores

    def _tokens(self, pairs: Sequence[Pair]) -> list[list[int]]:
        query_template, document_template = _PROMPT
        tokens: list[list[int]] = self._tokenizer(
            [query_template.format(query=query) for query, _ in pairs],
            [document_template.format(document=document) for _, document in pairs],
            truncation="longest_first",
            max_length=self.max_length,
        )["input_ids"]
        return tokens

    @cached_property
    def _base(self) -> ModelFiles:
        return self._given_base.at_commit(self._stage)

    @cached_property
    def _tokenizer(self) -> Any:
        with self._base.loading(self._stage):
            from transformers import AutoTokenizer

            return AutoTokenizer.from_pretrained(self._base.place, revision=self._base.revision or None)

    @cached_property
    def _model(self) -> Any:
        with self._files.loading(self._stage):
            adapter = LoraAdapter.read(self._files)
        if _HEAD not in adapter.replaced:
            raise UserError(f"{self._stage}: the adapter {adapter.model} has no {_HEAD}; give one of a reranker.")
        with self._base.loading(self._stage):
            import torch
            from transformers import AutoModelForSequenceClassification

            model: Any = AutoModelForSequenceClassification.from_pretrained(
                self._base.place,
                revision=self._base.revision or None,
                num_labels=1,
                dtype=getattr(torch, self._computation.number_type),
            )
            adapter.merge_into(model)
            return model.to(self._computation.device).eval()
