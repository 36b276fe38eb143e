# SPDX-License-Identifier: Apache-2.0
"""Compaction: the kept positions of every row move to the front (MrT5's hard deletion, any pruner's last step)."""

from __future__ import annotations

import math
import sys
from typing import Any, NamedTuple

import numpy as np

from .. import _arrays
from .._ops import INT64, Arg, Like, Op
from .._scalars import integer
from ._layout import host_offsets

_DENSE, _RAGGED = "prune.compact_tokens", "prune.compact_tokens_ragged"
_INTEGERS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")
_ANY = ("bool", *_INTEGERS, "float16", "bfloat16", "float32", "float64")
_KEEP = ("bool", "int64")

COMPACT = Op(
    "prune_compact",
    schema="(Tensor x, Tensor keep, Tensor pad, SymInt width, int min_keep) -> (Tensor, Tensor, Tensor, Tensor)",
    args={"x": Arg(_ANY, "b s inner", strides="rows"), "keep": Arg(_KEEP, "b kept"), "pad": Arg(_ANY, "1")},
    returns={
        "out": Like("x", "b width inner"),
        "mask": Arg(("bool",), "b width"),
        "index": Arg(INT64, "b width"),
        "lengths": Arg(INT64, "b"),
    },
    public="prune.compact_tokens",
    reference="prune.compact:compact_op",
    doc="prune",
)
COMPACT_RAGGED = Op(
    "prune_compact_ragged",
    schema="(Tensor x, Tensor cu_seqlens, Tensor keep, SymInt width) -> (Tensor, Tensor, Tensor)",
    args={
        "x": Arg(_ANY, "n inner", strides="rows"),
        "cu_seqlens": Arg(("int32", "int64"), "offsets"),
        "keep": Arg(_KEEP, "kept"),
    },
    returns={
        "out": Like("x", "width inner"),
        "out_cu_seqlens": Like("cu_seqlens", "offsets"),
        "index": Arg(INT64, "width"),
    },
    public="prune.compact_tokens_ragged",
    reference="prune.compact:compact_ragged_op",
    doc="prune",
)


class Compacted(NamedTuple):
    """``out`` [b, c, ...], ``mask`` bool[b, c], ``index`` int64[b, c] (-1 in padding), ``lengths`` int64[b]."""

    out: Any
    mask: Any
    index: Any
    lengths: Any


def compact_tokens(
    x: Any, keep: Any, *, pad_value: Any = 0, capacity: int | None = None, min_keep: int = 0, out: Any = None
) -> Compacted:
    """Move the kept positions of each row to the front.

    ``out[r, j] = x[r, index[r, j]]`` for ``j < lengths[r]``, then ``pad_value``.

    Parameters
    ----------
    x : any dtype [b, s, ...]
        Trailing axes contiguous; rows and batch may be strided.
    keep : bool [b, s] | int64 [b, k]
        Mask, or positions in the wanted order with -1 only as a tail.
    pad_value : scalar
        Fills ``out`` behind the kept positions; must be a value of the dtype.
    capacity : int, optional
        Width c of the result. None: the longest row, which on CUDA reads one number back.
    min_keep : 0 | 1
        1: a row with nothing kept keeps position 0.
    out : like ``x`` [b, c, ...], optional
        Where to write; contiguous, must not overlap the inputs.

    Returns
    -------
    Compacted
        In the library and on the device of ``x``.

    Raises
    ------
    TypeError, ValueError
        Wrong kind or dtype; wrong shape or stride, a position out of range, a row longer than ``capacity``.

    Notes
    -----
    O(bytes written), rows in parallel. Differentiable in ``x`` (float torch tensors): the backward adds the gradient
    of each copy to its position; not together with ``out``.

    References
    ----------
    MrT5 (arXiv 2410.20771).
    """
    low = integer(_DENSE, "min_keep", min_keep, 0, 1)
    if not _arrays.is_array(x) or not _arrays.is_array(keep) or x.ndim < 2 or keep.ndim != 2:
        return Compacted(*COMPACT(_read(_DENSE, x, 2), keep, None, 0, low))  # it says what is wrong
    flat = _flat(_DENSE, x, 2)
    width = (
        _longest(keep, low if x.shape[1] else 0)
        if capacity is None
        else integer(_DENSE, "capacity", capacity, 0)
    )
    pad = _pad(x, pad_value)
    shape = (x.shape[0], width, *x.shape[2:])
    if _needs_grad(x):
        if out is not None:
            raise ValueError(f"{_DENSE}: argument 'x' requires grad, which 'out' cannot carry")
        from ._compact_grad import compact_with_grad

        kept, mask, index, lengths = compact_with_grad(flat, keep, pad, width, low)
    elif out is None:
        kept, mask, index, lengths = COMPACT(flat, keep, pad, width, low)
    else:
        if not _arrays.is_array(out) or tuple(out.shape) != shape:
            raise ValueError(f"{_DENSE}: argument 'out' must be {list(shape)}")
        places = [_arrays.new_like(shape[:2], name, x) for name in ("bool", "int64")]
        results = (_flat(_DENSE, out, 2), *places, _arrays.new_like(shape[:1], "int64", x))
        _, mask, index, lengths = COMPACT(flat, keep, pad, width, low, out=results)
        return Compacted(out, mask, index, lengths)
    return Compacted(_unflat(kept, x, shape), mask, index, lengths)


def compact_tokens_ragged(x: Any, cu_seqlens: Any, keep: Any) -> tuple[Any, Any, Any]:
    """Keep some rows of every sequence of a ragged batch.

    Parameters
    ----------
    x : any dtype [n, ...]
        Sequences end to end; trailing axes contiguous.
    cu_seqlens : int32 | int64 [sequences + 1] on the host
        Offsets of the sequences.
    keep : bool [n] | int64 [m]
        Mask, or row numbers grouped by sequence (their order inside a sequence is kept).

    Returns
    -------
    (out [m, ...], cu_seqlens like the given one, index int64 [m])
        Kept rows, their offsets, and where they came from.

    Raises
    ------
    TypeError, ValueError
        Wrong kind or dtype; wrong shape, offsets, or a row out of range or out of its sequence's turn.

    Notes
    -----
    O(bytes written); a mask on CUDA reads one number back. Differentiable in ``x`` (float torch tensors).
    """
    if not _arrays.is_array(x) or not _arrays.is_array(keep) or x.ndim < 1 or keep.ndim != 1:
        made: tuple[Any, Any, Any] = COMPACT_RAGGED(_read(_RAGGED, x, 1), np.zeros(1, np.int64), keep, 0)
        return made  # never reached: the operator says what is wrong
    offsets = host_offsets(_RAGGED, "cu_seqlens", cu_seqlens, x.shape[0])
    narrow = str(getattr(cu_seqlens, "dtype", "")).endswith("int32")
    offsets = _arrays.like(x, offsets.astype(np.int32) if narrow else offsets)
    width = int(keep.sum()) if _is_bool(keep) else keep.shape[0]
    flat = _flat(_RAGGED, x, 1)
    if _needs_grad(x):
        from ._compact_grad import ragged_with_grad

        kept, ends, index = ragged_with_grad(flat, offsets, keep, width)
    else:
        kept, ends, index = COMPACT_RAGGED(flat, offsets, keep, width)
    return _unflat(kept, x, (width, *x.shape[1:])), ends, index


def _read(op: str, x: Any, axes: int) -> Any:
    """``x`` as the operator should see it when something is wrong with the call."""
    return _flat(op, x, axes) if _arrays.is_array(x) and x.ndim >= axes else x


def _flat(op: str, x: Any, axes: int) -> Any:
    """View ``x`` with its trailing axes joined; uint16 as int16 (uint16 means bfloat16 inside the reference)."""
    strides = x.stride() if _arrays.is_torch(x) else [step // x.itemsize for step in x.strides]
    size = 1
    for axis in range(x.ndim - 1, axes - 1, -1):
        if x.shape[axis] != 1 and strides[axis] != size and math.prod(x.shape):
            raise ValueError(
                f"{op}: argument 'x' must have contiguous trailing axes; call .contiguous() first"
            )
        size *= x.shape[axis]
    flat = x[..., None] if x.ndim == axes else x.reshape(*x.shape[:axes], size)
    return _bits(flat) if str(x.dtype).endswith("uint16") else flat


def _bits(x: Any) -> Any:
    return x.view(sys.modules["torch"].int16) if _arrays.is_torch(x) else x.view(np.int16)


def _unflat(kept: Any, x: Any, shape: tuple[int, ...]) -> Any:
    return (kept.view(x.dtype) if kept.dtype != x.dtype else kept).reshape(shape)


def _pad(x: Any, value: Any) -> Any:
    """One element that holds ``value`` exactly (floats: rounded) in the dtype of ``x``."""
    try:
        if _arrays.is_torch(x):
            pad = sys.modules["torch"].full((1,), value, dtype=x.dtype, device=x.device)
        else:
            pad = np.full(1, value, x.dtype)
        kept = "float" in str(x.dtype) or pad.item() == value
    except (OverflowError, RuntimeError):
        kept = False
    except (TypeError, ValueError) as error:
        raise TypeError(f"{_DENSE}: argument 'pad_value' must be a number, got {value!r}") from error
    if not kept:
        raise ValueError(f"{_DENSE}: argument 'pad_value' must be a value of {x.dtype}, got {value!r}")
    return _bits(pad) if str(x.dtype).endswith("uint16") else pad


def _longest(keep: Any, low: int) -> int:
    """Most positions that one row keeps."""
    if not keep.shape[0]:
        return 0
    try:
        return max(low, int((keep if _is_bool(keep) else keep >= 0).sum(-1).max()))
    except RuntimeError as error:  # torch's word for a tensor without strided memory
        raise TypeError(
            f"{_DENSE}: argument 'keep' must be an array with memory, got {keep.layout}"
        ) from error


def _is_bool(keep: Any) -> bool:
    return str(keep.dtype) in ("bool", "torch.bool")


def _needs_grad(x: Any) -> bool:
    return _arrays.is_torch(x) and x.requires_grad and sys.modules["torch"].is_grad_enabled()
