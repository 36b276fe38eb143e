# SPDX-License-Identifier: Apache-2.0
"""First picks of the max-min greedy: each rule returns (row, gap) for a segment without anchors.

Ties go to the lowest row. O(n^2 d) for "isolated" and "farthest_pair", O(n d) for "medoid".
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..numeric import Array
from .canonical import Space, dots

Rule = Callable[[Space, "Array | None"], tuple[int, float]]


def isolated(space: Space, weights: Array | None) -> tuple[int, float]:
    """Pick the row whose nearest other row is farthest away (times its weight)."""
    n = len(space.rows)
    if n == 1:
        return 0, np.inf
    nearest = np.empty(n)
    for i in range(n):
        distance = space.to(i)
        distance[i] = np.inf
        nearest[i] = distance.min()
    score = nearest if weights is None else nearest * weights
    return int(np.argmax(score)), float(score.max())


def farthest_pair(space: Space, weights: Array | None) -> tuple[int, float]:
    """Pick the first row of the most distant pair; the greedy then takes the second by itself."""
    best, row = -np.inf, 0
    for i in range(len(space.rows) - 1):
        distance = space.to(i)[i + 1 :].max()
        if distance > best:
            best, row = distance, i
    return row, np.inf


def medoid(space: Space, weights: Array | None) -> tuple[int, float]:
    """Pick the row closest to all: largest mean cosine, or smallest mean squared distance."""
    rows, square = space.rows.astype(np.float64), space.square
    total = np.zeros(rows.shape[1])
    if space.metric == "euclidean":
        for row in rows:
            total += row
        return int(np.argmin(len(rows) * square - 2.0 * dots(rows, total))), np.inf
    for i in np.flatnonzero(square):
        total += rows[i] / np.sqrt(square[i])
    score = np.full(len(rows), -np.inf)
    filled = square > 0
    score[filled] = dots(rows[filled], total) / np.sqrt(square[filled])
    return int(np.argmax(score)), np.inf


def row(number: int) -> Rule:
    """Make the rule that picks the given row of the segment."""
    return lambda space, weights: (number, np.inf)


RULES: dict[str, Rule] = {"isolated": isolated, "farthest_pair": farthest_pair, "medoid": medoid}
