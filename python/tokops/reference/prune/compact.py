# SPDX-License-Identifier: Apache-2.0
"""Gather the kept positions of every row to the front (MrT5-style hard deletion)."""

from __future__ import annotations

import numpy as np

from ..numeric import Array


def kept_positions(keep: Array, row: int, length: int, min_keep: int) -> list[int]:
    """List what stays of one row: where a mask is true, or the ids before the -1 tail."""
    if keep.dtype == np.bool_:
        places = [j for j in range(length) if keep[row, j]]
    else:
        places = keep[row].tolist()
        count = places.index(-1) if -1 in places else len(places)
        for j, place in enumerate(places):
            if place != -1 if j >= count else not 0 <= place < length:
                raise ValueError(
                    f"prune.compact_tokens: argument 'keep' must be in [0, {length}) with -1 as a tail, "
                    f"got {place} at row {row}, column {j}"
                )
        places = places[:count]
    return places or list(range(min(min_keep, length)))


def compact_op(
    x: Array, keep: Array, pad: Array, width: int, min_keep: int
) -> tuple[Array, Array, Array, Array]:
    """Return kept values, mask, positions (-1 behind) and lengths; ``pad`` fills the rest of ``width``."""
    batch, length = x.shape[:2]
    out = np.empty((batch, width, *x.shape[2:]), x.dtype)
    out[...] = pad[0]
    index = np.full((batch, width), -1, np.int64)
    lengths = np.zeros(batch, np.int64)
    for row in range(batch):
        places = kept_positions(keep, row, length, min_keep)
        if len(places) > width:
            raise ValueError(
                f"prune.compact_tokens: argument 'capacity' must be at least {len(places)} for row {row}, "
                f"got {width}"
            )
        lengths[row] = len(places)
        for j, place in enumerate(places):
            index[row, j] = place
            out[row, j] = x[row, place]
    return out, index >= 0, index, lengths


def compact_ragged_op(x: Array, cu_seqlens: Array, keep: Array, width: int) -> tuple[Array, Array, Array]:
    """Return kept rows, their offsets and their row numbers."""
    n = len(x)
    rows = np.flatnonzero(keep) if keep.dtype == np.bool_ else keep
    counts = np.zeros(len(cu_seqlens), np.int64)
    sequence = 1
    for j, row in enumerate(rows.tolist()):
        if not 0 <= row < n:
            raise ValueError(
                f"prune.compact_tokens_ragged: argument 'keep' must be in [0, {n}), got {row} at position {j}"
            )
        while row >= cu_seqlens[sequence]:
            sequence += 1
        if row < cu_seqlens[sequence - 1]:
            raise ValueError(
                "prune.compact_tokens_ragged: argument 'keep' must be grouped by sequence, "
                f"got {row} at position {j} behind a later sequence"
            )
        counts[sequence] += 1
    return x[rows], np.cumsum(counts).astype(cu_seqlens.dtype), rows.astype(np.int64)
