# SPDX-License-Identifier: Apache-2.0
"""A geometric variable from integers only: failures before a success of probability R / T.

The binary digits of a geometric variable are independent: with q = 1 - R/T, digit i is 1 with probability
s / (1 + s), s = q^(2^i). Relative error of the rate about 2^-63 * T/R. At most 62 digits, so below 2^62.
"""

from __future__ import annotations

from collections.abc import Callable

from ..rng import mul_high

DIGITS = 62


def geometric(remaining: int, total: int, word: Callable[[], int]) -> int:
    """Return the number of failures; ``word()`` gives the next 64 random bits."""
    s = ((total - remaining) << 64) // total
    result = 0
    for digit in range(DIGITS):
        if s == 0:
            break
        u = word()
        if u < s and mul_high(u, s) < s - u:
            result |= 1 << digit
        s = mul_high(s, s)
    return result
