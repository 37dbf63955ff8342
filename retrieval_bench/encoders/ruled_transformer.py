"""A SentenceTransformer whose texts become tokens by an `EncodingRule`.

This module imports torch when it is imported, unlike the others: processes that encode on further devices find the
class by its name, so that it cannot be made within a function. Import it where a model is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from transformers import PreTrainedTokenizerBase

from bench_core.errors import UserError
from retrieval_bench.encoders.encoding_rule import EncodingRule, TextRule
from retrieval_bench.types import Role

# A tokenizer saved without a limit has 10^30 for one.
_NO_LIMIT = 10**6
_TEXTS_COUNTED_AT_ONCE = 1024
# What the prompts of a saved model are called for each role; `generated` takes none unless a rule says so.
_OWN_PROMPTS: dict[Role, tuple[str, ...]] = {
    "query": ("query",),
    "document": ("document", "passage", "corpus"),
    "generated": (),
}


class RuledTransformer(SentenceTransformer):  # type: ignore[misc]
    """See the module. `rule` and `last_token_id` are set before the first text.

    Attributes:
        last_token_id: the token that ends each text; None: whichever the tokenizer puts there.
    """

    rule: EncodingRule
    last_token_id: int | None = None

    def preprocess(self, inputs: Sequence[Any], prompt: str | None = None, **kwargs: Any) -> dict[str, Any]:
        """The tensors of one batch, padded to its longest text.

        Args:
            inputs: texts as users gave them.
            prompt: not used; the rule's prefix is.
            kwargs: `task` is the role of the texts.
        """
        role: Role = kwargs["task"]
        prefix = self.prefix(role)
        tokenizer = self.text_tokenizer
        if tokenizer is None:
            features: dict[str, Any] = super().preprocess(list(inputs), prompt=prefix or None)
            return features
        ids = self._tokens(tokenizer, inputs, role)
        features = dict(tokenizer.pad(ids, padding=True, return_tensors="pt"))
        if prefix:
            features["prompt_length"] = self._prefix_length(tokenizer, prefix)
        return features

    def n_tokens(self, texts: Sequence[str], role: Role) -> list[int]:
        """How many tokens each text is encoded as, after truncation; words where the model has no usual tokenizer."""
        tokenizer = self.text_tokenizer
        if tokenizer is None:
            return [len(text.split()) for text in texts]
        counts: list[int] = []
        for start in range(0, len(texts), _TEXTS_COUNTED_AT_ONCE):
            encoded = self._tokens(tokenizer, texts[start : start + _TEXTS_COUNTED_AT_ONCE], role)
            counts.extend(len(ids) for ids in encoded["input_ids"])
        return counts

    def prefix(self, role: Role) -> str:
        """What is put before the texts of a role."""
        given = self.rule.texts[role].prefix
        if given is not None:
            return given
        names = [*_OWN_PROMPTS[role], *([self.default_prompt_name] if self.default_prompt_name else [])]
        return next((str(self.prompts[name]) for name in names if self.prompts.get(name)), "")

    @property
    def text_tokenizer(self) -> PreTrainedTokenizerBase | None:
        """What cuts texts into tokens; None for static embeddings and others that bring a way of their own."""
        tokenizer = self[0].tokenizer if isinstance(self[0], Transformer) else None
        return tokenizer if isinstance(tokenizer, PreTrainedTokenizerBase) else None

    def _tokens(self, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], role: Role) -> Any:
        """Token numbers of each text, not padded: prefix, text and special tokens, cut to the length."""
        text_rule, prefix = self.rule.texts[role], self.prefix(role)
        limit = self._limit(tokenizer, text_rule)
        if not self.rule.pools_prefix and self.rule.pooling:  # a text of no tokens has no mean; this gives it one
            texts = [text if text.strip() else str(tokenizer.eos_token) for text in texts]
        texts = [prefix + text for text in texts]
        pair = ([""] * len(texts), texts) if text_rule.as_pair else (texts,)
        encoded = tokenizer(*pair, padding=False, truncation=limit is not None, max_length=limit)
        end = self.last_token_id
        if end is not None:
            rows = [
                ids if ids[-1:] == [end] else [*ids[: limit - 1 if limit else None], end]
                for ids in encoded["input_ids"]
            ]
            encoded = {"input_ids": rows, "attention_mask": [[1] * len(ids) for ids in rows]}
        return encoded

    def _limit(self, tokenizer: PreTrainedTokenizerBase, text_rule: TextRule) -> int | None:
        positions = getattr(self[0].config, "max_position_embeddings", None) or _NO_LIMIT
        if text_rule.max_length is None:
            limit = min(int(tokenizer.model_max_length), positions)
            return limit if limit < _NO_LIMIT else None
        if text_rule.max_length > positions:
            raise UserError(f"The model takes at most {positions} tokens; give max_length={positions} or less.")
        return text_rule.max_length

    def _prefix_length(self, tokenizer: PreTrainedTokenizerBase, prefix: str) -> int:
        """Tokens of the prefix, those that stand before every text included and those behind it not."""
        ids = tokenizer(prefix)["input_ids"]
        behind = len(ids) and ids[-1] in tokenizer.all_special_ids
        return len(ids) - 1 if behind else len(ids)


def compute_type(name: str) -> torch.dtype:
    """torch's name of a number type."""
    return {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}[name]
