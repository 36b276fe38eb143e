# SPDX-License-Identifier: Apache-2.0
"""The arithmetic that decides ids in the kv family, in one fixed order.

Every function is float32 with one rounding per multiplication, addition or division, so the C++ and CUDA
twins give the same bits. Dot products use 16 lanes, odd element before even; sums of exponentials use 16
lanes per block of 512 tokens, and blocks are merged in block order. What decides ids uses no fused
multiply-add, no table and no libm.
"""

from typing import Any

import numpy as np

LANES = 16
BLOCK = 512  # tokens per block of softmax statistics

Array = np.ndarray[Any, Any]

F32 = np.float32
LOG2_E = F32(1.4426950408889634)
ROUND = F32(12582912.0)  # 1.5 * 2**23: adding it rounds to the nearest integer, kept in the low bits
LN2_HIGH = F32(0.693359375)  # 9 bits, so n * LN2_HIGH is exact
LN2_LOW = F32(-2.12194440e-4)
# exp(r) = 1 + r + r^2 (C0 + C1 r + ...), minimax on |r| <= ln(2) / 2, relative error 3e-9 before rounding.
EXP_COEFFICIENTS = [
    F32(c) for c in (0.5, 0.166665181517601, 0.04166620597243309, 0.008368917740881443, 0.001395053113810718)
]
EXP_LOWEST = F32(-87.3)  # below it exp is 0; above it the result is a normal number


def exp(x: Array) -> Array:
    """Exponential within 1 ulp for ``-87.3 <= x <= 88``; 0 below and for NaN."""
    with np.errstate(invalid="ignore", over="ignore"):
        rounded = x * LOG2_E + ROUND
        n = rounded - ROUND
        r = (x - n * LN2_HIGH) - n * LN2_LOW
        series = EXP_COEFFICIENTS[4]
        for coefficient in reversed(EXP_COEFFICIENTS[:4]):
            series = series * r + coefficient
        value = ((r * r) * series + r) + F32(1)
        power = ((rounded.view(np.int32) << 23) + (127 << 23)).view(np.float32)
        return np.where(x >= EXP_LOWEST, value * power, F32(0)).astype(np.float32)


def halving_sum(lanes: Array) -> Array:
    """Sum the last axis of 16 lanes as (i, i + 8), then (i, i + 4), (i, i + 2), (i, i + 1)."""
    for width in (8, 4, 2, 1):
        lanes = lanes[..., :width] + lanes[..., width : 2 * width]
    return lanes[..., 0]


def lane_sum(x: Array) -> Array:
    """Sum the last axis: element i goes to lane i % 16 in ascending order, then the lanes are halved."""
    lanes = np.zeros((*x.shape[:-1], LANES), np.float32)
    for first in range(0, x.shape[-1], LANES):
        part = x[..., first : first + LANES]
        lanes[..., : part.shape[-1]] += part
    return halving_sum(lanes)


def dot(q: Array, keys: Array) -> Array:
    """Dot products ``q[h, d] . keys[n, d] -> [h, n]``; elements past the width count as zero."""
    width = q.shape[-1]
    padding = -width % (2 * LANES)
    chunks = (width + padding) // (2 * LANES)
    pairs = [np.pad(x, ((0, 0), (0, padding))).reshape(len(x), chunks, LANES, 2) for x in (q, keys)]
    result = np.empty((len(q), len(keys)), np.float32)
    with np.errstate(invalid="ignore", over="ignore"):
        for head, row in enumerate(pairs[0]):
            lanes = np.zeros((len(keys), LANES), np.float32)
            for chunk in range(chunks):
                lanes += pairs[1][:, chunk, :, 1] * row[chunk, :, 1]
                lanes += pairs[1][:, chunk, :, 0] * row[chunk, :, 0]
            result[head] = halving_sum(lanes)
    return result


def softmax_stats(x: Array, member: Array) -> tuple[Array, Array]:
    """Maximum and sum of ``exp(x - maximum)`` of each row of ``x[h, n]`` over the columns that are members.

    Column 0 starts the first block of 512. A row without a finite member gives (-inf, 0).
    """
    x = np.where(member, x, F32(-np.inf))
    maxima, sums = [], []
    for first in range(0, x.shape[1], BLOCK):
        block = x[:, first : first + BLOCK]
        top = block.max(axis=1)
        maxima.append(top)
        sums.append(lane_sum(exp_from(block, top)))
    return merge_stats(maxima, sums, len(x))


def merge_stats(maxima: list[Array], sums: list[Array], heads: int) -> tuple[Array, Array]:
    """Merge block statistics in block order against the overall maximum."""
    overall = np.full(heads, -np.inf, np.float32)
    for top in maxima:
        overall = np.maximum(overall, top)
    total = np.zeros(heads, np.float32)
    for top, part in zip(maxima, sums, strict=True):
        total = total + part * exp_from(top[:, None], overall)[:, 0]
    return overall, total


def exp_from(x: Array, maximum: Array) -> Array:
    """``exp(x - maximum)`` per row; 0 where ``x`` is -inf."""
    with np.errstate(invalid="ignore"):
        return np.where(x == -np.inf, F32(0), exp(x - maximum[:, None]))


def log_sum(maximum: Array, total: Array) -> Array:
    """``maximum + log(total)``, -inf where the total is 0; rounded once from float64."""
    with np.errstate(divide="ignore", invalid="ignore"):
        value = maximum.astype(np.float64) + np.log(total.astype(np.float64))
    return np.where(total > 0, value, -np.inf).astype(np.float32)


def inverse(total: Array) -> Array:
    """``1 / total``; 0 where the total is 0."""
    with np.errstate(divide="ignore"):
        return np.where(total > 0, F32(1) / total, F32(0)).astype(np.float32)
