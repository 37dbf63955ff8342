"""`predictions.jsonl`: one prediction a line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from bench_core.identity import Json
from sql_bench.types import Prediction, PredictionStatus

PREDICTIONS = "predictions.jsonl"


def prediction_to_json(prediction: Prediction) -> dict[str, Json]:
    """A prediction as a JSON object; text that is not Unicode (a lone surrogate) is replaced."""
    return {key: _storable(value) for key, value in asdict(prediction).items()}


def prediction_from_json(item: Mapping[str, Any]) -> Prediction:
    """The prediction a line holds."""
    return Prediction(**{**item, "status": PredictionStatus(item["status"])})


def _storable(value: Any) -> Json:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
