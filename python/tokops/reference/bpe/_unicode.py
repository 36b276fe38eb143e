# SPDX-License-Identifier: Apache-2.0
"""Unicode 16.0.0 classes of code points, expanded from the committed runs at first use.

``classes()[c]`` holds the bits that the scanners test; ``ranges(property)`` gives inclusive code-point ranges of a
general category ("L", "Lu"), "Han", "White_Space" or "word" for patterns that go to a regex engine.
"""

from __future__ import annotations

import base64
import zlib
from functools import cache
from itertools import groupby

from . import _unicode_data as data

UPPER, LOWER, CASELESS, MARK, NUMBER, SYMBOL, SPACE, HAN = (1 << bit for bit in range(8))
LETTER = UPPER | LOWER | CASELESS
_BITS = {"Lu": UPPER, "Lt": UPPER, "Ll": LOWER, "Lm": CASELESS, "Lo": CASELESS}
_BITS_OF_MAJOR = {"M": MARK, "N": NUMBER, "P": SYMBOL, "S": SYMBOL}
_SPACES = [
    *range(0x9, 0xE),
    0x20,
    0x85,
    0xA0,
    0x1680,
    *range(0x2000, 0x200B),
    0x2028,
    0x2029,
    0x202F,
    0x205F,
    0x3000,
]
Ranges = list[tuple[int, int]]


@cache
def classes() -> bytes:
    """Class bits of every code point; a byte that is no UTF-8, written U+DC80..DCFF, has those of U+FFFD."""
    bits = bytes(_BITS.get(name) or _BITS_OF_MAJOR.get(name[0], 0) for name in data.NAMES)
    table = bytearray(_expand(data.CATEGORIES).translate(bits.ljust(256, b"\0")))
    for start, end in ranges("Han"):
        table[start : end + 1] = bytes(value | HAN for value in table[start : end + 1])
    for code in _SPACES:
        table[code] |= SPACE
    table[0xDC80:0xDD00] = bytes([table[0xFFFD]]) * 128
    return bytes(table)


@cache
def ranges(name: str) -> Ranges:
    """Inclusive ranges of code points; KeyError for a property without a table."""
    if name == "White_Space":
        return _runs(bytes(code in set(_SPACES) for code in range(0x3001)))
    if name in ("Han", "word"):
        return _runs(_expand(data.HAN if name == "Han" else data.WORD))
    chosen = bytes(category == name or category[0] == name for category in data.NAMES)
    if not any(chosen):
        raise KeyError(name)
    return _runs(_expand(data.CATEGORIES).translate(chosen.ljust(256, b"\0")))


def _expand(packed: bytes) -> bytes:
    """One byte per code point from base85 of zlib of runs: length in base 128, then the value."""
    runs = iter(zlib.decompress(base64.b85decode(packed)))
    out = bytearray()
    for digit in runs:
        length, shift = digit & 127, 7
        while digit & 128:
            digit = next(runs)
            length |= (digit & 127) << shift
            shift += 7
        out += bytes([next(runs)]) * length
    return bytes(out)


def _runs(flags: bytes) -> Ranges:
    found, start = [], 0
    for value, group in groupby(flags):
        end = start + sum(1 for _ in group)
        if value:
            found.append((start, end - 1))
        start = end
    return found
