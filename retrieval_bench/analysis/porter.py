"""The Porter stemmer as Lucene has it.

Source: M. F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980, with the three departures of the
author's own later implementation: words of one or two letters stay, -bli becomes -ble, and -logi becomes -log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class _Kinds(dict[int, str]):
    """For `str.translate`: a vowel to v, anything else to c; y is decided by what stands before it."""

    def __missing__(self, code_point: int) -> str:
        self[code_point] = "c"
        return "c"


_KINDS = _Kinds({ord(vowel): "v" for vowel in "aeiou"})

_Endings = Sequence[tuple[str, str]]
"""Endings and their replacements, longest first."""


def _endings(replacements: Mapping[str, str]) -> Mapping[str, _Endings]:
    """By their last two letters: one look settles most words."""
    by_last_letters: dict[str, list[tuple[str, str]]] = {}
    for ending in sorted(replacements, key=len, reverse=True):
        by_last_letters.setdefault(ending[-2:], []).append((ending, replacements[ending]))
    return by_last_letters


_STEP_2 = _endings(
    {
        "ational": "ate", "tional": "tion", "enci": "ence", "anci": "ance", "izer": "ize", "bli": "ble", "alli": "al",
        "entli": "ent", "eli": "e", "ousli": "ous", "ization": "ize", "ation": "ate", "ator": "ate", "alism": "al",
        "iveness": "ive", "fulness": "ful", "ousness": "ous", "aliti": "al", "iviti": "ive", "biliti": "ble",
        "logi": "log",
    }
)  # fmt: skip
_STEP_3 = _endings({"icate": "ic", "ative": "", "alize": "al", "iciti": "ic", "ical": "ic", "ful": "", "ness": ""})
_STEP_4 = _endings(
    {
        "al": "", "ance": "", "ence": "", "er": "", "ic": "", "able": "", "ible": "", "ant": "", "ement": "",
        "ment": "", "ent": "", "ion": "", "ou": "", "ism": "", "ate": "", "iti": "", "ous": "", "ive": "", "ize": "",
    }
)  # fmt: skip


def stem(word: str) -> str:
    """The stem of a lower-case word; letters other than a, e, i, o, u and y count as consonants."""
    if len(word) <= 2:
        return word
    # Each step is entered only by words whose last letters it may change.
    if word[-1] == "s":
        word = _without_plural(word)
    if word[-1] in "dg":
        word = _without_participle(word)
    if word[-1] == "y" and "v" in _kinds(word[:-1]):
        word = word[:-1] + "i"
    if endings := _STEP_2.get(word[-2:]):
        word = _replaced(word, endings, more_than=0)
    if endings := _STEP_3.get(word[-2:]):
        word = _replaced(word, endings, more_than=0)
    if (endings := _STEP_4.get(word[-2:])) and (not word.endswith("ion") or word.endswith(("sion", "tion"))):
        word = _replaced(word, endings, more_than=1)
    return _without_final_e(word) if word[-1] in "el" else word


def _kinds(word: str) -> str:
    """A c or v for each letter; y is a vowel behind a consonant and a consonant elsewhere."""
    kinds = word.translate(_KINDS)
    position = word.find("y", 1)
    while position > 0:
        if kinds[position - 1] == "c":
            kinds = f"{kinds[:position]}v{kinds[position + 1 :]}"
        position = word.find("y", position + 1)
    return kinds


def _measure(word: str) -> int:
    """Porter's m: how often a vowel is followed by a consonant."""
    return _kinds(word).count("vc")


def _ends_in_double_consonant(word: str) -> bool:
    return len(word) >= 2 and word[-1] == word[-2] and _kinds(word)[-1] == "c"


def _ends_like_hop(word: str) -> bool:
    """Porter's *o: consonant, vowel, consonant, the last not w, x or y."""
    return _kinds(word)[-3:] == "cvc" and word[-1] not in "wxy"


def _without_plural(word: str) -> str:
    """Step 1a, of a word that ends in s."""
    if word.endswith(("sses", "ies")):
        return word[:-2]
    return word if word.endswith("ss") else word[:-1]


def _without_participle(word: str) -> str:
    """Step 1b."""
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    for suffix in ("ed", "ing"):
        if word.endswith(suffix):
            rest = word[: -len(suffix)]
            return _with_ending_repaired(rest) if "v" in _kinds(rest) else word
    return word


def _with_ending_repaired(word: str) -> str:
    if word.endswith(("at", "bl", "iz")):
        return word + "e"
    if _ends_in_double_consonant(word):
        return word if word[-1] in "lsz" else word[:-1]
    return word + "e" if _measure(word) == 1 and _ends_like_hop(word) else word


def _replaced(word: str, endings: _Endings, more_than: int) -> str:
    """Steps 2 to 4: the longest of the endings replaced, if the measure of what stands before it allows it."""
    for ending, replacement in endings:
        if word.endswith(ending):
            rest = word[: -len(ending)]
            return rest + replacement if _measure(rest) > more_than else word
    return word


def _without_final_e(word: str) -> str:
    """Step 5."""
    if word.endswith("e"):
        measure = _measure(word)
        if measure > 1 or (measure == 1 and not _ends_like_hop(word[:-1])):
            word = word[:-1]
    return word[:-1] if word.endswith("ll") and _measure(word) > 1 else word
