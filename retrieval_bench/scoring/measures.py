"""Measures as values whose text form is their identity: `ndcg@10`, `map`, `recall@100`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bench_core.errors import UserError
from bench_core.plugins.arguments import did_you_mean
from bench_core.results.scores import ShownMeasure

# name -> (what people read, what ranx calls it, whether it needs a cut-off)
_KNOWN = {
    "ndcg": ("nDCG", "ndcg", False),
    "map": ("MAP", "map", False),
    "mrr": ("MRR", "mrr", False),
    "recall": ("Recall", "recall", True),
    "precision": ("P", "precision", True),
    "success": ("Success", "hit_rate", True),
    "rprec": ("Rprec", "r-precision", False),
    "judged": ("judged", "", True),
}


@dataclass(frozen=True)
class Measure:
    """A measure with its cut-off.

    All but `judged` equal trec_eval's: `ndcg` (linear gain, log2 discount: Järvelin & Kekäläinen 2002, as trec_eval's
    ndcg and ndcg_cut), `map`/`map_cut`, `mrr` (recip_rank), `recall`, `precision` (P), `success`, `rprec` (Rprec).
    `judged@k` is the share of the first k documents that have a judgment, whatever it says.
    """

    name: str
    cutoff: int | None = None

    @classmethod
    def parse(cls, text: str) -> Measure:
        """The measure of a text such as `nDCG@10`.

        Raises:
            UserError: an unknown name, a cut-off that is not a positive whole number, or one too few or too many.
        """
        name, separator, cutoff = text.lower().partition("@")
        if name not in _KNOWN:
            raise UserError(f"There is no measure {text!r}{did_you_mean(name, _KNOWN)}; known are {', '.join(_KNOWN)}.")
        if separator and (not re.fullmatch(r"[0-9]{1,9}", cutoff) or int(cutoff) == 0):
            raise UserError(f"{text!r}: the cut-off must be a whole number from 1, as in {name}@10.")
        if _KNOWN[name][2] and not separator:
            raise UserError(f"{text!r} needs a cut-off, as in {name}@10.")
        if name == "rprec" and separator:
            raise UserError(f"{text!r}: rprec has no cut-off; its depth is the number of relevant documents.")
        return cls(name, int(cutoff) if separator else None)

    def __str__(self) -> str:
        return self.name if self.cutoff is None else f"{self.name}@{self.cutoff}"

    @property
    def header(self) -> str:
        """The field's spelling, for tables."""
        spelling = _KNOWN[self.name][0]
        return spelling if self.cutoff is None else f"{spelling}@{self.cutoff}"

    @property
    def as_shown(self) -> ShownMeasure:
        """How tables and comparisons show it."""
        return ShownMeasure(str(self), self.header)

    @property
    def ranx_name(self) -> str:
        """What ranx calls it; empty for a measure of ours."""
        name = _KNOWN[self.name][1]
        return name if self.cutoff is None or not name else f"{name}@{self.cutoff}"


# What R2MED and CliniQ report between them, and how far the judgments reach.
DEFAULT_MEASURES = (
    *(Measure("ndcg", cutoff) for cutoff in (1, 3, 5, 10, 25, 50, 100)),
    *(Measure("map", cutoff) for cutoff in (None, 10, 100)),
    *(Measure("mrr", cutoff) for cutoff in (None, 10)),
    *(Measure("recall", cutoff) for cutoff in (10, 100)),
    *(Measure("precision", cutoff) for cutoff in (1, 5, 10)),
    Measure("success", 10),
    Measure("rprec"),
    Measure("judged", 10),
)

TABLE_MEASURES = (Measure("ndcg", 10), Measure("map"), Measure("mrr"), Measure("recall", 100), Measure("judged", 10))
"""The columns of a table where the user names none."""
