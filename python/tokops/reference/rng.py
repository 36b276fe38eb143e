# SPDX-License-Identifier: Apache-2.0
"""Philox4x32-10: the counter-based generator behind every draw of the package.

A word is a pure function of (seed, stream, counter); there is no state and no global seed.
Convention for token loops: stream = sequence id, counter = step << 32 | draw.
Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011).
"""

from __future__ import annotations

MASK32 = 0xFFFFFFFF
ROUNDS = 10


def philox(seed: int, stream: int, counter: int) -> tuple[int, int, int, int]:
    """Return the four 32-bit words of the block at ``counter`` of ``stream`` under ``seed``."""
    key = [seed & MASK32, seed >> 32]
    word = [counter & MASK32, counter >> 32, stream & MASK32, stream >> 32]
    for _ in range(ROUNDS):
        first = 0xD2511F53 * word[0]
        second = 0xCD9E8D57 * word[2]
        word = [
            second >> 32 ^ word[1] ^ key[0],
            second & MASK32,
            first >> 32 ^ word[3] ^ key[1],
            first & MASK32,
        ]
        key = [(key[0] + 0x9E3779B9) & MASK32, (key[1] + 0xBB67AE85) & MASK32]
    return word[0], word[1], word[2], word[3]


def uint64(seed: int, stream: int, counter: int) -> int:
    """Return the first two words of a block as one 64-bit integer, ``w0 | w1 << 32``."""
    word = philox(seed, stream, counter)
    return word[0] | word[1] << 32


def mul_high(a: int, b: int) -> int:
    """Return the high half of the 128-bit product of two 64-bit integers."""
    return a * b >> 64
