"""Damages to stored files, drawn by a seed: bits, blocks, lengths, and changes within JSON that stay JSON."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path

from mutations import changed_value

Damage = Callable[[random.Random, bytes], bytes]


def _flipped(draw: random.Random, content: bytes) -> bytes:
    if not content:
        return b"\x00"
    place = draw.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << draw.randrange(8)]) + content[place + 1 :]


def _overwritten(draw: random.Random, content: bytes) -> bytes:
    place, length = draw.randrange(len(content) + 1), draw.choice((1, 16, 512))
    return content[:place] + draw.randbytes(length) + content[place + length :]


def _zeroed(draw: random.Random, content: bytes) -> bytes:
    place, length = draw.randrange(len(content) + 1), draw.choice((16, 512, 4096))
    return content[:place] + bytes(min(length, len(content) - place)) + content[place + length :]


def _cut(draw: random.Random, content: bytes) -> bytes:
    return content[: draw.randrange(len(content) + 1)]


def _lengthened(draw: random.Random, content: bytes) -> bytes:
    return content + draw.choice((b"\n", b"{}\n", b"null\n", draw.randbytes(40), content[-200:]))


def _replaced(draw: random.Random, content: bytes) -> bytes:
    return draw.choice((b"", b"{}", b"[]", b"null\n", b"7", b'"x"', b"[" * 100_000, b"\xff\xfe", b"9" * 6_000))


def _lines_moved(draw: random.Random, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    if len(lines) < 2:
        return content + content
    first, second = draw.sample(range(len(lines)), 2)
    changes = draw.randrange(3)
    if changes == 0:
        lines[first], lines[second] = lines[second], lines[first]
    elif changes == 1:
        del lines[first]
    else:
        lines.insert(first, lines[second])
    return b"".join(lines)


def _value_changed(draw: random.Random, content: bytes) -> bytes:
    """Change, drop or add one value somewhere within JSON or one of several lines of it."""
    lines = content.splitlines(keepends=True)
    place = draw.randrange(len(lines)) if lines and lines[0].rstrip().endswith(b"}") else None
    try:
        value = json.loads(lines[place] if place is not None else content)
    except (ValueError, RecursionError, UnicodeDecodeError):
        return _digit_changed(draw, content)
    changed = json.dumps(changed_value(value, draw), ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "replace"
    )
    if place is None:
        return changed
    return b"".join([*lines[:place], changed + b"\n", *lines[place + 1 :]])


def _digit_changed(draw: random.Random, content: bytes) -> bytes:
    digits = [place for place, byte in enumerate(content[:100_000]) if 48 <= byte <= 57]
    if not digits:
        return _flipped(draw, content)
    place = draw.choice(digits)
    return content[:place] + str((content[place] - 47) % 10).encode() + content[place + 1 :]


def _packed_anew(draw: random.Random, content: bytes) -> bytes:
    """What a gzipped file holds, changed and packed again."""
    try:
        return gzip.compress(_digit_changed(draw, gzip.decompress(content)), mtime=0)
    except (OSError, EOFError, ValueError):
        return _flipped(draw, content)


DAMAGES: tuple[Damage, ...] = (
    _flipped,
    _overwritten,
    _zeroed,
    _cut,
    _lengthened,
    _replaced,
    _lines_moved,
    _value_changed,
    _value_changed,
    _digit_changed,
    _packed_anew,
)


def damage(draw: random.Random, path: Path) -> str:
    """Damage a file in one of the ways, or delete it; returns which."""
    if draw.random() < 0.05:
        path.unlink()
        return "deleted"
    way = draw.choice(DAMAGES)
    content = path.read_bytes()
    changed = way(draw, content)
    path.write_bytes(changed)
    return way.__name__.strip("_")
