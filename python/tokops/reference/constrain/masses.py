# SPDX-License-Identifier: Apache-2.0
"""From logits to integer masses: the distribution that every draw and weight of the family is exact for.

The best token of a row has mass 2^44, a token 2^-44 below it has 0. Sums of int64 do not depend on order,
so neither chunking, vector width nor batch position can change a draw.
exp32 is the Cephes single-precision polynomial, one float32 rounding per operation, no fused multiply-add;
relative error against exp below 6e-7.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..numeric import widen

TOP = 1 << 44
FLOOR = np.float32(-31.0)  # at and below it the mass is 0
LOWEST = -1e30  # callers write the lowest finite value where they mean -inf
LOWEST_FLOAT16 = -65504.0


def _float32(bits: int) -> np.float32:
    return np.uint32(bits).view(np.float32)


LOG2_E = _float32(0x3FB8AA3B)
LN2_HIGH = _float32(0x3F317200)
LN2_LOW = _float32(0x35BFBE8E)
POLYNOMIAL = tuple(
    _float32(bits) for bits in (0x39506967, 0x3AB743CE, 0x3C088908, 0x3D2AA9C1, 0x3E2AAAAA, 0x3F000000)
)


def exp32(x: np.ndarray) -> np.ndarray:
    """Return exp(x) in float32 for ``-31 < x <= 0`` and 0 below, bit for bit as the kernels do."""
    x = np.asarray(x, np.float32)
    below = x <= FLOOR
    inside: Any = np.where(below, np.float32(0), x)
    n = np.rint(inside * LOG2_E)
    r = inside - n * LN2_HIGH
    r = r - n * LN2_LOW
    p = np.full_like(r, POLYNOMIAL[0])
    for coefficient in POLYNOMIAL[1:]:
        p = p * r + coefficient
    y = p * (r * r)
    y = y + r
    y = y + np.float32(1)
    return np.where(below, np.float32(0), np.ldexp(y, n.astype(np.int32)))


def relative_masses(scaled: np.ndarray, top: np.float32) -> np.ndarray:
    """Return ``trunc(exp32(scaled - top) * 2^44)`` as int64."""
    with np.errstate(over="ignore"):  # scaled - top may leave float32: -inf, mass 0
        x = scaled - top
    return (exp32(x).astype(np.float64) * TOP).astype(np.int64)


def scaled_row(row: np.ndarray, inverse: np.float32) -> np.ndarray | None:
    """Return one row times 1/temperature in float32, -inf outside the support; None for bad logits."""
    raw = widen(row)
    if np.isnan(raw).any() or np.isposinf(raw).any():
        return None
    support = raw > LOWEST
    if row.dtype == np.float16:
        support &= raw > LOWEST_FLOAT16
    with np.errstate(over="ignore"):
        scaled = raw if inverse == 1 else raw * inverse
    scaled = np.where(support, scaled, np.float32(-np.inf))
    return None if np.isposinf(scaled).any() else scaled


def masses_op(logits: np.ndarray, inverse: float) -> np.ndarray:
    """Return the masses of every row, int64; a row that is bad or empty is all 0."""
    out = np.zeros(logits.shape, np.int64)
    rows = logits.reshape(-1, logits.shape[-1])
    for row, result in zip(rows, out.reshape(rows.shape), strict=True):
        scaled = scaled_row(row, np.float32(inverse))
        if scaled is not None and scaled.max() > -np.inf:
            result[:] = relative_masses(scaled, scaled.max())
    return out
