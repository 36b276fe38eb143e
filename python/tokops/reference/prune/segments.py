# SPDX-License-Identifier: Apache-2.0
"""How segments lie in the inputs and results of the prune operators."""

from __future__ import annotations

import numpy as np

from ..numeric import Array


def check_finite(rows: Array, name: str) -> None:
    """Raise ValueError for the first NaN or infinity, row by row."""
    bad = np.argwhere(~np.isfinite(rows))
    if len(bad):
        raise ValueError(
            f"prune.maxmin_select: argument '{name}' must be finite, got a NaN or infinity "
            f"at row {bad[0][0]}, column {bad[0][1]}"
        )


def check_weights(weights: Array) -> None:
    """Raise ValueError for the first weight that is negative or not finite."""
    for row, weight in enumerate(weights.ravel()):
        if not 0 <= weight < np.inf:
            raise ValueError(
                "prune.maxmin_select: argument 'weights' must be finite and at least 0, "
                f"got another value at row {row}"
            )


def segment_bounds(x: Array, cu_seqlens: Array | None) -> list[tuple[int, int]]:
    """List (begin, end) of each segment among the rows of ``x``, items of a batch laid end to end."""
    if x.ndim == 3:
        return [(i * x.shape[1], (i + 1) * x.shape[1]) for i in range(x.shape[0])]
    if cu_seqlens is None:
        return [(0, len(x))]
    return list(zip(cu_seqlens[:-1].tolist(), cu_seqlens[1:].tolist(), strict=True))


def pack(parts: list[Array], x: Array, width: int, fill: float, dtype: type) -> Array:
    """Lay segments one behind the other, or one per line for a batch; ``fill`` in the unused places."""
    if x.ndim == 2:
        parts = [np.concatenate(parts)] if parts else [np.empty(0)]
    out: Array = np.full((len(parts), width), fill, dtype)
    for line, values in zip(out, parts, strict=True):
        line[: len(values)] = values
    return out if x.ndim == 3 else out[0]
