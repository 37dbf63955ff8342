"""The base of rerankers that score a query and a document as a pair: batches, memory, device."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec

from bench_core.errors import BenchError, UserError
from bench_core.identity import Json
from bench_core.machine.model_files import ModelFiles, ModelOptions
from bench_core.plugins.requirements import Requirements, of_devices
from retrieval_bench.encoders.encoder import OutOfMemory
from retrieval_bench.encoders.encoding_rule import ComputeType
from retrieval_bench.encoders.sentence_transformer import Computation, out_of_memory_told
from retrieval_bench.rerankers.base import RerankerBase
from retrieval_bench.types import Candidates, Description

Pair = tuple[str, str]
"""The text of a query and that of a document."""


@dataclass(frozen=True)
class PairOptions(ModelOptions):
    """How a model that reads pairs is run.

    Attributes:
        revision: commit of a hub model; by default what the hub has now, which the run's identity then names.
        max_length: tokens read of a pair.
        batch_size: pairs scored at once; halved where they do not fit into memory.
        device: `cpu`, `cuda`, …; by default the GPU where there is one.
        dtype: what is computed in, float32, float16 or bfloat16; by default float32 on a processor.
    """

    max_length: int = 512
    batch_size: int = 32
    dtype: ComputeType | None = None

    def __post_init__(self) -> None:
        """Refuse pairs of no length and batches of nothing.

        Raises:
            UserError: a number below the least that has a meaning.
        """
        for argument, value, least in (("max_length", self.max_length, 16), ("batch_size", self.batch_size, 1)):
            if value < least:
                raise UserError(f"{argument}={value} does not fit: it must be at least {least}.")


class PairReranker(RerankerBase, ABC):
    """A model that reads a query and a document together and says how well they fit.

    Pairs of all queries given at once are scored in order of their length, the longest first, so that little is padded
    and a batch that does not fit shows at the start. A pair's score depends on no other pair.

    Args:
        model: a folder, or an id of the Hugging Face hub.
        options: how it is run; on a GPU without a dtype in `gpu_dtype`.
    """

    is_remote = False
    name: str
    version = 1
    """Raised when the same model and texts would score differently."""
    gpu_dtype: ComputeType = "float32"

    def __init__(self, model: str, options: PairOptions) -> None:
        self._given_files = ModelFiles(model, options.revision)
        self.max_length, self.batch_size, self.dtype = options.max_length, options.batch_size, options.dtype
        self._computation = Computation((options.device,) if options.device else (), self.gpu_dtype, options.dtype)

    @staticmethod
    def missing_requirement() -> str:
        """What to install before this can run, or the empty string."""
        missing = [name for name in ("torch", "transformers", "sentence_transformers") if find_spec(name) is None]
        return f"{', '.join(missing)} not installed; pip install 'biomed-bench[dense]'" if missing else ""

    def describe(self) -> Description:
        """The model's weights and how texts become its score; a number type only where the user chose one."""
        self._check_requirement()
        chosen = {"dtype": self.dtype} if self.dtype else {}
        search = {**self._files.identity(), "max_length": self.max_length, "version": self.version, **chosen}
        return Description(self.name, search={**search, **self.describe_score()})

    @abstractmethod
    def describe_score(self) -> Mapping[str, Json]:
        """How texts become a score: prompt, truncation, what of the output is the score."""

    @abstractmethod
    def score_pairs(self, pairs: Sequence[Pair]) -> Sequence[float]:
        """One score a pair, from a single pass through the model; called within `out_of_memory_told`."""

    @property
    def requires(self) -> Requirements:
        """The devices of its model."""
        return of_devices(",".join(self._computation.devices))

    def recorded(self) -> Mapping[str, Json]:
        """Device, number type and batch size."""
        computed = {"device": self._computation.device, "compute_dtype": self._computation.number_type}
        return {**computed, "batch_size": self.batch_size}

    def rerank(self, batch: Sequence[Candidates]) -> list[list[float]]:
        """See `retrieval_bench.types.Reranker`.

        Raises:
            UserError: the model cannot be loaded.
            BenchError: a single pair does not fit into memory.
        """
        self._check_requirement()
        pairs = [(candidates.query.text, document.text) for candidates in batch for document in candidates.documents]
        by_length = sorted(range(len(pairs)), key=lambda number: -sum(map(len, pairs[number])))
        scores = [0.0] * len(pairs)
        for start in range(0, len(pairs), self.batch_size):
            numbers = by_length[start : start + self.batch_size]
            found = self._scores([pairs[number] for number in numbers])
            for number, score in zip(numbers, found, strict=True):
                scores[number] = float(score)
        in_order = iter(scores)
        return [[next(in_order) for _ in candidates.documents] for candidates in batch]

    def _scores(self, pairs: Sequence[Pair]) -> Iterator[float]:
        """Score a batch; where it does not fit, its halves, and so on."""
        try:
            with out_of_memory_told():
                scores = self.score_pairs(pairs)
        except OutOfMemory as error:
            if len(pairs) == 1:
                raise BenchError(
                    f"{self._stage}: a query and a document of {sum(map(len, pairs[0]))} characters do not fit into "
                    "the device's memory; give a smaller model or max_length, or device=cpu."
                ) from error
            half = len(pairs) // 2
            yield from self._scores(pairs[:half])
            yield from self._scores(pairs[half:])
            return
        yield from scores

    @property
    def _stage(self) -> str:
        return f"reranker {self.name}"

    @cached_property
    def _files(self) -> ModelFiles:
        return self._given_files.at_commit(self._stage)

    def _check_requirement(self) -> None:
        missing = self.missing_requirement()
        if missing:
            raise UserError(f"{self._stage}: {missing}.")
