# SPDX-License-Identifier: Apache-2.0
"""Greedy max-min diversity (DivPrune, arXiv 2503.02175; farthest-first, Gonzalez 1985).

Each step takes the free row with the largest (distance to the nearest kept row) * weight, ties to the
lowest row; a row is never taken twice. O(k n d) time after the first pick, O(n) extra memory.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..numeric import Array, widen
from .canonical import Space
from .segments import check_finite, check_weights, pack, segment_bounds
from .starts import RULES, Rule, row


def select(
    space: Space,
    n: int,
    k: int,
    first: Rule | None,
    kept: Sequence[int],
    weights: Array | None,
    min_distance: float,
) -> tuple[list[int], list[float]]:
    """Return picks and scores among rows 0..n-1; ``kept`` rows (outside rows: n and above) came before."""
    nearest, free = np.full(n, np.inf), np.ones(n, bool)
    picks: list[int] = []
    gaps: list[float] = []
    for i in kept:
        nearest = np.minimum(nearest, space.to(i)[:n])
        free[i : i + 1] = False
    while len(picks) < k:
        if first is not None and not picks:
            pick, gap = first(space, weights)
        else:
            score = nearest if weights is None else nearest * weights
            pick = int(np.argmax(np.where(free, score, -np.inf)))
            gap = float(score[pick])
            if gap < min_distance:
                break
        picks.append(pick)
        gaps.append(gap)
        free[pick] = False
        nearest = np.minimum(nearest, space.to(pick)[:n])
    return picks, gaps


def maxmin_op(
    x: Array, cu_seqlens: Array | None, budgets: Array | None, anchors: Array | None,
    anchor_features: Array | None, anchor_cu_seqlens: Array | None, weights: Array | None,
    init_rows: Array | None, k: int, width: int, segments: int, metric: str, init: str,
    min_distance: float, precision: str, order: str,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Select in every segment by itself; ``budgets`` overrides ``k``, ``anchors`` number all rows."""
    dtype = {"uint16": "bfloat16", "float16": "float16"}.get(x.dtype.name) if precision == "input" else None
    flat = widen(x).reshape(x.size // max(x.shape[-1], 1), x.shape[-1])
    check_finite(flat, "x")
    outside = flat[:0] if anchor_features is None else widen(anchor_features).reshape(-1, flat.shape[1])
    check_finite(outside, "anchor_features")
    if weights is not None:
        check_weights(weights)
    indices, gaps, counts = [], [], []
    for s, (begin, end) in enumerate(segment_bounds(x, cu_seqlens)):
        rows, n = flat[begin:end], end - begin
        kept = [] if anchors is None else [int(a) - begin for a in anchors if begin <= a < end]
        if anchor_cu_seqlens is not None:
            rows = np.concatenate([rows, outside[anchor_cu_seqlens[s] : anchor_cu_seqlens[s + 1]]])
            kept += range(n, len(rows))
        first = None if kept else row(int(init_rows[s])) if init_rows is not None else RULES[init]
        weight = None if weights is None else weights.reshape(-1)[begin:end].astype(np.float64)
        budget = k if budgets is None else int(budgets[s])
        picks, gap = select(Space(rows, metric, dtype), n, budget, first, kept, weight, min_distance)
        ranks = np.argsort(picks) if order == "index" else np.arange(len(picks))
        indices.append(np.array(picks, np.int64)[ranks] + (0 if x.ndim == 3 else begin))
        gaps.append(np.array(gap, np.float64)[ranks])
        counts.append(len(picks))
    ids = pack(indices, x, width, x.shape[-2], np.int64)
    return ids, pack(gaps, x, width, np.nan, np.float32), np.array(counts, np.int64)
