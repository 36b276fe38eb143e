# SPDX-License-Identifier: Apache-2.0
"""Decode attention over a list of token ids, and over all valid tokens.

    o[h] = sum over j in the list of softmax(softcap'(scale * q[h] . K[h // G, j])) V[h // G, j]

softcap'(x) = softcap * tanh(x / softcap). A sink logit is one more term of the denominator without a value.
A list is cut into ranges of 512; each gives (maximum, sum, output), merged in range order. Outputs are
float32; the caller rounds them once to the dtype of q.
"""

from typing import Any

import numpy as np

from ..numeric import widen
from ._numeric import BLOCK, dot, exp, exp_from, inverse, lane_sum, log_sum
from .topk import ranges

Array = np.ndarray[Any, Any]
F32 = np.float32


def sparse_attention(
    q: Array, keys: Array, values: Array, indices: Array, counts: Array | None, sink_logits: Array | None,
    scale: float | None, softcap: float | None,
) -> tuple[Array, Array]:  # fmt: skip
    """Attend ``q`` [B, Hq, D] to the listed tokens of keys [B, Hkv, n, D] and values [B, Hkv, n, Dv].

    ``indices`` int32[B, g, m], g = 1, Hkv or Hq; -1 is skipped. Returns o [B, Hq, Dv] and lse float32[B, Hq].
    """
    batch, heads, _ = q.shape
    lists = indices.shape[1]
    tokens = [
        [check_list(indices[b, g], counts, b, g, keys.shape[2]) for g in range(lists)] for b in range(batch)
    ]
    chosen = [[tokens[b][h * lists // heads] for h in range(heads)] for b in range(batch)]
    return attend(q, keys, values, chosen, sink_logits, scale, softcap)


def decode_attention(
    q: Array, keys: Array, values: Array, starts: Array | None, lens: Array | None, sink_logits: Array | None,
    scale: float | None, softcap: float | None,
) -> tuple[Array, Array]:  # fmt: skip
    """Attend ``q`` [B, Hq, D] to every valid token: the list is [start, start + len)."""
    first, last = ranges("kv.decode_attention", starts, lens, len(q), keys.shape[2])
    chosen = [[np.arange(a, b)] * q.shape[1] for a, b in zip(first, last, strict=True)]
    return attend(q, keys, values, chosen, sink_logits, scale, softcap)


def check_list(ids: Array, counts: Array | None, row: int, g: int, n: int) -> Array:
    """Strip the padding of one list; ValueError for a bad count, an id outside of [-1, n) or a duplicate."""
    count = len(ids) if counts is None else int(counts[row, g])
    if not 0 <= count <= len(ids):
        raise ValueError(f"kv.sparse_attention: argument 'counts' has {count} at row {row}, list {g}")
    kept = ids[:count]
    if ((kept < -1) | (kept >= n)).any():
        raise ValueError(
            f"kv.sparse_attention: argument 'indices' has an id outside of [0, {n}) at row {row}, list {g}"
        )
    kept = kept[kept >= 0]
    if len(np.unique(kept)) < len(kept):
        raise ValueError(f"kv.sparse_attention: argument 'indices' has a duplicate at row {row}, list {g}")
    return kept


def attend(
    q: Array,
    keys: Array,
    values: Array,
    chosen: list[list[Array]],
    sinks: Array | None,
    scale: float | None,
    softcap: float | None,
) -> tuple[Array, Array]:
    """Attend each head to its own list of ids: ``chosen[b][h]``."""
    batch, heads, width = q.shape
    scale = width**-0.5 if scale is None else scale
    group = heads // keys.shape[1]
    out = np.zeros((batch, heads, values.shape[3]), np.float32)
    lse = np.full((batch, heads), -np.inf, np.float32)
    for b in range(batch):
        for h in range(heads):
            ids = chosen[b][h]
            kv = h // group
            sink = None if sinks is None else F32(sinks[h])
            out[b, h], lse[b, h] = head_attention(
                widen(q[b, h]),
                widen(keys[b, kv, ids]),
                widen(values[b, kv, ids]),
                sink,
                F32(scale),
                F32(softcap or 0),
            )
    return out, lse


def head_attention(
    q: Array, keys: Array, values: Array, sink: np.float32 | None, scale: np.float32, softcap: np.float32
) -> tuple[Array, np.float32]:
    """Attend one head to keys [m, D] and values [m, Dv]; a NaN or +inf logit makes the result NaN."""
    with np.errstate(invalid="ignore", over="ignore"):
        logits = dot(q[None], keys)[0] * scale
    if not (logits < np.inf).all() or (sink is not None and not sink < np.inf):
        return np.full(values.shape[1], np.nan, np.float32), F32(np.nan)
    if softcap > 0:
        logits = softcap * tanh(logits / softcap)
    maxima, sums, outputs = [], [], []
    for begin in range(0, len(logits), BLOCK):
        part = logits[begin : begin + BLOCK]
        maxima.append(part.max())
        weights = exp_from(part[None], part.max()[None])
        sums.append(lane_sum(weights)[0])
        outputs.append(weighted_sum(weights[0], values[begin : begin + BLOCK]))
    if sink is not None:
        maxima.append(sink)
        sums.append(F32(1))
        outputs.append(np.zeros(values.shape[1], np.float32))
    overall = max(maxima, default=F32(-np.inf))
    total = F32(0)
    out = np.zeros(values.shape[1], np.float32)
    for top, part_sum, part_out in zip(maxima, sums, outputs, strict=True):
        share = exp_from(np.array([[top]], F32), np.array([overall], F32))[0, 0]
        total = total + part_sum * share
        out = out + part_out * share
    return out * inverse(np.array([total]))[0], log_sum(np.array([overall]), np.array([total]))[0]


def weighted_sum(weights: Array, values: Array) -> Array:
    """Sum ``weights[j] * values[j]`` over j, in order."""
    total = np.zeros(values.shape[1], np.float32)
    for weight, value in zip(weights, values, strict=True):
        total = total + weight * value
    return total


def tanh(x: Array) -> Array:
    """Hyperbolic tangent from exp; a short series near 0, where 1 - exp(-2|x|) would cancel."""
    decay = exp(F32(-2) * np.abs(x))
    far = np.copysign((F32(1) - decay) / (F32(1) + decay), x)
    square = x * x
    near = x * (F32(1) + square * (F32(-1 / 3) + square * F32(2 / 15)))
    return np.where(np.abs(x) < F32(0.0625), near, far).astype(np.float32)
