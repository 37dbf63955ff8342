"""Whole numbers that a question states, in digits or in English words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_DIGITS = re.compile(r"(?<![\w.,^-])(\d{1,3}(?:,\d{3})+|\d+)(?![\w%]|[.,^]\d|\s*%)")
_WORDS = re.compile(r"[a-z]+", re.IGNORECASE)

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL = {word: value for value, word in enumerate(_WORDS.findall(_ONES))} | {
    word: 10 * value for value, word in enumerate(_WORDS.findall(_TENS), start=2)
}
_SCALES = {"thousand": 1_000, "million": 1_000_000}


def stated_numbers(text: str) -> frozenset[int]:
    """All whole numbers in a text: `10`, `1,000`, `ten`, `two hundred and fifty`; not 5e-8, 0.05, 10 % or TP53."""
    digits = {int(match.group(1).replace(",", "")) for match in _DIGITS.finditer(text)}
    return frozenset(digits | set(_numbers_in_words(_WORDS.findall(text.lower()))))


def _numbers_in_words(words: Iterable[str]) -> Iterator[int]:
    """The value of each run of number words; `and` and `a` join a run, they do not make one."""
    run: list[str] = []
    for word in [*words, ""]:
        if word in _SMALL or word == "hundred" or word in _SCALES:
            run.append(word)
        elif run and word != "and":
            yield _value(run)
            run = []


def _value(run: Iterable[str]) -> int:
    total = part = 0
    for word in run:
        if word in _SMALL:
            part += _SMALL[word]
        elif word == "hundred":
            part = (part or 1) * 100
        else:
            total += (part or 1) * _SCALES[word]
            part = 0
    return total + part
