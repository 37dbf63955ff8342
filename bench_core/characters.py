"""Characters that a text may not hold, and those that a terminal acts on, replaced."""

from __future__ import annotations

import re

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

_WITHIN_LINES = (
    "\\x00-\\x09\\x0b-\\x1f\\x7f-\\x9f"
    "\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f"
    "\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001"
    "\U000e0020-\U000e007f"
)
"""Control, format, line and paragraph separator characters (categories Cc, Cf, Zl, Zp of Unicode 16), no line end."""
_CONTROL = re.compile(f"[\\n{_WITHIN_LINES}]")
_CONTROL_WITHIN_LINES = re.compile(f"[{_WITHIN_LINES}]")


def whole_characters(text: str) -> str:
    """The text with U+FFFD in place of each half of a surrogate pair that stands alone.

    Such halves come of JSON whose writer cut a text between them. No file, tokenizer or foreign library takes them, and
    U+FFFD is what Unicode sets for what cannot be decoded (The Unicode Standard, section 3.9).
    """
    return text if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)


def printable(text: str) -> str:
    r"""One line of text with what a terminal would act on written out: `\x1b`, `\n`, `\u202e`.

    An escape sequence in a model's answer moves the cursor, a direction mark turns what stands behind it around. All
    that is printed of queries, documents, statements, names and errors goes through here or `printable_lines`.
    """
    return text if text.isascii() and text.isprintable() else _CONTROL.sub(_written_out, text)


def printable_lines(text: str) -> str:
    """`printable` for a text of several lines, which stay apart."""
    return _CONTROL_WITHIN_LINES.sub(_written_out, text)


def printable_json(text: str) -> str:
    r"""JSON whose line ends are its own layout, with such characters within its texts as `\u009b`: the same content."""
    if text.isascii() and "\x7f" not in text:
        return text
    return _CONTROL_WITHIN_LINES.sub(_json_escaped, text)


def _written_out(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def _json_escaped(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[place : place + 2].hex()}" for place in range(0, len(units), 2))
