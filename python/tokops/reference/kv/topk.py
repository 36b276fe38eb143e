# SPDX-License-Identifier: Apache-2.0
"""Row-wise top-k by a stable sort.

Order: NaN excluded, -0.0 equals +0.0, larger first (smaller with ``largest=False``), then lower index.
"""

from typing import Any

import numpy as np

from ..numeric import widen

Array = np.ndarray[Any, Any]


def best(values: Array, k: int, largest: bool = True) -> Array:
    """Positions of the first ``k`` non-NaN entries of a row in the order above, best first."""
    exact = values.astype(np.int64) if values.dtype.kind == "i" else values
    valid = np.flatnonzero(exact == exact)
    keys = -exact[valid] if largest else exact[valid]
    return valid[np.argsort(keys, kind="stable")[:k]]


def topk(
    x: Array, starts: Array | None, lens: Array | None, k: int, largest: bool, order: str, nan: str
) -> Array:
    """Select the ``k`` best columns of each row of ``x`` [rows, n] or [n]; -1 pads short rows."""
    rows = np.atleast_2d(x)
    exact = rows if rows.dtype in (np.float64, np.int32) else widen(rows)
    first, last = ranges("kv.topk", starts, lens, *rows.shape)
    ids = np.full((len(rows), k), -1, np.int32)
    for row, values in enumerate(exact):
        window = values[first[row] : last[row]]
        if nan == "raise" and (window != window).any():
            column = first[row] + np.flatnonzero(window != window)[0]
            raise ValueError(f"kv.topk: argument 'x' has NaN at row {row}, column {column}")
        chosen = first[row] + best(window, k, largest)
        ids[row, : len(chosen)] = np.sort(chosen) if order == "index" else chosen
    return ids.reshape((*x.shape[:-1], k))


def topk_values(
    x: Array, starts: Array | None, lens: Array | None, k: int, largest: bool, order: str, nan: str
) -> tuple[Array, Array]:
    """Also give the chosen values of ``x``; padding has value 0."""
    ids = topk(x, starts, lens, k, largest, order, nan)
    x = widen(x) if x.dtype == np.uint16 else x
    if x.shape[-1] == 0:
        return ids, np.zeros(ids.shape, x.dtype)
    values = np.take_along_axis(x, np.maximum(ids, 0), axis=-1)
    return ids, np.where(ids >= 0, values, np.zeros((), x.dtype))


def ranges(
    op: str, starts: Array | None, lens: Array | None, rows: int, n: int
) -> tuple[list[int], list[int]]:
    """First and one-past-last valid column of each row."""
    first = [0] * rows if starts is None else [int(s) for s in np.atleast_1d(starts)]
    last = (
        [n] * rows if lens is None else [s + int(v) for s, v in zip(first, np.atleast_1d(lens), strict=True)]
    )
    for row, (a, b) in enumerate(zip(first, last, strict=True)):
        if not 0 <= a <= b <= n:
            raise ValueError(f"{op}: row {row} has tokens [{a}, {b}), outside of [0, {n})")
    return first, last
