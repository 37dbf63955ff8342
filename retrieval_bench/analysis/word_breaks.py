"""Split text into words as Lucene's StandardTokenizer does: the word breaks of Unicode 12.1, with its own rules.

Source of the rules: Unicode Standard Annex 29, section 4.1 (word boundary rules), and Unicode Technical Standard 51,
section 1.4 (emoji sequences); where StandardTokenizer of Lucene 9 departs from them, what it was seen to do on every
sequence of up to four classes (six within related classes). Each text position starts the longest word that begins
there; what begins no word is passed over.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from importlib.resources import files
from itertools import accumulate

from retrieval_bench.analysis.memo import Memo

MAX_UNITS = 255
"""A word ends after this many UTF-16 units, and its rest is a new word (StandardAnalyzer.DEFAULT_MAX_TOKEN_LENGTH)."""

CLASS_CODES = {
    "letter": "a",  # ALetter, Hangul among them
    "hebrew_letter": "h",
    "emoji_letter": "e",  # ALetter that may also begin an emoji: ℹ, Ⓜ, 🅰 …
    "number": "n",
    "katakana": "k",
    "ideograph": "i",  # Han and Hiragana: a word each
    "complex": "c",  # South East Asian scripts, written without spaces: a run is one word
    "complex_mark": "m",  # … and their combining marks
    "mark": "x",  # Extend and Format: belongs to what stands before it
    "joiner": "j",  # U+200D
    "text_style": "t",  # U+FE0E
    "emoji_style": "v",  # U+FE0F
    "skin_tone": "s",
    "keycap": "q",  # U+20E3
    "tag": "g",  # U+E0020 to U+E007E
    "tag_end": "z",  # U+E007F
    "pictograph": "p",
    "regional_indicator": "r",  # two of them make a flag
    "keycap_base": "b",  # number sign and asterisk
    "connector": "_",  # ExtendNumLet, U+202F among them
    "mid_letter": ":",
    "mid_number": ",",
    "mid_either": ".",
    "apostrophe": "'",
    "quote": '"',
}
"""One character for each class of code points that the rules tell apart, to write the rules in."""

_NO_CLASS = "-"

_MARKS = "[xjtvmsqgz]*+"
_CONNECTORS = f"(?:_{_MARKS})"
_LETTER = f"[ahe]{_MARKS}"
_NUMBER = f"n{_MARKS}"
_HEBREW = f"h{_MARKS}(?:'{_MARKS}|\"{_MARKS}h{_MARKS})"
_PIECE = f"(?:{_HEBREW}|{_LETTER}(?:[.:']{_MARKS}{_LETTER})*|{_NUMBER}(?:[.,']{_MARKS}{_NUMBER})*)"
_KATAKANA = f"k{_MARKS}"
_RUN = f"(?:{_PIECE}(?:{_CONNECTORS}*{_PIECE})*|{_KATAKANA}(?:{_CONNECTORS}*{_KATAKANA})*)"
_WORD = f"{_CONNECTORS}*{_RUN}(?:{_CONNECTORS}+{_RUN})*{_CONNECTORS}*"
_ONE_SCRIPT = f"(?:[cm]{_MARKS})+|i{_MARKS}|r{_MARKS}r{_MARKS}"

_GLUED = "[xjmsqgz]*"  # marks but the two style selectors
_IMAGE = f"(?:j*[pe]{_GLUED}v?|s{_GLUED})"
_FLAG = f"j*[pe]{_GLUED}vg+z"
_EMOJI = f"{_FLAG}|{_IMAGE}(?:(?:(?<=j)|j){_IMAGE})*|b{_GLUED}v?q{_GLUED}"

_LONGEST = re.compile(f"{_WORD}|{_ONE_SCRIPT}|{_EMOJI}")
"""No two alternatives begin with one class, but for emoji letters: where one stands, `_EMOJI_FIRST` is tried too."""

_EMOJI_FIRST = re.compile(_EMOJI)


def words(chunk: str) -> list[str]:
    """The words of a text, as they stand in it; best given pieces from between spaces, which no word reaches over."""
    classes = "".join(map(_class_codes.__getitem__, chunk))
    if len(chunk) > MAX_UNITS // 2 or "e" in classes:
        spans = _careful_spans(chunk, classes)
    else:
        spans = (match.span() for match in _LONGEST.finditer(classes))
    return [chunk[start:end] for start, end in spans]


def belongs_to_words(character: str) -> bool:
    """Whether a word may hold the character; one that none may hold ends the word before it."""
    return _class_codes[character] != _NO_CLASS


def _careful_spans(chunk: str, classes: str) -> Iterator[tuple[int, int]]:
    """As `_LONGEST.finditer`, but no word of more than MAX_UNITS, and the longer one where an emoji letter starts two.

    The tokenizer sees MAX_UNITS from a word's start and no further, so that a rule may fail for what lies behind them.
    """
    units_before = list(accumulate((1 + (character > "\uffff") for character in chunk), initial=0))
    start = 0
    while start < len(chunk):
        limit = bisect_right(units_before, units_before[start] + MAX_UNITS) - 1
        ends = [found.end() for rule in (_LONGEST, _EMOJI_FIRST) if (found := rule.match(classes, start, limit))]
        if ends:
            yield start, max(ends)
        start = max(ends, default=start + 1)


def _class_code(character: str) -> str:
    row = bisect_right(_FIRSTS, ord(character)) - 1
    return _CODES[row] if row >= 0 and ord(character) <= _LASTS[row] else _NO_CLASS


def _read_ranges() -> tuple[list[int], list[int], list[str]]:
    """The first and last code point and the class of each range in `word_break_classes.tsv`, ascending."""
    table = files("retrieval_bench.analysis").joinpath("word_break_classes.tsv").read_text("utf-8")
    rows = [line.split("\t") for line in table.splitlines() if not line.startswith("#")]
    return (
        [int(first, 16) for first, _, _ in rows],
        [int(last, 16) for _, last, _ in rows],
        [CLASS_CODES[name] for _, _, name in rows],
    )


_FIRSTS, _LASTS, _CODES = _read_ranges()
_class_codes: Memo[str, str] = Memo(_class_code)
