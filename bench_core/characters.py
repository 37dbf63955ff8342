"""Characters that a text may not hold, replaced."""

from __future__ import annotations

import re

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def whole_characters(text: str) -> str:
    """The text with U+FFFD in place of each half of a surrogate pair that stands alone.

    Such halves come of JSON whose writer cut a text between them. No file, tokenizer or foreign library takes them, and
    U+FFFD is what Unicode sets for what cannot be decoded (The Unicode Standard, section 3.9).
    """
    return text if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)
