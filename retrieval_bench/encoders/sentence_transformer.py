"""Encoders in this process: sentence-transformers' modules over a checkpoint, a planned batch a forward pass."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bench_core.artifacts import read_json
from bench_core.errors import UserError
from bench_core.identity import Json
from bench_core.machine.devices import torch_device
from bench_core.machine.model_files import ModelFiles
from retrieval_bench.encoders.encoder import Encoder, OutOfMemory
from retrieval_bench.encoders.encoding_rule import ComputeType, EncodingRule, library_versions
from retrieval_bench.types import Role

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from transformers import PreTrainedTokenizerBase

    from retrieval_bench.encoders.ruled_transformer import RuledTransformer

_MODULES = "modules.json"
_TOKENIZER = "tokenizer_config.json"


@dataclass(frozen=True)
class Computation:
    """Where and in which numbers vectors are computed: worth recording, and unless a user says so no part of a model.

    Attributes:
        devices: torch's names; none: the GPU where there is one. Several are used side by side.
        gpu_dtype: what weights and activations are held in on a GPU.
        dtype: the same wherever it runs, where a user wants it; None: float32 on a processor.
    """

    devices: tuple[str, ...] = ()
    gpu_dtype: ComputeType = "float32"
    dtype: ComputeType | None = None

    @property
    def device(self) -> str:
        """The (first) device.

        Raises:
            UserError: one of them cannot be used.
        """
        usable = [torch_device(device) for device in self.devices or ("",)]
        return usable[0]

    @property
    def number_type(self) -> ComputeType:
        """What is computed in."""
        return self.dtype or ("float32" if self.device == "cpu" else self.gpu_dtype)

    def describe(self) -> Mapping[str, Json]:
        """What the user wants computed in, if anything; what a device has of its own accord is only recorded."""
        return {"compute_dtype": self.dtype} if self.dtype else {}


class SentenceTransformerEncoder:
    """A checkpoint with a rule.

    Args:
        files: where it is.
        rule: what stands between its weights and the vectors.
        computation: where it runs.
        trust_remote_code: whether Python files that come with the checkpoint are run.
    """

    is_remote = False

    def __init__(
        self,
        files: ModelFiles,
        rule: EncodingRule,
        computation: Computation = Computation(),
        trust_remote_code: bool = False,
    ) -> None:
        self._given_files, self.rule, self.computation = files, rule, computation
        self._trust_remote_code = trust_remote_code
        self._appended = ""

    def describe(self, role: Role) -> Mapping[str, Json]:
        """The checkpoint, its commit or content, the rule for texts of this role, and what makes tokens of them."""
        return {
            **self._files.identity(),
            **self.rule.describe(role),
            **self.computation.describe(),
            "versions": library_versions(),
        }

    def recorded(self) -> Mapping[str, Json]:
        """Devices and number type."""
        devices = list(self.computation.devices) or [self.computation.device]
        return {"devices": devices, "compute_dtype": self.computation.number_type}

    def notes(self) -> Sequence[str]:
        """Says so where a checkpoint names no pooling and its tokens are averaged, or an end token was missing."""
        if "_model" not in self.__dict__:
            return ()
        name, notes = self._files.model, []
        if self.rule.pooling is None and not self._has_own_modules:
            notes.append(
                f"{name} says nothing about pooling: its tokens are averaged (pooling=cls or last does otherwise)."
            )
        if self._appended:
            notes.append(f"{name} pools {self._appended}, which its tokenizer does not put last; it was put there.")
        return tuple(notes)

    def lengths(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """(n_texts,) tokens of each text as a document, after truncation."""
        import numpy as np

        return np.array(self._model.n_tokens(texts, "document"), dtype=np.int64)

    def encode(self, texts: Sequence[str], role: Role) -> NDArray[np.float32]:
        """(n_texts, dim) float32, in one forward pass, or one on each of several devices.

        Raises:
            OutOfMemory: the batch is too large for the device.
        """
        with out_of_memory_told():
            vectors = self._encode_in_pool(texts, role) if self._pool else self._encode_here(texts, role)
        if self._model.truncate_dim:
            vectors = vectors[:, : self._model.truncate_dim]
        return as_float32(vectors)

    def _encode_here(self, texts: Sequence[str], role: Role) -> torch.Tensor:
        import torch

        model = self._model
        with torch.inference_mode():
            features = model.preprocess(texts, task=role)
            features = {
                name: value.to(model.device) if hasattr(value, "to") else value for name, value in features.items()
            }
            vectors: torch.Tensor = model(features)["sentence_embedding"]
        return vectors

    def _encode_in_pool(self, texts: Sequence[str], role: Role) -> torch.Tensor:
        share = -(-len(texts) // len(self.computation.devices))
        vectors: Any = self._model.encode(
            list(texts),
            pool=self._pool,
            batch_size=share,
            chunk_size=share,
            task=role,
            convert_to_tensor=True,
            show_progress_bar=False,
        )
        tensor: torch.Tensor = vectors
        return tensor

    @cached_property
    def _files(self) -> ModelFiles:
        return self._given_files.at_commit("encoder")

    @cached_property
    def _has_own_modules(self) -> bool:
        from huggingface_hub.errors import LocalEntryNotFoundError

        try:
            return self._files.file(_MODULES) is not None
        except LocalEntryNotFoundError:  # without the hub the local copy decides: what has modules has them there
            return False

    @cached_property
    def _model(self) -> RuledTransformer:
        with self._files.loading("encoder"):
            model = self._load()
        model.rule = self.rule
        tokenizer = model.text_tokenizer
        if tokenizer is not None:
            if tokenizer.pad_token is None:  # decoders come without; what is padded is masked anyway
                tokenizer.pad_token = tokenizer.eos_token
            if self.rule.padding_side is not None:
                tokenizer.padding_side = self.rule.padding_side
            self._end_texts(model, tokenizer)
        if not self.rule.pools_prefix:
            model.set_pooling_include_prompt(False)
        model.eval()
        return model

    def _end_texts(self, model: RuledTransformer, tokenizer: PreTrainedTokenizerBase) -> None:
        """Have texts end with the token that the model pools, if it pools the last one.

        Raises:
            UserError: the tokenizer has no such token.
        """
        last_token = self.rule.last_token or self._asked_last_token(model, tokenizer)
        if not last_token:
            return
        if last_token not in tokenizer.get_vocab():
            raise UserError(
                f"encoder: the tokenizer of {self._files.model} has no token {last_token!r}, which its rule pools; "
                "give the tokenizer that belongs to the model, or the rule of another (rules=)."
            )
        model.last_token_id = int(tokenizer.convert_tokens_to_ids(last_token))
        if tokenizer("a")["input_ids"][-1:] != [model.last_token_id]:
            self._appended = last_token

    def _asked_last_token(self, model: RuledTransformer, tokenizer: PreTrainedTokenizerBase) -> str:
        """The end token of a model that pools the last one and asks for it in one of its files, where no rule says it.

        transformers 5 follows `tokenizer.json`, and passes over what `tokenizer_config.json` asks for.
        """
        from sentence_transformers.sentence_transformer.modules import Pooling

        pooling = next((module for module in model if isinstance(module, Pooling)), None)
        config = self._files.file(_TOKENIZER) if pooling is not None and "lasttoken" in pooling.pooling_mode else None
        if config is None:
            return ""
        asked = read_json(config)
        return str(tokenizer.eos_token or "") if isinstance(asked, dict) and asked.get("add_eos_token") else ""

    def _load(self) -> RuledTransformer:
        from sentence_transformers.base.modules import Transformer
        from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

        from retrieval_bench.encoders.ruled_transformer import RuledTransformer, compute_type

        device = self.computation.device
        shared: dict[str, Any] = {
            "revision": self._files.revision or None,
            "trust_remote_code": self._trust_remote_code,
        }
        weights = {"dtype": compute_type(self.computation.number_type)}
        if self.rule.pooling is None and self._has_own_modules:
            model = RuledTransformer(self._files.place, device=device, model_kwargs=weights, **shared)
            if self.rule.normalize is False and isinstance(model[-1], Normalize):
                del model[-1]
        else:
            transformer = Transformer(
                self._files.place,
                model_kwargs={**weights, **shared},
                config_kwargs=shared,
                processor_kwargs=dict(shared),
            )
            names = {"mean": "mean", "cls": "cls", "last": "lasttoken"}
            pooling = Pooling(transformer.get_embedding_dimension(), names[self.rule.pooling or "mean"])
            model = RuledTransformer(modules=[transformer, pooling], device=device)
        if self.rule.bidirectional:
            _see_both_ways(model[0].model)
        if self.rule.normalize and not isinstance(model[-1], Normalize):
            model.append(Normalize())
        return model

    @cached_property
    def _pool(self) -> Any:
        """Processes that encode on further devices, started when they are needed and ended with this object."""
        if len(self.computation.devices) < 2:
            return None
        pool = self._model.start_multi_process_pool(list(self.computation.devices))
        weakref.finalize(self, self._model.stop_multi_process_pool, pool)
        return pool


class TwoEncoders:
    """One encoder for queries and what is written for them, another for documents, as MedCPT has them."""

    is_remote = False

    def __init__(self, query: Encoder, document: Encoder) -> None:
        self._query, self._document = query, document

    def _of(self, role: Role) -> Encoder:
        return self._document if role == "document" else self._query

    def describe(self, role: Role) -> Mapping[str, Json]:
        """That of the role's encoder."""
        return self._of(role).describe(role)

    def recorded(self) -> Mapping[str, Json]:
        """That of the documents' encoder: both run alike."""
        return self._document.recorded()

    def notes(self) -> Sequence[str]:
        """Nothing: both come with a rule."""
        return ()

    def lengths(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """See `Encoder`."""
        return self._document.lengths(texts)

    def encode(self, texts: Sequence[str], role: Role) -> NDArray[np.float32]:
        """See `Encoder`."""
        return self._of(role).encode(texts, role)


@contextmanager
def out_of_memory_told() -> Iterator[None]:
    """Turn what torch says of a full device into `OutOfMemory`."""
    import torch

    try:
        yield
    except RuntimeError as error:  # torch.OutOfMemoryError is one; a processor's allocator has no class of its own
        told = isinstance(error, torch.OutOfMemoryError) or "not enough memory" in str(error)
        if not told:
            raise
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise OutOfMemory(str(error)) from error


def as_float32(vectors: torch.Tensor) -> NDArray[np.float32]:
    """Vectors as NumPy holds them, in memory of their own."""
    import numpy as np

    return np.ascontiguousarray(vectors.detach().cpu().float().numpy())


def _see_both_ways(model: Any) -> None:
    """Make a decoder's attention bidirectional: transformers reads it from the configuration at every pass."""
    model.config.is_causal = False
    for module in model.modules():
        if hasattr(module, "is_causal"):
            module.is_causal = False
