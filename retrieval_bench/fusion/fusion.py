"""Fuse the runs of several systems into one.

Rank fusions read places in the canonical order, so that ties are broken as everywhere; score fusions read the scores.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from bench_core.errors import UserError
from bench_core.identity import Json
from bench_core.plugins.arguments import convert_arguments, did_you_mean
from bench_core.plugins.registry import StageSpec
from retrieval_bench.fusion.methods import METHODS
from retrieval_bench.fusion.pool import Norm, Pool, normalised
from retrieval_bench.types import RankedList, Run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# What a method of a single number may be set to: above the first, up to the second.
_RANGES = {"k": (-1, math.inf), "sigma": (0, math.inf), "phi": (0, 1), "gamma": (-math.inf, math.inf)}


@dataclass(frozen=True)
class Fusion:
    """A method with its parameters.

    Attributes:
        method: a name of `METHODS`.
        norm: how scores are made comparable; None for a method that reads ranks.
        parameters: the rest of what its formula takes; `weights` as a list.
    """

    method: str
    norm: Norm | None
    parameters: Mapping[str, Any]

    def describe(self) -> dict[str, Json]:
        """What the fused scores depend on besides the runs, defaults filled in."""
        norm = {} if self.norm is None else {"norm": self.norm}
        return {"method": self.method, "parameters": {**self.parameters, **norm}}

    def fuse(self, runs: Sequence[Run], query_ids: Sequence[str]) -> Iterator[RankedList]:
        """One list a query, of all documents that any run holds for it; a run may lack a query, as if it found nothing.

        Args:
            runs: of each system, in canonical order.

        Raises:
            BenchError: a method that reads scores met an infinite one.
        """
        for query_id in query_ids:
            pool = Pool.of([run.get(query_id, ()) for run in runs])
            scores = self._scores(pool) if pool.doc_ids else ()
            yield RankedList(query_id, scores, pool.doc_ids)

    def _scores(self, pool: Pool) -> NDArray[np.float64]:
        import numpy as np

        parameters = dict(self.parameters)
        if "weights" in parameters:
            parameters["weights"] = np.array(parameters["weights"])[:, None]
        comparable = pool if self.norm is None else normalised(pool, self.norm)
        return METHODS[self.method].formula(comparable, **parameters)


def create_fusion(spec: StageSpec, n_systems: int) -> Fusion:
    """The fusion a user names.

    Raises:
        UserError: no such method or parameter, or a value that does not fit.
    """
    if spec.name not in METHODS:
        raise UserError(
            f"There is no fusion method {spec.name!r}{did_you_mean(spec.name, METHODS)}; known are "
            f"{', '.join(METHODS)}."
        )
    what = f"fusion {spec.name}"
    given = METHODS[spec.name].parameters
    values: dict[str, Any] = asdict(given(**convert_arguments(given, dict(spec.arguments), what)))
    norm = values.pop("norm", None)
    for name, value in values.items():
        values[name] = _weights(value, n_systems, what) if name == "weights" else _checked(name, value, what)
    return Fusion(spec.name, norm, values)


def _checked(name: str, value: float, what: str) -> float:
    low, high = _RANGES[name]
    if not low < value < high:
        raise UserError(f"{what}: {name}={value} does not fit: it must be a number above {low} and below {high}.")
    return value


def _weights(text: str, n_systems: int, what: str) -> list[float]:
    try:
        weights = [float(weight) for weight in re.split("[:,]", text)]
    except ValueError:
        weights = []
    if len(weights) != n_systems or not all(0 <= weight < math.inf for weight in weights) or not any(weights):
        raise UserError(
            f"{what}: weights={text} does not fit: give {n_systems} numbers of at least 0, not all of them 0, for "
            f"example weights={':'.join(['1'] * n_systems)}."
        )
    return weights
