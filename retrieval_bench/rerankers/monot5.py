"""monoT5: the probability that a T5 answers `true` to whether a document is relevant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from bench_core.errors import UserError
from bench_core.identity import Json
from retrieval_bench.rerankers.padding import Padded
from retrieval_bench.rerankers.pairs import Pair, PairOptions, PairReranker

_PROMPT = ("Query: {query}", "Document: {document}", "Relevant:")
# A query that is longer leaves nothing of the document; ours, the paper's queries being a few words long.
_LARGEST_SHARE_OF_QUERY = 0.75


class MonoT5(PairReranker):
    """monoT5: log P(true) of a T5 that reads `Query: … Document: … Relevant:` (R. Nogueira et al., 2020).

    The score is the logarithm of the softmax over the two words at the first step of the decoder ("Document Ranking
    with a Pretrained Sequence-to-Sequence Model", Findings of EMNLP 2020, section 3); for two words that is the
    log-sigmoid of the difference of their logits, which tells documents apart that the model is all but sure of. Where
    a prompt is too long the document's end is cut, never `Relevant:`; a query is cut at three quarters of the tokens.

    Args:
        model: a folder, or an id of the Hugging Face hub.
        options: how it is run; T5 overflows in float16.
        dtype: float32 or bfloat16 (T5 overflows in float16); by default float32.
        relevant: the word for a relevant document, `yes` for the multilingual models.
        irrelevant: the word for another one, `no` for the multilingual models.
    """

    name = "monot5"

    def __init__(
        self,
        model: str = "castorini/monot5-base-msmarco",
        options: PairOptions = PairOptions(),
        relevant: str = "true",
        irrelevant: str = "false",
    ) -> None:
        if options.dtype == "float16":
            raise UserError("reranker monot5: T5 overflows in float16; give dtype=bfloat16 or float32.")
        super().__init__(model, options)
        self.relevant = relevant
        self.irrelevant = irrelevant

    def describe_score(self) -> Mapping[str, Json]:
        """See `PairReranker`."""
        return {
            "prompt": " ".join(_PROMPT),
            "truncation": "document",
            "largest_share_of_query": _LARGEST_SHARE_OF_QUERY,
            "score": "log softmax of the first word",
            "words": [self.relevant, self.irrelevant],
        }

    def score_pairs(self, pairs: Sequence[Pair]) -> list[float]:
        """See `PairReranker`."""
        import torch
        from torch.nn.functional import logsigmoid

        padded = Padded.of(self.prompts(pairs), self._computation.device)
        start = torch.full((len(pairs), 1), self._model.config.decoder_start_token_id, device=padded.ids.device)
        with torch.inference_mode():
            logits = self._model(
                input_ids=padded.ids, attention_mask=padded.mask, decoder_input_ids=start, use_cache=False
            ).logits[:, 0, self._word_ids]
        relevant, irrelevant = logits.float().unbind(dim=1)
        scores: list[float] = logsigmoid(relevant - irrelevant).tolist()
        return scores

    def prompts(self, pairs: Sequence[Pair]) -> list[list[int]]:
        """The tokens of each pair's prompt, at most `max_length`."""
        query_template, document_template, ending = _PROMPT
        queries = self._tokens([query_template.format(query=query.strip()) for query, _ in pairs])
        documents = self._tokens([document_template.format(document=document.strip()) for _, document in pairs])
        end = [*self._tokens([ending])[0], self._tokenizer.eos_token_id]
        room = self.max_length - len(end)
        prompts = []
        for query, document in zip(queries, documents, strict=True):
            read = query[: int(room * _LARGEST_SHARE_OF_QUERY)]
            prompts.append([*read, *document[: room - len(read)], *end])
        return prompts

    def _tokens(self, texts: list[str]) -> list[list[int]]:
        tokens: list[list[int]] = self._tokenizer(texts, add_special_tokens=False)["input_ids"]
        return tokens

    @cached_property
    def _word_ids(self) -> list[int]:
        """The tokens of the two words, each as it stands at the beginning of a text."""
        ids = self._tokens([self.relevant, self.irrelevant])
        for word, tokens in zip((self.relevant, self.irrelevant), ids, strict=True):
            if len(tokens) != 1 or tokens[0] == self._tokenizer.unk_token_id:
                raise UserError(
                    f"{self._stage}: {word!r} is not one token of {self._files.model}; give a monoT5, and the words it "
                    "was trained on as relevant= and irrelevant=."
                )
        return [tokens[0] for tokens in ids]

    @cached_property
    def _tokenizer(self) -> Any:
        with self._files.loading(self._stage):
            from transformers import AutoTokenizer

            return AutoTokenizer.from_pretrained(self._files.place, revision=self._files.revision or None)

    @cached_property
    def _model(self) -> Any:
        with self._files.loading(self._stage):
            import torch
            from transformers import AutoModelForSeq2SeqLM

            model: Any = AutoModelForSeq2SeqLM.from_pretrained(
                self._files.place,
                revision=self._files.revision or None,
                dtype=getattr(torch, self._computation.number_type),
            )
            if model.config.decoder_start_token_id is None:
                raise UserError(f"{self._stage}: {self._files.model} does not say where its decoder begins; give a T5.")
            return model.to(self._computation.device).eval()
