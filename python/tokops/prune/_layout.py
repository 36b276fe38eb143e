# SPDX-License-Identifier: Apache-2.0
"""Segments of flat, batch and ragged inputs, and how many rows each of them keeps.

Everything here reads shapes, offsets and scalars on the host, never the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _arrays
from .._scalars import integer, real

Array = np.ndarray[Any, Any]


class Layout(NamedTuple):
    """Where the segments of ``x`` lie; ``offsets`` is None for flat and batch layouts."""

    sizes: list[int]
    offsets: Array | None
    batch: bool


def layout(op: str, x: Any, cu_seqlens: Any) -> Layout | None:
    """Split ``x`` into segments; None when it is no matrix or batch of matrices (the operator says why)."""
    if not _arrays.is_array(x) or x.ndim not in (2, 3):
        return None
    if x.ndim == 3:
        if cu_seqlens is not None:
            raise ValueError(f"{op}: argument 'cu_seqlens' goes with x[n, d], got x with 3 axes")
        return Layout([x.shape[1]] * x.shape[0], None, True)
    if cu_seqlens is None:
        return Layout([x.shape[0]], None, False)
    offsets = host_offsets(op, "cu_seqlens", cu_seqlens, x.shape[0])
    return Layout(np.diff(offsets).tolist(), offsets, False)


def host_offsets(op: str, name: str, value: Any, rows: int) -> Array:
    """Read int32 or int64 offsets from 0 to ``rows`` that never decrease; a list, numpy or CPU tensor."""
    if isinstance(value, list | tuple):
        value = np.array([integer(op, name, v) for v in value], np.int64)
    if not _arrays.is_array(value) or (_arrays.is_torch(value) and value.device.type != "cpu"):
        raise TypeError(f"{op}: argument '{name}' must be a list, numpy array or CPU tensor")
    offsets = _arrays.host_array(op, name, value)
    if offsets.dtype not in (np.int32, np.int64):
        raise TypeError(f"{op}: argument '{name}' must be int32 or int64, got {offsets.dtype}")
    if offsets.ndim != 1 or len(offsets) == 0:
        raise ValueError(f"{op}: argument '{name}' must be [segments + 1], got {list(offsets.shape)}")
    if offsets[0] != 0 or offsets[-1] != rows or (np.diff(offsets) < 0).any():
        raise ValueError(f"{op}: argument '{name}' must rise from 0 to {rows}, got {offsets.tolist()[:8]}")
    return np.ascontiguousarray(offsets, np.int64)


def budgets(
    op: str, sizes: Sequence[int], free: Sequence[int], k: Any, ratio: Any, limited: bool, clamp: bool
) -> list[int]:
    """How many rows each segment keeps: ``k``, round(ratio * n) half to even, or all with a stop distance."""
    if k is not None and ratio is not None:
        raise ValueError(f"{op}: arguments 'k' and 'ratio' exclude each other")
    if ratio is not None:
        share = real(op, "ratio", ratio, 0.0, 1.0)
        wanted = [round(share * n) for n in sizes]
    elif k is not None:
        wanted = per_segment(op, "k", k, len(sizes))
    elif limited:
        return list(free)
    else:
        raise ValueError(f"{op}: one of 'k', 'ratio' and 'min_distance' must be given")
    for segment, (number, limit) in enumerate(zip(wanted, free, strict=True)):
        if number < 0 or (number > limit and not clamp):
            raise ValueError(f"{op}: argument 'k' must be in [0, {limit}] in segment {segment}, got {number}")
    return [min(number, limit) for number, limit in zip(wanted, free, strict=True)]


def per_segment(op: str, name: str, value: Any, segments: int) -> list[int]:
    """One int for all segments, or one for each."""
    if _arrays.is_array(value):
        value = _arrays.host_array(op, name, value).tolist()
    if not isinstance(value, list | tuple):
        return [integer(op, name, value)] * segments
    if len(value) != segments:
        raise ValueError(f"{op}: argument '{name}' must have {segments} entries, got {len(value)}")
    return [integer(op, name, v) for v in value]
