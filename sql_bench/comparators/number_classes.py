"""Numbers sorted into classes, so that numbers which may agree share one and can be found by hashing.

Tolerance is not transitive: that two numbers share a class is necessary for them to agree, not sufficient.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping

from sql_bench.comparators.equality import Number, ValueRules


def representatives(values: Iterable[Hashable], rules: ValueRules) -> Mapping[Number, Number]:
    """For each number that shares its class with another the number that stands for the class.

    A class is a connected component of the graph whose edges are the pairs that agree. Among sorted numbers of one
    kind neighbours suffice: whatever lies between two numbers that agree agrees with both. Whole numbers do not agree
    with each other, so a whole number joins the classes of the nearest other numbers on both of its sides.

    Args:
        values: canonical values; numbers are also looked for inside lists and structs.
        rules: the tolerances.
    """
    numbers = _numbers(values)
    if not rules.loose_integers and not any(isinstance(number, float) for number in numbers):
        return {}
    chains: dict[Number, Number] = {}
    last_real: Number | None = None
    wholes: list[Number] = []  # whole numbers since the last real one, ascending
    for number in sorted(numbers):
        near_last = last_real is not None and rules.close(last_real, number)
        if isinstance(number, int) and not rules.loose_integers:
            chains[number] = chains[last_real] if last_real is not None and near_last else number
            wholes.append(number)
            continue
        joined = [whole for whole in wholes if rules.close(whole, number)]
        bridged = last_real is not None and any(chains[whole] == chains[last_real] for whole in joined)
        chains[number] = chains[last_real] if last_real is not None and (near_last or bridged) else number
        for whole in joined:
            chains[whole] = chains[number]
        last_real, wholes = number, []
    return {number: chain for number, chain in chains.items() if number != chain}


def class_key(value: Hashable, stands_for: Mapping[Number, Number]) -> Hashable:
    """A canonical value with each number replaced by the one that stands for its class."""
    if isinstance(value, tuple):
        return tuple(class_key(item, stands_for) for item in value)
    return stands_for.get(value, value)  # type: ignore[call-overload,no-any-return]  # only numbers are keys


def _numbers(values: Iterable[Hashable]) -> set[Number]:
    found: set[Number] = set()
    for value in values:
        if isinstance(value, int | float):
            found.add(value)
        elif isinstance(value, tuple):
            found |= _numbers(value)
    return found
