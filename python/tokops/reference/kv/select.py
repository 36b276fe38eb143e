# SPDX-License-Identifier: Apache-2.0
"""Token selection by softmax votes, for one query per row of the batch.

    L[h, j] = scale * dot(q[h], K[h // G, j])
    P[h, :] = softmax of L[h, :] over the candidates [start + n_sink, end - n_local)
    v[g, j] = sum of P[h, j] over the heads of list g, in head order
    list g  = sinks ++ the k best candidates of v[g, :] ++ local window

After TokenSelect (arXiv 2411.02886); logits are scaled, and query head h reads KV head h // G.
"""

from typing import Any

import numpy as np

from ..numeric import widen
from ._numeric import BLOCK, dot, exp_from, inverse, lane_sum, log_sum, softmax_stats
from .topk import best, ranges

Array = np.ndarray[Any, Any]


def select(
    q: Array, keys: Array, starts: Array | None, lens: Array | None,
    k: int, n_sink: int, n_local: int, per: str, scale: float | None, nan: str,
) -> tuple[Array, ...]:  # fmt: skip
    """Select tokens for ``q`` [B, Hq, D] from ``keys`` [B, Hkv, n, D].

    Returns indices int32[B, g, m], counts int32[B, g], mass and lse float32[B, Hq], kth float32[B, g],
    vote_slack float32[B], status int32[B].
    """
    batch, heads, width = q.shape
    scale = width**-0.5 if scale is None else scale
    kv_heads, n = keys.shape[1:3]
    lists = {"all": 1, "kv_group": kv_heads, "head": heads}[per]
    first, last = ranges("kv.select", starts, lens, batch, n)
    indices = np.full((batch, lists, min(n, n_sink + k + n_local)), -1, np.int32)
    counts = np.zeros((batch, lists), np.int32)
    mass, lse = np.zeros((2, batch, heads), np.float32)
    kth = np.full((batch, lists), -np.inf, np.float32)
    status = np.zeros(batch, np.int32)
    for row in range(batch):
        logits = row_logits(widen(q[row]), widen(keys[row, :, first[row] : last[row]]), scale)
        unusable = ~(logits < np.inf)
        if unusable.any():
            head, position = np.argwhere(unusable)[0]
            if nan == "raise":
                place = f"row {row}, head {head}, position {first[row] + position}"
                raise ValueError(f"kv.select: the logit of {place} is NaN or +inf")
            status[row] = 1
        usable: Array = ~np.asarray(unusable.any(axis=0))
        length = logits.shape[1]
        candidate = np.zeros(length, np.bool_)
        candidate[n_sink : max(length - n_local, 0)] = True
        top, total = softmax_stats(logits, usable & candidate)
        votes = exp_from(logits, top) * inverse(total)[:, None]
        top_all, total_all = softmax_stats(logits, usable)
        probabilities = exp_from(np.where(usable, logits, -np.inf), top_all) * inverse(total_all)[:, None]
        lse[row] = log_sum(top_all, total_all)
        for g in range(lists):
            members = range(g * heads // lists, (g + 1) * heads // lists)
            vote = np.zeros(length, np.float32)
            for head in members:
                vote = vote + votes[head]
            vote = np.where(usable, vote, np.float32(-np.inf))
            kept = ~candidate
            inside = np.flatnonzero(candidate)
            chosen = inside[best(vote[inside], k)]
            kept[chosen] = True
            if 0 < k < len(inside):
                kth[row, g] = vote[chosen[-1]]
            ids = np.flatnonzero(kept)
            counts[row, g] = len(ids)
            indices[row, g, : len(ids)] = first[row] + ids
            for head in members:
                mass[row, head] = list_mass(probabilities[head, ids])
    return indices, counts, mass, lse, kth, np.zeros(batch, np.float32), status


def row_logits(q: Array, keys: Array, scale: float) -> Array:
    """``scale * dot`` of q [Hq, D] with keys [Hkv, n, D]; consecutive query heads share a KV head."""
    group = len(q) // len(keys)
    parts = [dot(q[h * group : (h + 1) * group], keys[h]) for h in range(len(keys))]
    with np.errstate(invalid="ignore", over="ignore"):
        return np.concatenate(parts) * np.float32(scale)


def list_mass(probabilities: Array) -> Array:
    """Sum over a list in blocks of 512, in order."""
    total: Array = np.zeros((), np.float32)
    for begin in range(0, len(probabilities), BLOCK):
        total = total + lane_sum(probabilities[begin : begin + BLOCK])
    return total
