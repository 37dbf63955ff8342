"""Measures as values whose text form is their identity: `ndcg@10`, `map`, `recall(rel=2)@100`."""

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
# What ir_measures, trec_eval and ranx call them, in lower case.
_OTHER_NAMES = {
    "ndcg_cut": "ndcg",
    "ap": "map",
    "map_cut": "map",
    "rr": "mrr",
    "recip_rank": "mrr",
    "r": "recall",
    "p": "precision",
    "hit_rate": "success",
    "r-precision": "rprec",
}
# Those that look at grades, or at whether there is a judgment, and not at what is relevant.
_WITHOUT_LEVEL = ("ndcg", "judged")
# Also `P(rel=2)@5` of ir_measures, `recall@100(rel=2)`, `recall@100-l2` of ranx, `ndcg_cut_10` and `P.5` of trec_eval.
_FORM = re.compile(
    r"(?P<name>[a-z]+(?:[_-][a-z]+)*)"
    r"(?:\((?P<before>[^()]*)\))?"
    r"(?:[@_.](?P<cutoff>[^()@]*?))?"
    r"(?:\((?P<behind>[^()]*)\)|-l(?P<ranx>[0-9]+))?"
)
_LEVEL = re.compile(r"rel\s*=\s*([0-9]{1,9})")


@dataclass(frozen=True)
class Measure:
    """A measure with its cut-off.

    All but `judged` equal trec_eval's: `ndcg` (linear gain, log2 discount: Järvelin & Kekäläinen 2002, as trec_eval's
    ndcg and ndcg_cut), `map`/`map_cut`, `mrr` (recip_rank), `recall`, `precision` (P), `success`, `rprec` (Rprec).
    `judged@k` is the share of the first k documents that have a judgment, whatever it says.

    Attributes:
        level: the least relevance that counts as relevant (`trec_eval -l`); None: as the dataset has it, else 1.
    """

    name: str
    cutoff: int | None = None
    level: int | None = None

    @classmethod
    def parse(cls, text: str) -> Measure:
        """The measure of a text such as `nDCG@10` or `P(rel=2)@5`, or of another tool's name for it.

        Raises:
            UserError: an unknown name, a cut-off or relevance level that is not a positive whole number, or one too few
                or too many.
        """
        form = _FORM.fullmatch(text.strip().lower())
        written = form["name"] if form else text.lower().partition("@")[0]
        name = _OTHER_NAMES.get(written, written)
        if form is None or name not in _KNOWN:
            hint = did_you_mean(written, [*_KNOWN, *_OTHER_NAMES])
            raise UserError(f"There is no measure {text!r}{hint}; known are {', '.join(_KNOWN)}.")
        cutoff, level = form["cutoff"], _level(text, form, name)
        if cutoff is not None and (not re.fullmatch(r"[0-9]{1,9}", cutoff) or int(cutoff) == 0):
            raise UserError(f"{text!r}: the cut-off must be a whole number from 1, as in {name}@10.")
        if (_KNOWN[name][2] or written.endswith("_cut")) and cutoff is None:
            raise UserError(f"{text!r} needs a cut-off, as in {name}@10.")
        if name == "rprec" and cutoff is not None:
            raise UserError(f"{text!r}: rprec has no cut-off; its depth is the number of relevant documents.")
        return cls(name, None if cutoff is None else int(cutoff), level)

    def __str__(self) -> str:
        return self._written(self.name)

    @property
    def header(self) -> str:
        """The field's spelling, for tables."""
        return self._written(_KNOWN[self.name][0])

    def _written(self, name: str) -> str:
        level = "" if self.level is None else f"(rel={self.level})"
        return f"{name}{level}" if self.cutoff is None else f"{name}{level}@{self.cutoff}"

    @property
    def as_shown(self) -> ShownMeasure:
        """How tables and comparisons show it."""
        return ShownMeasure(str(self), self.header)

    @property
    def ranx_name(self) -> str:
        """What ranx calls it; empty for a measure of ours."""
        name = _KNOWN[self.name][1]
        return name if self.cutoff is None or not name else f"{name}@{self.cutoff}"

    def level_on(self, level: int) -> int:
        """The least relevance that counts as relevant, where the dataset's is `level`; 1 for measures of grades."""
        return 1 if self.name in _WITHOUT_LEVEL else self.level or level


def _level(text: str, form: re.Match[str], name: str) -> int | None:
    said = [part for part in (form["before"], form["behind"]) if part is not None]
    if form["ranx"] is not None:
        said.append(f"rel={form['ranx']}")
    if not said:
        return None
    found = _LEVEL.fullmatch(said[0].strip()) if len(said) == 1 else None
    if found is None or int(found[1]) == 0:
        raise UserError(f"{text!r}: expected one relevance level from 1 in parentheses, as in map(rel=2).")
    if name in _WITHOUT_LEVEL:
        raise UserError(f"{text!r}: {name} has no relevance level; it does not ask whether a document is relevant.")
    return int(found[1])


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
