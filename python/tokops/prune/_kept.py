# SPDX-License-Identifier: Apache-2.0
"""Rows that are kept before a selection starts: anchors among the rows, and outside rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _arrays
from ._layout import Array, Layout, host_offsets


def anchor_rows(op: str, anchors: Any, place: Layout, rows: int) -> Array:
    """``anchors`` as ascending numbers of all rows, items of a batch end to end."""
    if not _arrays.is_array(anchors):
        raise TypeError(f"{op}: argument 'anchors' must be int64, got {type(anchors).__name__}")
    ids = _arrays.host_array(op, "anchors", anchors)
    if ids.dtype != np.int64:
        raise TypeError(f"{op}: argument 'anchors' must be int64, got {ids.dtype}")
    wanted = (len(place.sizes),) if place.batch else ()
    if ids.ndim != len(wanted) + 1 or ids.shape[:-1] != wanted:
        form = f"[{len(place.sizes)}, a]" if place.batch else "[a]"
        raise ValueError(f"{op}: argument 'anchors' must be int64{form}, got {list(ids.shape)}")
    limit = place.sizes[0] if place.batch and place.sizes else rows
    outside = ids[(ids < 0) | (ids >= limit)]
    if outside.size:
        raise ValueError(f"{op}: argument 'anchors' must be in [0, {limit}), got {outside[0]}")
    if place.batch:
        ids = (ids + np.arange(len(ids))[:, None] * limit).ravel()
    ordered = np.sort(ids)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if repeated.size:
        raise ValueError(f"{op}: argument 'anchors' must not repeat a row, got {repeated[0]} twice")
    return ordered


def free_rows(place: Layout, anchors: Array | None) -> list[int]:
    """How many rows of each segment are not anchors."""
    if anchors is None:
        return place.sizes
    ends = np.cumsum(place.sizes)
    return [
        n - int(m)
        for n, m in zip(place.sizes, np.diff(np.searchsorted(anchors, ends), prepend=0), strict=True)
    ]


def outside_offsets(op: str, features: Any, cu_seqlens: Any, place: Layout) -> Array:
    """Offsets of the outside rows of each segment, over the rows of all items."""
    if not _arrays.is_array(features) or features.ndim != (3 if place.batch else 2):
        raise TypeError(f"{op}: argument 'anchor_features' must be rows like 'x', with as many axes")
    if (cu_seqlens is not None) != (place.offsets is not None):
        raise ValueError(f"{op}: argument 'anchor_cu_seqlens' goes with 'cu_seqlens'")
    if cu_seqlens is None:
        return np.array([s * features.shape[-2] for s in range(len(place.sizes) + 1)], np.int64)
    offsets = host_offsets(op, "anchor_cu_seqlens", cu_seqlens, features.shape[0])
    if len(offsets) != len(place.sizes) + 1:
        raise ValueError(f"{op}: argument 'anchor_cu_seqlens' must have {len(place.sizes) + 1} entries")
    return offsets
