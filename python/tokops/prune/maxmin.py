# SPDX-License-Identifier: Apache-2.0
"""Max-min selection (DivPrune): k rows whose smallest pairwise distance is as large as a greedy gets it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import _arrays
from .._ops import FLOAT32, FLOATS, INT64, Arg, Op
from .._scalars import boolean, choice, real
from ._kept import anchor_rows, free_rows, outside_offsets
from ._layout import Layout, budgets, layout, per_segment

_NAME = "prune.maxmin_select"

MAXMIN = Op(
    "prune_maxmin",
    schema="(Tensor x, Tensor? cu_seqlens, Tensor? budgets, Tensor? anchors, Tensor? anchor_features, "
    "Tensor? anchor_cu_seqlens, Tensor? weights, Tensor? init_rows, SymInt k, SymInt width, SymInt segments, "
    "str metric, str init, float min_distance, str precision, str order) -> (Tensor, Tensor, Tensor)",
    args={
        "x": Arg(FLOATS, "b? n d", strides="rows"),
        "cu_seqlens": Arg(INT64, "offsets"),
        "budgets": Arg(INT64, "segments"),
        "anchors": Arg(INT64, "anchors"),
        "anchor_features": Arg(FLOATS, "b? a d", strides="rows"),
        "anchor_cu_seqlens": Arg(INT64, "anchor_offsets"),
        "weights": Arg(FLOAT32, "b? n"),
        "init_rows": Arg(INT64, "segments"),
    },
    returns={
        "indices": Arg(INT64, "b? width"),
        "gaps": Arg(FLOAT32, "b? width"),
        "counts": Arg(INT64, "segments"),
    },
    public="prune.maxmin_select",
    reference="prune.maxmin:maxmin_op",
    doc="prune",
)


class Selection(NamedTuple):
    """Rows that stay.

    ``indices`` int64[m], or int64[b, k] for a batch, where unused places hold n; ``gaps`` float32 of the same shape,
    the score of each pick when it was made, NaN in unused places; ``counts`` int64, picks per segment.
    """

    indices: Any
    gaps: Any
    counts: Any


def maxmin_select(
    x: Any,
    k: Any = None,
    *,
    ratio: float | None = None,
    min_distance: float | None = None,
    init: str | int | Sequence[int] | None = None,
    anchors: Any = None,
    anchor_features: Any = None,
    anchor_cu_seqlens: Any = None,
    weights: Any = None,
    metric: str = "cosine",
    cu_seqlens: Any = None,
    precision: str = "float32",
    order: str = "index",
    clamp: bool = False,
    check: bool = True,
) -> Selection:
    """Select rows that are far from each other, greedily.

    Each step takes the free row with the largest ``min(distance to what is kept) * weight``, ties to the lowest
    row; no row is taken twice. Distances are ``1 - cosine`` in float64 with a fixed order of summation, so ids are
    the same on every backend. With ``d[i, j]`` the distances and no weights::

        picks = [argmax(min(d[i, j] for j != i) for i in rows)]          # init="isolated"
        while len(picks) < k:
            picks.append(argmax(min(d[i, p] for p in picks) for i in rows if i not in picks))

    Parameters
    ----------
    x : float32 | float16 | bfloat16 [n, d] or [b, n, d]
        Rows, unit last stride. Finite. A zero row is at distance 1 from all others and 0 from zero rows.
    k : int or one int per segment, optional
        Rows to keep. More than there are is a ValueError, or all with ``clamp``.
    ratio : float in [0, 1], optional
        Instead of ``k``: ``round(ratio * n)`` in each segment, half to even.
    min_distance : float >= 0, optional
        Stop before a pick whose score is smaller; alone (without k and ratio) the only limit. Not with weights.
    init : "isolated" | "farthest_pair" | "medoid" | int | one int per segment, optional
        The first pick, default "isolated": the row whose nearest other row is farthest. Not with anchors.
    anchors : int64 [a], or [b, a] for a batch, optional
        Rows that are kept already, without repeats; not returned.
    anchor_features : like ``x`` [a, d] or [b, a, d], optional
        Outside rows that are kept already; a ragged ``x`` needs ``anchor_cu_seqlens``.
    weights : float32 [n] or [b, n], optional
        Finite, >= 0; the score is distance * weight.
    metric : "cosine" | "euclidean"
    cu_seqlens : int32 | int64 [segments + 1] on the host, optional
        Offsets of the segments of a ragged ``x[n, d]``; each is selected from by itself.
    precision : "float32" | "input"
        "input" rounds every step to the dtype of ``x`` as a computation in that dtype does (cosine only).
    order : "index" | "pick"
        Ascending rows, or order of choice.
    clamp : bool
        Cut ``k`` to the free rows of a segment.
    check : bool
        Raise for non-finite rows. Always done on the CPU; on CUDA it waits for the device. With ``check=False`` a
        bad segment there gets indices n, gaps NaN and count -1, and the call can be captured in a graph.

    Returns
    -------
    Selection
        In the library and on the device of ``x``. In flat and ragged layouts indices are rows of ``x``; in a batch
        they are rows of each item. The first gap is +inf unless ``init`` is "isolated"; after the second they never
        increase (without weights).

    Raises
    ------
    TypeError, ValueError
        Wrong dtype or kind; wrong shape, k, ratio, row number, weight; NaN or infinity in the rows.

    Notes
    -----
    At most O(k n d) time after the first pick, which is O(n^2 d) at worst; O(n) memory (precision="input": a copy
    of ``x``). Not differentiable: indices and gaps carry no gradient.

    References
    ----------
    DivPrune (arXiv 2503.02175); Gonzalez 1985.
    """
    choice(_NAME, "metric", metric, ("cosine", "euclidean"))
    choice(_NAME, "precision", precision, ("float32", "input"))
    choice(_NAME, "order", order, ("index", "pick"))
    boolean(_NAME, "clamp", clamp)
    boolean(_NAME, "check", check)
    if precision == "input" and metric != "cosine":
        raise ValueError(f"{_NAME}: argument 'precision' must be float32 with metric='{metric}'")
    stop = -math.inf if min_distance is None else real(_NAME, "min_distance", min_distance, 0.0)
    if min_distance is not None and weights is not None:
        raise ValueError(f"{_NAME}: arguments 'min_distance' and 'weights' exclude each other")
    x, anchor_features, weights = map(_detached, (x, anchor_features, weights))
    place = layout(_NAME, x, cu_seqlens)
    if place is None:  # the operator reads x and says what is wrong with it
        return Selection(*MAXMIN(x, *(None,) * 7, 0, 0, 1, metric, "isolated", stop, precision, order))
    kept, outside = _kept(x, anchors, anchor_features, anchor_cu_seqlens, place)
    wanted = budgets(_NAME, place.sizes, free_rows(place, kept), k, ratio, min_distance is not None, clamp)
    rule, rows = _first(init, place, wanted, kept is not None or outside is not None, weights)
    equal = len(set(wanted)) <= 1
    width = (max(wanted, default=0)) if place.batch else sum(wanted)
    indices, gaps, counts = MAXMIN(
        x, _host(x, place.offsets), None if equal else _host(x, wanted), _host(x, kept),
        anchor_features, _host(x, outside), weights, _host(x, rows), wanted[0] if wanted else 0, width,
        len(wanted), metric, rule, stop, precision, order,
    )  # fmt: skip
    waits = min_distance is not None and not place.batch  # the sizes of the results are read
    if (check or waits) and _arrays.is_cuda(x):
        _raise_bad_segment(counts)
    if waits:
        total = int(counts.sum())
        indices, gaps = indices[:total], gaps[:total]
    return Selection(indices, gaps, counts)


def _raise_bad_segment(counts: Any) -> None:
    """CUDA kernels cannot raise: they give a segment that they refuse the count -1."""
    for segment, count in enumerate(counts.tolist()):
        if count < 0:
            raise ValueError(
                f"{_NAME}: arguments 'x', 'anchor_features' and 'weights' must be finite, weights at least 0, "
                f"got another value in segment {segment}"
            )


def _detached(x: Any) -> Any:
    """``x`` without its graph: results carry no gradient."""
    return x.detach() if getattr(x, "requires_grad", False) else x


def _host(x: Any, values: Any) -> Any:
    """int64 values in the library of ``x``, or None."""
    return None if values is None else _arrays.like(x, np.array(values, np.int64))


def _kept(x: Any, anchors: Any, features: Any, cu_seqlens: Any, place: Layout) -> tuple[Any, Any]:
    rows = x.shape[0] * x.shape[1] if place.batch else x.shape[0]
    kept = None if anchors is None else anchor_rows(_NAME, anchors, place, rows)
    if features is None:
        if cu_seqlens is not None:
            raise ValueError(f"{_NAME}: argument 'anchor_cu_seqlens' goes with 'anchor_features'")
        return kept, None
    return kept, outside_offsets(_NAME, features, cu_seqlens, place)


def _first(
    init: Any, place: Layout, wanted: list[int], has_kept: bool, weights: Any
) -> tuple[str, list[int] | None]:
    if init is None:
        return "isolated", None
    if has_kept:
        raise ValueError(f"{_NAME}: argument 'init' excludes 'anchors' and 'anchor_features'")
    if isinstance(init, str):
        choice(_NAME, "init", init, ("isolated", "farthest_pair", "medoid"))
        if init == "farthest_pair" and weights is not None:
            raise ValueError(f"{_NAME}: argument 'init' must not be farthest_pair with 'weights'")
        return init, None
    rows = per_segment(_NAME, "init", init, len(place.sizes))
    for segment, (row, n, k) in enumerate(zip(rows, place.sizes, wanted, strict=True)):
        if k > 0 and not 0 <= row < n:
            raise ValueError(f"{_NAME}: argument 'init' must be in [0, {n}) in segment {segment}, got {row}")
    return "isolated", rows
