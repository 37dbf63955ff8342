"""Checks of dataset cards: every field holds what its annotation says, whoever wrote the card."""

from __future__ import annotations

import types
import typing
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any

from bench_core.data_use import check_access
from bench_core.errors import UserError
from bench_core.plugins.arguments import values_of
from bench_core.plugins.returns import kind_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def check_fields(card: DataclassInstance) -> None:
    """Refuse a card of which a field holds something else than it should; its access first, by which texts may leave.

    Raises:
        UserError: names the dataset and the field, what it must be and what it is.
    """
    hints = _hints(type(card))
    values = {field.name: getattr(card, field.name) for field in fields(card)}
    name = values.get("dataset_id")
    check_access(str(name), values["access"])
    for field, value in values.items():
        if not _fits(value, hints[field]):
            shown = f"the text {value!r:.40}" if isinstance(value, str) else kind_of(value)
            raise UserError(
                f"{name if isinstance(name, str) else 'The card of a dataset'}: {field} is {shown}; it must be "
                f"{values_of(hints[field])}."
            )


@cache
def _hints(cls: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _fits(value: object, annotation: Any) -> bool:
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return value in typing.get_args(annotation)
    if origin in (types.UnionType, typing.Union):
        return any(_fits(value, part) for part in typing.get_args(annotation))
    if annotation is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, origin or annotation)
