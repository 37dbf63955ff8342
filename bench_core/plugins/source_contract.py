"""The contract of dataset sources that holds in both halves: cards, ids, and the same content whenever it is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from bench_core.identity import Json, canonical_json
from bench_core.plugins.contracts import unique


class Card(Protocol):
    """A dataset's card, as far as both halves have it."""

    @property
    def dataset_id(self) -> str:
        """What results are kept under."""

    @property
    def summary(self) -> str:
        """What `list` says of it."""


class Loaded(Protocol):
    """A dataset, as far as both halves have it."""

    @property
    def card(self) -> Card:
        """What is known of it before it is read."""

    @property
    def identity(self) -> Mapping[str, Json]:
        """What a run on it depends on."""


LoadedT = TypeVar("LoadedT", bound=Loaded)


class Source(Protocol):
    """A source of datasets, as far as both halves have it."""

    def cards(self) -> Sequence[Card]:
        """The datasets that can be named without further knowledge."""

    def load(self, name: str) -> Any:
        """The dataset of a name."""


class SourceContract(Generic[LoadedT]):
    """What every dataset source of both halves holds. A half adds its own points; a subclass of those gives `create`.

    Attributes:
        names: datasets to load, each what stands behind `source/`; none: all that the source has cards of.
    """

    names: Sequence[str] = ()

    def create(self) -> Source:
        """A new source, always with the same arguments."""
        raise NotImplementedError

    def scored_by(self, dataset: LoadedT) -> tuple[str, str]:
        """What its results are held against, in a word, and a hash of it."""
        raise NotImplementedError

    def test_cards_have_ids_of_their_own_and_say_what_they_are(self) -> None:
        cards = self.create().cards()
        unique("dataset_id", (card.dataset_id for card in cards))
        for card in cards:
            assert card.summary.strip(), f"the card of {card.dataset_id} has no summary"

    def test_a_dataset_is_the_same_whenever_it_is_loaded(self) -> None:
        for one, other in zip(self.loaded(), self.loaded(), strict=True):
            assert canonical_json(one.identity) == canonical_json(other.identity), (
                f"{one.card.dataset_id} has another identity when it is loaded again: its order or content changes"
            )
            what, sha256 = self.scored_by(one)
            assert (what, sha256) == self.scored_by(other), f"{one.card.dataset_id} has other {what} each time"

    def loaded(self) -> Iterator[LoadedT]:
        """The datasets to look at, loaded by a new source."""
        source = self.create()
        names = self.names or [card.dataset_id.partition("/")[2] for card in source.cards()]
        assert names, "the source has no cards; name a dataset of it, as file.py:Class/NAME"
        return (source.load(name) for name in names)
