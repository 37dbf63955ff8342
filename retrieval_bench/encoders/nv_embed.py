"""NV-Embed-v2 through its own code: latent attention over a bidirectional Mistral (arXiv 2405.17428).

Not verified: neither its weights nor its code were at hand. What is tested is that a checkpoint with code of this
interface is loaded and called as its card says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bench_core.errors import UserError
from bench_core.identity import Json
from bench_core.machine.model_files import ModelFiles
from retrieval_bench.encoders.encoding_rule import EncodingRule, library_versions
from retrieval_bench.encoders.sentence_transformer import Computation, as_float32, out_of_memory_told
from retrieval_bench.types import Role

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class NvEmbedEncoder:
    """A checkpoint whose code offers `encode(texts, instruction=…, max_length=…)`.

    Args:
        files: where it is.
        rule: prefixes, lengths, and whether the outputs are divided by their length; its code does the rest.
        computation: where it runs; of several devices the first.
        trust_remote_code: its user's leave to run that code.

    Raises:
        UserError: the user has not given it.
    """

    is_remote = False

    def __init__(
        self, files: ModelFiles, rule: EncodingRule, computation: Computation, trust_remote_code: bool
    ) -> None:
        if not trust_remote_code:
            raise UserError(
                f"{files.model} runs only with the Python code that comes with it; read that code, then pass "
                "trust_remote_code=true to run it."
            )
        self._given_files, self.rule, self.computation = files, rule, computation

    def describe(self, role: Role) -> Mapping[str, Json]:
        """The checkpoint and the rule for texts of this role."""
        described = {**self._files.identity(), "loader": "nv-embed", **self.rule.describe(role)}
        return {**described, **self.computation.describe(), "versions": library_versions()}

    def recorded(self) -> Mapping[str, Json]:
        """Device and number type."""
        return {"devices": [self.computation.device], "compute_dtype": self.computation.number_type}

    def notes(self) -> Sequence[str]:
        """That nobody has compared it with the published vectors yet."""
        return (f"{self._given_files.model} was run by its own code, in a way the suite could not verify.",)

    def lengths(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """(n_texts,) tokens of each text as a document, after truncation."""
        import numpy as np

        text_rule = self.rule.texts["document"]
        longest = text_rule.max_length or 0
        prefixed = [(text_rule.prefix or "") + text for text in texts]
        ids = self._tokenizer(prefixed, truncation=bool(longest), max_length=longest or None)["input_ids"]
        return np.array([len(row) for row in ids], dtype=np.int64)

    def encode(self, texts: Sequence[str], role: Role) -> NDArray[np.float32]:
        """(n_texts, dim) float32.

        Raises:
            OutOfMemory: the batch is too large for the device.
        """
        import torch

        text_rule = self.rule.texts[role]
        with out_of_memory_told(), torch.inference_mode():
            vectors = self._model.encode(
                list(texts), instruction=text_rule.prefix or "", max_length=text_rule.max_length
            )
            if self.rule.normalize:
                vectors = torch.nn.functional.normalize(vectors, dim=-1)
        return as_float32(vectors)

    @cached_property
    def _files(self) -> ModelFiles:
        return self._given_files.at_commit("encoder")

    @cached_property
    def _model(self) -> Any:
        from transformers import AutoModel

        from retrieval_bench.encoders.ruled_transformer import compute_type

        with self._files.loading("encoder"):
            model = AutoModel.from_pretrained(
                self._files.place,
                revision=self._files.revision or None,
                trust_remote_code=True,
                dtype=compute_type(self.computation.number_type),
            )
        return model.to(self.computation.device).eval()

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        with self._files.loading("encoder"):
            return AutoTokenizer.from_pretrained(
                self._files.place, revision=self._files.revision or None, trust_remote_code=True
            )
