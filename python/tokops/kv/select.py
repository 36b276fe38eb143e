# SPDX-License-Identifier: Apache-2.0
"""Selection of tokens from the KV cache by softmax votes, with the mass they retain.

After TokenSelect (arXiv 2411.02886), with scaled logits and the consecutive head map of grouped-query attention.
Every operation that decides ids is float32 in one fixed order, so all backends and thread counts give the same ids.
"""

from __future__ import annotations

from typing import Any

from .. import _arrays
from .._ops import FLOAT32, INT32, KV_FLOATS, Arg, Op
from .._scalars import choice, integer, real
from .selection import Selection

_MOST = 2**31 - 1

SELECT = Op(
    "kv_select",
    schema="(Tensor q, Tensor keys, Tensor? starts, Tensor? lens, SymInt k, SymInt n_sink, SymInt n_local, str per,"
    " float? scale, str nan) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
    args={
        "q": Arg(KV_FLOATS, "B Hq D", strides="rows"),
        "keys": Arg(KV_FLOATS, "B Hkv n D", strides="rows"),
        "starts": Arg(INT32, "B"),
        "lens": Arg(INT32, "B"),
    },
    returns={
        "indices": Arg(INT32, "B g m"),
        "counts": Arg(INT32, "B g"),
        "mass": Arg(FLOAT32, "B Hq"),
        "lse": Arg(FLOAT32, "B Hq"),
        "kth": Arg(FLOAT32, "B g"),
        "vote_slack": Arg(FLOAT32, "B"),
        "status": Arg(INT32, "B"),
    },
    symbols={
        "g": "1 if per == 'all' else Hkv if per == 'kv_group' else Hq",
        "m": "min(n, n_sink + k + n_local)",
    },
    public="kv.select",
    reference="kv.select:select",
    doc="kv",
)


def select(
    q: Any,
    keys: Any,
    k: int,
    *,
    n_sink: int = 128,
    n_local: int = 512,
    per: str = "all",
    scale: float | None = None,
    layout: str = "HND",
    starts: Any = None,
    lens: Any = None,
    nan: str = "raise",
    out: Selection | None = None,
) -> Selection:
    """Select the ``k`` tokens that the query heads attend to most, beside sinks and a local window.

    For row b with the valid tokens [start, end), its candidates C = [start + n_sink, end - n_local)::

        L[h, j] = scale * dot(q[b, h], K[b, h // G, j])        # G = Hq // Hkv query heads share a KV head
        P[h] = softmax of L[h] over C
        v[g, j] = sum(P[h, j] for h in heads_of_list(g))       # all heads, those of a KV head, or one
        list[g] = sinks + topk(v[g], k) + local window         # ascending, equal votes: lower id

    With no more than ``k`` candidates a list is every valid token.

    Parameters
    ----------
    q : float32 | float16 | bfloat16 [B, Hq, D]
        One query per row. Any leading strides, unit last stride, here and for ``keys``. uint16 = bfloat16 bits.
    keys : float32 | float16 | bfloat16 [B, Hkv, n, D], or [B, n, Hkv, D] with layout "NHD"
        Cached keys; Hq is a multiple of Hkv. Never copied.
    k : int
        Candidates to take per list, >= 0.
    n_sink, n_local : int
        First and last valid tokens that are always kept and take no part in the vote; clipped to the length.
    per : "all" | "kv_group" | "head"
        One list for all heads, one per KV head, or one per query head.
    scale : float, optional
        Of the logits; default D**-0.5.
    layout : "HND" | "NHD"
    starts, lens : int32 [B], optional
        The valid tokens of row b are [starts, starts + lens); default all. Ids stay absolute.
    nan : "raise" | "last"
        A token with a NaN or +inf logit is an error, or it leaves softmax and vote of its row, comes after all
        others, and sets ``status`` to 1.
    out : Selection, optional
        Where to write: the result of a call with the same shapes and options.

    Returns
    -------
    Selection, arrays in the library and on the device of ``q``.

    Raises
    ------
    TypeError
        Wrong kind or dtype.
    ValueError
        Wrong shape, stride, range or option; an unusable logit with nan="raise".

    Notes
    -----
    Reads K once: O(B * Hq * n * D) time; scratch 4 (Hq + g) n bytes for a row in work.

    References
    ----------
    TokenSelect, arXiv 2411.02886. Logits are scaled here; the released code does not scale them.

    Examples
    --------
    >>> import numpy as np
    >>> from tokops import kv
    >>> keys = np.zeros((1, 1, 8, 4), np.float32)
    >>> keys[0, 0, 5, 2] = 3
    >>> query = np.array([[[0, 0, 1, 0]]], np.float32)
    >>> kv.select(query, keys, 1, n_sink=1, n_local=1).indices.tolist()
    [[[0, 5, 7]]]
    """
    k = integer("kv.select", "k", k, 0, _MOST)
    n_sink = integer("kv.select", "n_sink", n_sink, 0, _MOST)
    n_local = integer("kv.select", "n_local", n_local, 0, _MOST)
    choice("kv.select", "per", per, ("all", "kv_group", "head"))
    scale = None if scale is None else real("kv.select", "scale", scale)
    choice("kv.select", "nan", nan, ("raise", "last"))
    keys = heads_first("kv.select", keys, layout)
    if out is not None and not isinstance(out, Selection):
        raise TypeError(f"kv.select: argument 'out' must be Selection, got {type(out).__name__}")
    fields = None if out is None else tuple(getattr(out, name) for name in SELECT.returns)
    return Selection(*SELECT(q, keys, starts, lens, k, n_sink, n_local, per, scale, nan, out=fields))


def heads_first(op: str, x: Any, layout: str) -> Any:
    """View ``x`` as [B, Hkv, n, D]; what is no 4-d array is left for the reader to refuse."""
    if choice(op, "layout", layout, ("HND", "NHD")) == "HND" or not _arrays.is_array(x) or x.ndim != 4:
        return x
    return x.swapaxes(1, 2)
