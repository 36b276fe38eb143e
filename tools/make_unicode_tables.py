# SPDX-License-Identifier: Apache-2.0
r"""Make the pinned Unicode 16.0.0 tables of the bpe family: one for Python, one for C++.

Usage: ``python tools/make_unicode_tables.py [--check]`` in an environment with ``unicodedata2==16.0.0``
(general categories), ``fonttools==4.55.0`` (script Han) and ``tiktoken==0.14.0`` (its engine says which code
points ``\w`` matches; White_Space is the list of the standard). ``--check`` compares instead of writing.
Both outputs are run lengths over U+0000..U+10FFFF and carry the sha256 of the 0x110000 expanded class bytes.
"""

from __future__ import annotations

import base64
import hashlib
import sys
import zlib
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / "python/tokops/reference/bpe/_unicode_data.py"
CPP = ROOT / "cpp/bpe/unicode_data.cpp"
SIZE = 0x110000
CATEGORIES = tuple(
    "Cc Cf Cn Co Cs Ll Lm Lo Lt Lu Mc Me Mn Nd Nl No Pc Pd Pe Pf Pi Po Ps Sc Sk Sm So Zl Zp Zs".split()  # noqa: SIM905 - thirty quoted names read worse
)
SPACES = [
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
UPPER, LOWER, CASELESS, MARK, NUMBER, SYMBOL, SPACE, HAN = (1 << bit for bit in range(8))
BITS = {"Lu": UPPER, "Lt": UPPER, "Ll": LOWER, "Lm": CASELESS, "Lo": CASELESS, "M": MARK, "N": NUMBER, "P": SYMBOL,
        "S": SYMBOL}  # fmt: skip


def main(arguments: list[str]) -> int:
    """Write or check both files."""
    categories, han, word = general_categories(), han_flags(), word_flags()
    classes = class_bytes(categories, han)
    outputs = {PYTHON: python_text(categories, han, word, classes), CPP: cpp_text(classes)}
    for path, text in outputs.items():
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
        elif path.read_text(encoding="utf-8") != text:
            print(f"{path.relative_to(ROOT)} differs from what this script makes")
            return 1
    return 0


def general_categories() -> bytes:
    """Index into CATEGORIES for each code point."""
    import unicodedata2

    if unicodedata2.unidata_version != "16.0.0":
        raise SystemExit("make_unicode_tables: needs unicodedata2==16.0.0")
    place = {name: index for index, name in enumerate(CATEGORIES)}
    return bytes(place[unicodedata2.category(chr(c))] for c in range(SIZE))


def han_flags() -> bytes:
    """1 where the script is Han."""
    from fontTools.unicodedata import script

    return bytes(script(chr(c)) == "Hani" for c in range(SIZE))


def word_flags() -> bytes:
    r"""1 where tiktoken's engine matches ``\w``: with byte tokens it drops every character that is not matched."""
    import tiktoken

    ranks = {bytes([b]): b for b in range(256)}
    engine = tiktoken.Encoding("scan", pat_str=r"\w", mergeable_ranks=ranks, special_tokens={})
    flags = bytearray(SIZE)
    scalars = [chr(c) for c in range(SIZE) if not 0xD800 <= c < 0xE000]
    for start in range(0, len(scalars), 4096):
        for kept in engine.decode(engine.encode_ordinary("".join(scalars[start : start + 4096]))):
            flags[ord(kept)] = 1
    return bytes(flags)


def class_bytes(categories: bytes, han: bytes) -> bytes:
    """The bits the scanners test, per code point."""
    bits = [BITS.get(name) or BITS.get(name[0], 0) for name in CATEGORIES]
    classes = bytearray(bits[c] | HAN * h for c, h in zip(categories, han, strict=True))
    for c in SPACES:
        classes[c] |= SPACE
    return bytes(classes)


def runs(values: bytes) -> list[tuple[int, int]]:
    """``(length, value)`` of each maximal run."""
    return [(len(list(group)), value) for value, group in groupby(values)]


def packed(values: bytes) -> str:
    """Runs as base85 text: per run the length in base 128, low digit first, then the value."""
    out = bytearray()
    for length, value in runs(values):
        while length >= 128:
            out.append(length & 127 | 128)
            length >>= 7
        out += bytes([length, value])
    text = base64.b85encode(zlib.compress(bytes(out), 9)).decode()
    lines = (text[i : i + 100] for i in range(0, len(text), 100))
    return "(\n" + "".join(f'    b"{line}"\n' for line in lines) + ")"


def python_text(categories: bytes, han: bytes, word: bytes, classes: bytes) -> str:
    """The module of the reference."""
    digest = hashlib.sha256(classes).hexdigest()
    return f'''# SPDX-License-Identifier: Apache-2.0
"""Unicode 16.0.0 properties as run lengths: made by tools/make_unicode_tables.py, not by hand.

Each table is base85 of zlib of runs: the length in base 128, low digit first, then the value.
"""

# fmt: off
NAMES = ({_quoted(CATEGORIES[:15])},
         {_quoted(CATEGORIES[15:])})
# fmt: on
SHA256 = "{digest}"
CATEGORIES = {packed(categories)}
HAN = {packed(han)}
WORD = {packed(word)}
'''


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def cpp_text(classes: bytes) -> str:
    """The source file of the native scanners."""
    digest = hashlib.sha256(classes).hexdigest()
    numbers = [f"{length << 8 | value}" for length, value in runs(classes)]
    lines, line = [], "   "
    for number in numbers:
        if len(line) + len(number) + 2 > 118:
            lines.append(line)
            line = "   "
        line += f" {number},"
    lines.append(line)
    body = "\n".join(lines)
    return f"""// SPDX-License-Identifier: Apache-2.0
// Class bits of all code points, Unicode 16.0.0, as runs: length << 8 | bits (unicode.h names the bits).
// Made by tools/make_unicode_tables.py, not by hand.
// sha256 of the expanded bytes: {digest}
#include "bpe/unicode_data.h"

namespace tokops::bpe {{

// clang-format off
const uint32_t kUnicodeRuns[] = {{
{body}
}};
// clang-format on
const int kUnicodeRunCount = {len(numbers)};

}}  // namespace tokops::bpe
"""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
