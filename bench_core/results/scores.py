"""The result types of both halves: scores with their items, and figures that were reported without any.

Statistics, comparisons, tables and reports read these two and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from bench_core.errors import BenchError
from bench_core.identity import Json, identity_hash
from bench_core.results.intervals import Figure, figure

Values = Mapping[str, float | None]
"""Item -> value; None where the measure does not apply to the item. An item that is absent was not run."""


@dataclass(frozen=True)
class ShownMeasure:
    """A measure as tables and comparisons show it.

    Attributes:
        name: what it is called in `ItemScores.values`.
        header: the column head.
        column: the key in CSV and JSON; the empty string: its name.
        difference: the key of a difference of two systems.
        scale: what a value is multiplied with to be shown: 100 for percent.
        decimals: digits behind the point.
    """

    name: str
    header: str
    column: str = ""
    difference: str = "difference"
    scale: float = 1.0
    decimals: int = 4

    @property
    def key(self) -> str:
        """The column's key in CSV and JSON."""
        return self.column or self.name

    def shown(self, value: float | None) -> float | None:
        """A value as a table prints it."""
        if value is None or self.scale == 1.0:
            return value
        return self.scale * value


@dataclass(frozen=True)
class ItemScores:
    """A system on a dataset: what it scores on each item, and what that comes to.

    Attributes:
        dataset: the dataset_id.
        system: what tables call the system.
        values: measure -> item -> value. The items of a measure are its denominator but for those with None.
        figures: measure -> mean and interval, computed once when the scores are made and stored beside them.
        item: what an item is called, in the singular: query, question.
        content: tells datasets of one name apart.
        rule: by what the items were judged where there are several ways (the comparator); the empty string elsewhere.
        labels: label -> item -> text (query type, category, template, verdict); an item without one is absent.
        units: labels whose values hang together (questions of one template); resampling and intervals go by them.
            Without any the items are independent; two are crossed.
        counts: what is counted beside the measures, over all items.
        usage: what was used, by kind: requests, prompt_tokens, completion_tokens, generation_seconds.
        cost: US dollars; None where it is not known.
        notes: what a reader of the figures should know.
        folder: where the files lie that the scores were made from; None for scores that were not stored.
        older: an earlier version of the suite wrote the files.
    """

    dataset: str
    system: str
    values: Mapping[str, Values]
    figures: Mapping[str, Figure]
    item: str = "item"
    content: str = ""
    rule: str = ""
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    units: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    usage: Mapping[str, float] = field(default_factory=dict)
    cost: float | None = None
    notes: Sequence[str] = ()
    folder: Path | None = None
    older: bool = False

    @property
    def kept_in(self) -> Path:
        """The folder of the scores.

        Raises:
            BenchError: they are not kept.
        """
        if self.folder is None:
            raise BenchError(f"The scores of {self.system} on {self.dataset} are not kept in a folder.")
        return self.folder

    def figure(self, measure: str) -> Figure | None:
        """A measure's mean with its interval; None where the measure was not computed."""
        return self.figures.get(measure)

    def units_of(self, items: Sequence[str]) -> list[list[str]]:
        """For each unit the clusters that items belong to; an item without the label is a cluster of its own."""
        return unit_labels(items, self.labels, self.units)


@dataclass(frozen=True)
class ReportedScores:
    """Figures published or made elsewhere, without the items behind them: shown, ranked, compared by difference.

    Attributes:
        dataset: the dataset_id.
        system: what tables call the system.
        means: measure -> figure, on the scale of `ItemScores` (a share, not percent).
        source: where they were reported; it stands in the reason why they have no interval.
        notes: what a reader of the figures should know.
    """

    dataset: str
    system: str
    means: Mapping[str, float]
    source: str
    content: str = ""
    rule: str = ""
    notes: Sequence[str] = ()

    def figure(self, measure: str) -> Figure | None:
        """A measure's figure, without interval; None where it was not reported."""
        mean = self.means.get(measure)
        return None if mean is None else Figure(mean, None, estimator=f"reported in {self.source}")

    @property
    def why_no_interval(self) -> str:
        """One sentence for a table's notes."""
        return f"{self.system}: figures reported in {self.source}, without items: no interval and no test."


AnyScores = ItemScores | ReportedScores
SomeScores = TypeVar("SomeScores", ItemScores, ReportedScores, AnyScores)


def content_of(dataset_identity: Mapping[str, Json]) -> str:
    """What tells datasets of one name apart: the beginning of their identity's hash."""
    return identity_hash(dataset_identity)[:8]


def with_datasets_told_apart(scores: Sequence[SomeScores]) -> list[SomeScores]:
    """The same scores; where datasets that differ have one name, each carries its hash too."""
    contents: dict[str, set[str]] = {}
    for found in scores:
        contents.setdefault(found.dataset, set()).add(found.content)
    return [
        replace(found, dataset=f"{found.dataset} ({found.content})") if len(contents[found.dataset]) > 1 else found
        for found in scores
    ]


class NamedDataset(Protocol):
    """What a dataset of either half says of itself."""

    @property
    def card(self) -> NamedCard: ...

    @property
    def identity(self) -> Mapping[str, Json]: ...


class NamedCard(Protocol):
    """The part of a dataset's card that results stand under."""

    @property
    def dataset_id(self) -> str: ...


def on_dataset(scores: Sequence[ItemScores], text: str, load: Callable[[str], NamedDataset]) -> list[ItemScores]:
    """The scores on the dataset that a user names, as tables name it or as `run -d` takes it.

    Args:
        load: the dataset of what `run -d` takes; it is read only where datasets that differ share its name.

    Raises:
        UserError: the text names no dataset.
    """
    named = [found for found in with_datasets_told_apart(scores) if found.dataset == text]
    if not named:
        dataset = load(text)
        named = [found for found in scores if found.dataset == dataset.card.dataset_id]
        if len({found.content for found in named}) > 1:
            named = [found for found in named if found.content == content_of(dataset.identity)]
    return named


def figures_of(
    values: Mapping[str, Values],
    labels: Mapping[str, Mapping[str, str]] | None = None,
    units: Sequence[str] = (),
    bounds: Mapping[str, tuple[float, float]] | None = None,
) -> dict[str, Figure]:
    """The mean and interval of each measure.

    Args:
        values: measure -> item -> value.
        labels: label -> item -> text.
        units: labels whose values hang together.
        bounds: what a measure cannot leave, by measure.
    """
    found = {}
    for measure, by_item in values.items():
        clusters = unit_labels(list(by_item), labels or {}, units)
        found[measure] = figure(list(by_item.values()), clusters, units, (bounds or {}).get(measure))
    return found


def unit_labels(items: Sequence[str], labels: Mapping[str, Mapping[str, str]], units: Sequence[str]) -> list[list[str]]:
    """For each unit the clusters that items belong to; an item without the label is a cluster of its own."""
    # A prefix keeps an item's id from being taken for a label that reads alike.
    return [
        [f"={labels[unit][item]}" if item in labels.get(unit, {}) else f"#{item}" for item in items] for unit in units
    ]


def figures_to_json(figures: Mapping[str, Figure]) -> dict[str, Json]:
    """Figures as they are stored, by measure."""
    return {measure: asdict(found) for measure, found in figures.items()}


def figures_from_json(content: Mapping[str, Mapping[str, Any]]) -> dict[str, Figure]:
    """Figures as they were stored.

    Raises:
        TypeError: the content is not what `figures_to_json` makes.
    """
    return {measure: Figure(**found) for measure, found in content.items()}


def by_label(labels_of_items: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Item -> label -> text, turned around to label -> item -> text."""
    found: dict[str, dict[str, str]] = {}
    for item, texts in labels_of_items.items():
        for label, text in texts.items():
            found.setdefault(label, {})[item] = text
    return found
