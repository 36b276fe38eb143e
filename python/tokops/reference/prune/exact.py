# SPDX-License-Identifier: Apache-2.0
"""The optimum that the greedy approximates: k rows whose smallest pairwise distance is as large as possible.

Binary search over the distances that occur; each threshold asks for k mutually distant rows by backtracking.
Exponential in the worst case: for tests, n <= 24.
"""

from __future__ import annotations

import numpy as np

from ..numeric import Array


def maxmin_exact(distances: Array, k: int) -> tuple[list[int], float]:
    """Return the lexicographically smallest optimal set and its smallest distance (inf below 2 rows)."""
    n = len(distances)
    if not 0 <= k <= n <= 24:
        raise ValueError(f"prune.maxmin_exact: argument 'k' must be in [0, {n}] with n <= 24, got {k}")
    if k < 2:
        return list(range(k)), np.inf
    levels = np.unique(distances[np.triu_indices(n, 1)])
    low, high = 0, len(levels) - 1  # the smallest level always works
    while low < high:
        middle = (low + high + 1) // 2
        if _spread(distances >= levels[middle], k):
            low = middle
        else:
            high = middle - 1
    return _spread(distances >= levels[low], k), float(levels[low])


def _spread(far: Array, k: int) -> list[int]:
    """Return the first k-set in which all pairs are far, or an empty list."""
    chosen: list[int] = []

    def extend(candidates: list[int]) -> bool:
        if len(chosen) == k:
            return True
        for place, i in enumerate(candidates):
            if len(chosen) + len(candidates) - place < k:
                return False
            chosen.append(i)
            if extend([j for j in candidates[place + 1 :] if far[i, j]]):
                return True
            chosen.pop()
        return False

    extend(list(range(len(far))))
    return chosen
