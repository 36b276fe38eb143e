# SPDX-License-Identifier: Apache-2.0
"""top_k, top_p and min_p on integer masses: which tokens of a row stay.

Order of tokens: (raw logit descending, id ascending), -0.0 equal to 0.0. Exactly k tokens stay under top_k;
top_p and min_p are read as the exact rationals of their doubles, so no rounding decides.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import numpy as np

from .masses import TOP


def truncate(
    raw: np.ndarray, support: np.ndarray, masses: np.ndarray, top_k: int, top_p: float, min_p: float
) -> np.ndarray:
    """Return bool[v], the tokens of ``support`` that stay; 0, 1 and 0 switch the three rules off."""
    ids = np.flatnonzero(support)
    order = ids[np.lexsort((ids, -raw[ids]))]
    if top_k > 0:
        order = order[:top_k]
    if top_p < 1:
        running = np.cumsum(masses[order])
        target = max(1, ceil(Fraction(top_p) * int(running[-1])))
        order = order[: np.searchsorted(running, target) + 1]
    if min_p > 0:
        order = order[masses[order] >= ceil(Fraction(min_p) * TOP)]
    kept = np.zeros(len(raw), bool)
    kept[order] = True
    return kept
