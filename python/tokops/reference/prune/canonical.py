# SPDX-License-Identifier: Apache-2.0
"""The one distance on which every choice of the prune family is made.

float64 products of float32 values (exact), summed in 16 lanes and then in a fixed halving tree, so that
any vector width, thread count or device gives the same bits. Time O(n d) per row of distances.
"""

from __future__ import annotations

import numpy as np

from ..numeric import Array


def dots(rows: Array, row: Array) -> Array:
    """Return g(rows[i], row) for every i: lane l sums the columns c with c mod 16 == l, ascending."""
    lanes = np.zeros((len(rows), 16))
    for start in range(0, rows.shape[1], 16):
        part = rows[:, start : start + 16].astype(np.float64) * row[start : start + 16].astype(np.float64)
        lanes[:, : part.shape[1]] += part
    for half in (8, 4, 2, 1):
        lanes[:, :half] += lanes[:, half : 2 * half]
    return lanes[:, 0].copy()


def squares(rows: Array) -> Array:
    """Return g(rows[i], rows[i]) for every i."""
    return np.array([dots(row[None], row)[0] for row in rows], dtype=np.float64)


def round_to(values: Array, dtype: str) -> Array:
    """Round float64 to the values of "float16" or "bfloat16": nearest, ties to even, in one step."""
    if dtype == "float16":
        with np.errstate(over="ignore"):
            halves: Array = values.astype(np.float16)
        return halves.astype(np.float64)
    exponent = np.maximum(
        np.frexp(values)[1] - 8, -133
    )  # 8 significant bits; 2^-133 is bfloat16's smallest step
    rounded = np.ldexp(np.rint(np.ldexp(values, -exponent)), exponent)
    return np.asarray(np.where(np.abs(rounded) >= 2.0**128, np.copysign(np.inf, rounded), rounded))


class Space:
    """Rows with a metric: ``to(i)`` gives the distances from row i to every row.

    With ``dtype`` the distances are those that a computation in that dtype arrives at (precision="input"):
    normalised rows, cosines and distances are each rounded to it.
    """

    def __init__(self, rows: Array, metric: str = "cosine", dtype: str | None = None) -> None:
        self.rows, self.metric, self.dtype = rows.astype(np.float32), metric, dtype
        self.square = squares(self.rows)
        if dtype is not None:
            norm = round_to(np.sqrt(self.square), dtype)
            unit = round_to(self.rows / np.where(norm == 0, 1.0, norm)[:, None], dtype)
            self.unit = unit.astype(np.float32)

    def to(self, i: int) -> Array:
        """Return the float64 distances from row ``i``."""
        square, both_zero = self.square, (self.square == 0) & (self.square[i] == 0)
        distance: Array
        if self.dtype is not None:
            cosine = round_to(dots(self.unit, self.unit[i]), self.dtype)
            distance = np.where(both_zero, 0.0, round_to(1.0 - cosine, self.dtype))
        elif self.metric == "euclidean":
            product = dots(self.rows, self.rows[i])
            distance = np.sqrt(np.maximum(0.0, (square + square[i]) - 2.0 * product))
        else:
            product, length = dots(self.rows, self.rows[i]), np.sqrt(square * square[i])
            cosine = np.divide(product, length, out=np.zeros_like(product), where=length > 0)
            distance = 1.0 - np.where(both_zero, 1.0, np.clip(cosine, -1.0, 1.0))
        return distance
