# SPDX-License-Identifier: Apache-2.0
"""Attention of one query per batch row over listed tokens of the KV cache, or over all of them.

Both run the same loops in the same order: a list of all tokens gives exactly what dense attention gives.
Inference only: the results have no gradient.
"""

from __future__ import annotations

from typing import Any

from .. import _arrays
from .._ops import FLOAT32, INT32, KV_FLOATS, Arg, Like, Op
from .._scalars import boolean, real
from .select import heads_first
from .selection import Selection

_HEADS = {
    "q": Arg(KV_FLOATS, "B Hq D", strides="rows"),
    "keys": Arg(KV_FLOATS, "B Hkv n D", strides="rows"),
    "values": Arg(KV_FLOATS, "B Hkv n Dv", strides="rows"),
}
_RESULTS: dict[str, Arg | Like] = {"out": Like("q", "B Hq Dv"), "lse": Arg(FLOAT32, "B Hq")}

SPARSE_ATTENTION = Op(
    "kv_sparse_attention",
    schema="(Tensor q, Tensor keys, Tensor values, Tensor indices, Tensor? counts, Tensor? sink_logits,"
    " float? scale, float? softcap) -> (Tensor, Tensor)",
    args=_HEADS
    | {"indices": Arg(INT32, "B g m"), "counts": Arg(INT32, "B g"), "sink_logits": Arg(FLOAT32, "Hq")},
    returns=_RESULTS,
    public="kv.sparse_attention",
    reference="kv.attention:sparse_attention",
    doc="kv",
)

DECODE_ATTENTION = Op(
    "kv_decode_attention",
    schema="(Tensor q, Tensor keys, Tensor values, Tensor? starts, Tensor? lens, Tensor? sink_logits,"
    " float? scale, float? softcap) -> (Tensor, Tensor)",
    args=_HEADS | {"starts": Arg(INT32, "B"), "lens": Arg(INT32, "B"), "sink_logits": Arg(FLOAT32, "Hq")},
    returns=_RESULTS,
    public="kv.decode_attention",
    reference="kv.attention:decode_attention",
    doc="kv",
)


def sparse_attention(
    q: Any,
    keys: Any,
    values: Any,
    indices: Any,
    counts: Any = None,
    *,
    scale: float | None = None,
    softcap: float | None = None,
    sink_logits: Any = None,
    layout: str = "HND",
    return_lse: bool = False,
    out: Any = None,
) -> Any:
    """Attend each query head to the tokens of its list.

    With L the scaled logits, ``softcap * tanh(L / softcap)`` where a softcap is given::

        weights = softmax([L[h, j] for j in list] + [sink_logits[h]])     # the sink only when given
        o[h] = sum(weight * V[h // G, j] for weight, j in zip(weights, list))

    Parameters
    ----------
    q : float32 | float16 | bfloat16 [B, Hq, D]
        One query per row. Any leading strides, unit last stride, here and below. uint16 = bfloat16 bits.
    keys, values : float32 | float16 | bfloat16 [B, Hkv, n, D] and [B, Hkv, n, Dv], or NHD
        The cache, one dtype for both; never copied.
    indices : int32 [B, g, m], or Selection
        Token ids of list g = 1, Hkv or Hq, in any order; -1 is skipped. List r serves the heads with
        ``h * g // Hq == r``.
    counts : int32 [B, g], optional
        Ids that count in each list; default all, or those of the Selection.
    scale : float, optional
        Default D**-0.5.
    softcap : float, optional
        > 0.
    sink_logits : float32 [Hq], optional
        One more logit per head, which takes probability and adds no value.
    layout : "HND" | "NHD"
    return_lse : bool
        Also return the log of the sum of exponentials, the sink's term included.
    out : [B, Hq, Dv], or a tuple of it and float32 [B, Hq] with ``return_lse``, optional

    Returns
    -------
    o [B, Hq, Dv] in the dtype of ``q`` (float32 for uint16), or (o, lse float32 [B, Hq]). An empty list gives 0
    and -inf. A NaN or +inf logit makes the head NaN.

    Raises
    ------
    TypeError
        Wrong kind or dtype.
    ValueError
        Wrong shape or stride; an id outside of [-1, n), a duplicate in a list, a count outside of [0, m]; an argument
        that requires grad under grad mode.

    Notes
    -----
    O(B * Hq * m * (D + Dv)) time; scratch 4 Dv bytes per query head and 512 ids. float32 sums in list order.
    """
    op = "kv.sparse_attention"
    scale = None if scale is None else real(op, "scale", scale)
    softcap = _softcap(op, softcap)
    keys, values = heads_first(op, keys, layout), heads_first(op, values, layout)
    if isinstance(indices, Selection):
        counts = indices.counts if counts is None else counts
        indices = indices.indices
    buffers = _results(op, out, return_lse, q)
    pair = SPARSE_ATTENTION(q, keys, values, indices, counts, sink_logits, scale, softcap, out=buffers)
    return pair if return_lse else pair[0]


def decode_attention(
    q: Any,
    keys: Any,
    values: Any,
    *,
    starts: Any = None,
    lens: Any = None,
    scale: float | None = None,
    softcap: float | None = None,
    sink_logits: Any = None,
    layout: str = "HND",
    return_lse: bool = False,
    out: Any = None,
) -> Any:
    """Attend each query head to all valid tokens: ``sparse_attention`` with the list [start, start + len).

    Parameters
    ----------
    q, keys, values, scale, softcap, sink_logits, layout, return_lse, out
        As in `sparse_attention`.
    starts, lens : int32 [B], optional
        The valid tokens of row b are [starts, starts + lens); default all.

    Returns
    -------
    o [B, Hq, Dv] in the dtype of ``q`` (float32 for uint16), or (o, lse float32 [B, Hq]). A row without tokens
    gives 0 and -inf.

    Raises
    ------
    TypeError, ValueError
        As in `sparse_attention`; a range outside of [0, n).

    Notes
    -----
    O(B * Hq * n * (D + Dv)) time; scratch 4 Dv bytes per query head and 512 tokens. The bits equal those of
    `sparse_attention` over the same tokens in ascending order.
    """
    op = "kv.decode_attention"
    scale = None if scale is None else real(op, "scale", scale)
    softcap = _softcap(op, softcap)
    keys, values = heads_first(op, keys, layout), heads_first(op, values, layout)
    buffers = _results(op, out, return_lse, q)
    pair = DECODE_ATTENTION(q, keys, values, starts, lens, sink_logits, scale, softcap, out=buffers)
    return pair if return_lse else pair[0]


def _softcap(op: str, softcap: float | None) -> float | None:
    if softcap is None:
        return None
    value = real(op, "softcap", softcap)
    if value <= 0:
        raise ValueError(f"{op}: argument 'softcap' must be above 0, got {value}")
    return value


def _results(op: str, out: Any, return_lse: bool, q: Any) -> tuple[Any, ...] | None:
    """The two results to write to, or None when both are to be made."""
    if boolean(op, "return_lse", return_lse):
        if out is None or (isinstance(out, tuple) and len(out) == 2):
            return out
        raise TypeError(f"{op}: argument 'out' must be a tuple (o, lse), got {type(out).__name__}")
    if out is None or not _arrays.is_array(q) or q.ndim != 3:
        return None
    return out, _arrays.new_like(tuple(q.shape[:2]), "float32", q)
