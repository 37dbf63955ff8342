"""Token encoders: a vector a token for texts, and for queries those of their parts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING

from bench_core.errors import BenchError, UserError
from bench_core.identity import Json
from bench_core.machine.devices import torch_device
from bench_core.machine.model_files import ModelFiles
from retrieval_bench.encoders.batches import split_on_out_of_memory
from retrieval_bench.encoders.encoding_rule import library_versions
from retrieval_bench.encoders.sentence_transformer import as_float32, out_of_memory_told
from retrieval_bench.encoders.token_checkpoint import STAGE, TokenModel, TokenRule, model_files
from retrieval_bench.types import Query, Role

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    Float32s = NDArray[np.float32]

_TEXTS_TOKENISED_AT_ONCE = 1024


class TokenEncoder:
    """One vector of length 1 a token.

    A query's text is encoded as a query; a document's, and what a model wrote for a query, as a document.

    Args:
        model: `minilm` or another model of the registry, a folder, or a hub id.
        revision: commit, tag or branch of a hub model.
        query_max_len, doc_max_len: see `TokenRule`.
        device: torch's name; empty: the GPU where there is one.
    """

    def __init__(
        self,
        model: str,
        revision: str = "",
        query_max_len: int | None = None,
        doc_max_len: int | None = None,
        device: str = "",
    ) -> None:
        self._given_files = model_files(model, revision)
        self._lengths = query_max_len, doc_max_len
        self._device = device

    @cached_property
    def files(self) -> ModelFiles:
        """Where the checkpoint is, at a commit."""
        return self._given_files.at_commit(STAGE)

    @cached_property
    def rule(self) -> TokenRule:
        """What the checkpoint does with texts."""
        return TokenRule.of(self.files, *self._lengths)

    @cached_property
    def device(self) -> str:
        """Where it runs.

        Raises:
            UserError: the device cannot be used.
        """
        return torch_device(self._device)

    def describe(self, is_query: bool) -> dict[str, Json]:
        """The checkpoint, the rule as far as queries or documents depend on it, and what makes tokens of them."""
        return {**self.files.identity(), **self.rule.describe(is_query), "versions": library_versions()}

    def lengths(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """(n_texts,) tokens of each text as a document, after truncation; its vectors may be fewer."""
        import numpy as np

        lengths: list[int] = []
        for start in range(0, len(texts), _TEXTS_TOKENISED_AT_ONCE):
            lengths.extend(map(len, self._token_numbers(texts[start : start + _TEXTS_TOKENISED_AT_ONCE], False)))
        return np.array(lengths, dtype=np.int64)

    def encode(self, texts: Sequence[str], role: Role) -> list[Float32s]:
        """(n_tokens, dim) float32 of each text, from one forward pass; a text without tokens is one vector of zeros.

        Raises:
            OutOfMemory: the batch is too large for the device.
            BenchError: the model gives a number that is not finite.
        """
        import numpy as np
        import torch

        is_query = role == "query"
        ids, seen, kept = self._batch(texts, is_query)
        model = self._model
        with torch.inference_mode(), out_of_memory_told():
            hidden = model.transformer(
                input_ids=ids.to(self.device), attention_mask=seen.to(self.device)
            ).last_hidden_state
            if model.projection is not None:
                hidden = hidden @ model.projection.T
            vectors = as_float32(torch.nn.functional.normalize(hidden.float(), dim=-1))
        found = []
        for row, keep in zip(vectors, kept.numpy(), strict=True):
            chosen = row[keep]
            if not np.isfinite(chosen).all():
                raise BenchError(
                    "The model gave a vector that holds NaN or infinity; another model or device may help."
                )
            found.append(chosen if len(chosen) else np.zeros((1, row.shape[1]), dtype=np.float32))
        return found

    def _batch(self, texts: Sequence[str], is_query: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Token numbers, which of them are attended to, and whose vectors are kept: (n_texts, longest) each."""
        import torch

        numbers = self._token_numbers(texts, is_query)
        augments = is_query and self.rule.augments_queries
        width = self._most_tokens(is_query) if augments else max(1, *map(len, numbers))
        tokenizer = self._model.tokenizer
        filling = tokenizer.mask_token_id if augments else tokenizer.pad_token_id
        ids = torch.tensor([row + [filling] * (width - len(row)) for row in numbers])
        given = torch.arange(width) < torch.tensor([[len(row)] for row in numbers])
        if augments:
            return ids, given | self.rule.attends_to_masks, torch.ones_like(given)
        skipped = torch.tensor(sorted(self._model.skipped), dtype=ids.dtype)
        return ids, given, given if is_query else given & ~torch.isin(ids, skipped)

    def _token_numbers(self, texts: Sequence[str], is_query: bool) -> list[list[int]]:
        tokenizer = self._model.tokenizer
        marker = self.rule.query_marker if is_query else self.rule.doc_marker
        room = self._most_tokens(is_query) - bool(marker)
        found = tokenizer(list(texts), truncation=True, max_length=room)["input_ids"]
        if not marker:
            return [list(row) for row in found]
        number = tokenizer.convert_tokens_to_ids(marker)
        return [[*row[:1], number, *row[1:]] for row in found]

    def _most_tokens(self, is_query: bool) -> int:
        wanted = self.rule.query_max_len if is_query else self.rule.doc_max_len
        return min(wanted or self._model.usual_tokens, self._model.most_tokens)

    @cached_property
    def _model(self) -> TokenModel:
        model = TokenModel.load(self.files, self.rule, self.device)
        for name, given in zip(("query_max_len", "doc_max_len"), self._lengths, strict=True):
            if given is not None and given > model.most_tokens:
                raise UserError(
                    f"{STAGE}: {self.files.model} reads {model.most_tokens} tokens at most; lower {name}={given}."
                )
        return model


def query_matrices(encoder: TokenEncoder, queries: Sequence[Query], batch_size: int) -> list[Float32s]:
    """(n_tokens, dim) float32 of each query: the vectors of its parts one after another, times the part's weight.

    Concatenation is ours: for generated queries nobody has published a rule for late interaction. Texts are encoded
    from the longest to the shortest, each once, so that the order of queries changes nothing.
    """
    import numpy as np

    asked = {(part.role, part.text) for query in queries for part in query.encoded_parts}
    found: dict[tuple[Role, str], Float32s] = {}
    for role in sorted({role for role, _ in asked}):
        texts = sorted((text for of, text in asked if of == role), key=lambda text: (-len(text), text))
        for start in range(0, len(texts), batch_size):
            batch = texts[start : start + batch_size]
            pieces = split_on_out_of_memory(partial(encoder.encode, role=role), batch)
            matrices = [matrix for piece in pieces for matrix in piece]
            found.update(zip(((role, text) for text in batch), matrices, strict=True))
    return [
        np.concatenate([np.float32(part.weight) * found[part.role, part.text] for part in query.encoded_parts])
        for query in queries
    ]
