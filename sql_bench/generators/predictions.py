"""Predictions as they are stored in `predictions.jsonl`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bench_core.runs.item_lines import Item
from bench_core.runs.items import ItemKind
from sql_bench.types import Prediction, PredictionStatus

_MEASURED = ("seconds",)
"""What of a prediction's usage differs from one making to the next."""

_RARE = ("cut", "cut_off")
"""Fields that a line has only where they say something."""


def prediction_item(prediction: Prediction) -> Item:
    """A prediction as it is stored; text that is not Unicode (a lone surrogate) is replaced."""
    usage = {name: value for name, value in prediction.usage.items() if name not in _MEASURED}
    measured = {name: value for name, value in prediction.usage.items() if name in _MEASURED}
    content = {**asdict(prediction), "usage": usage}
    for name in _RARE:
        if not content[name]:
            del content[name]
    return Item(_storable(content), measured)


def prediction_of(item: Item) -> Prediction:
    """The prediction of a stored item.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    content = dict(item.content)
    usage = {**content.pop("usage"), **item.measured}
    return Prediction(**{**content, "status": PredictionStatus(content["status"]), "usage": usage})


PREDICTIONS: ItemKind[Prediction] = ItemKind("predictions.jsonl", ("question_id",), prediction_of)


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_storable(name): _storable(content) for name, content in value.items()}
    if isinstance(value, Sequence):
        return [_storable(content) for content in value]
    return value
