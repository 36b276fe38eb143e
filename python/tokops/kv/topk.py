# SPDX-License-Identifier: Apache-2.0
"""Row-wise exact top-k with a fixed order for ties.

Only integers decide: values are mapped to order-preserving keys, so every backend, instruction-set level and
thread count gives the same ids. O(rows * n) time.
"""

from __future__ import annotations

from typing import Any

from .._ops import INT32, KV_FLOATS, Arg, Like, Op
from .._scalars import boolean, choice, integer

SCORES = (*KV_FLOATS, "float64", "int32")

TOPK = Op(
    "kv_topk",
    schema="(Tensor x, Tensor? starts, Tensor? lens, SymInt k, bool largest, str order, str nan) -> Tensor",
    args={
        "x": Arg(SCORES, "rows? n", strides="rows"),
        "starts": Arg(INT32, "rows?"),
        "lens": Arg(INT32, "rows?"),
    },
    returns={"ids": Arg(INT32, "rows? k")},
    public="kv.topk",
    reference="kv.topk:topk",
    doc="kv",
)

TOPK_VALUES = Op(
    "kv_topk_values",
    schema=TOPK.schema.replace("-> Tensor", "-> (Tensor, Tensor)"),
    args=TOPK.args,
    returns={"ids": Arg(INT32, "rows? k"), "values": Like("x", "rows? k")},
    public="kv.topk",
    reference="kv.topk:topk_values",
    doc="kv",
)


def topk(
    x: Any,
    k: int,
    *,
    largest: bool = True,
    order: str = "index",
    starts: Any = None,
    lens: Any = None,
    nan: str = "last",
    return_values: bool = False,
    out: Any = None,
) -> Any:
    """Select the ``k`` largest entries of each row.

    The order is: NaN never, then larger first (smaller with ``largest=False``), -0.0 equal to 0.0, equal
    values by the lower column. ``ids[r]`` holds the first ``k`` columns of
    that order, sorted by column, then -1::

        window = range(starts[r], starts[r] + lens[r])
        ids[r] = sorted(sorted((j for j in window if x[r, j] == x[r, j]), key=lambda j: (-x[r, j], j))[:k])

    Parameters
    ----------
    x : float32 | float16 | bfloat16 | float64 | int32 [rows, n] or [n]
        Scores; any row stride, unit last stride, n < 2**31. A uint16 array holds bfloat16 bit patterns.
    k : int
        0 <= k <= n; with ``lens`` also more.
    largest : bool
        False selects the smallest.
    order : "index" | "value"
        Ids ascending, or best first (equal values: lower column first).
    starts, lens : int32 [rows], optional
        The valid columns of row r are [starts, starts + lens); default all. 0-d for one row.
        Ids stay absolute.
    nan : "last" | "raise"
        "last" never chooses a NaN; "raise" refuses it.
    return_values : bool
        Also return the chosen values.
    out : int32 [rows, k], or a tuple of it and the values, optional
        Where to write; must not overlap ``x``.

    Returns
    -------
    int32 [rows, k] or [k], in the library and on the device of ``x``; with ``return_values`` a tuple of it
    and the values in the dtype of ``x`` (float32 for uint16), 0 where the id is -1.

    Raises
    ------
    TypeError
        Another dtype, no array, ``k`` no int.
    ValueError
        Wrong rank, ``k``, range or stride; NaN with ``nan="raise"``.

    Notes
    -----
    Exact for every input. O(rows * n) time; scratch at worst 32 n bytes per row in work, usually about
    32 k bytes.

    Examples
    --------
    >>> import numpy as np
    >>> from tokops import kv
    >>> kv.topk(np.array([0.5, 2.0, 2.0, -1.0], np.float32), 2).tolist()
    [1, 2]
    """
    k = integer("kv.topk", "k", k, 0)
    boolean("kv.topk", "largest", largest)
    choice("kv.topk", "order", order, ("index", "value"))
    choice("kv.topk", "nan", nan, ("last", "raise"))
    if boolean("kv.topk", "return_values", return_values):
        return TOPK_VALUES(x, starts, lens, k, largest, order, nan, out=out)
    return TOPK(x, starts, lens, k, largest, order, nan, out=None if out is None else (out,))
