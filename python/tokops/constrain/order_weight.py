# SPDX-License-Identifier: Apache-2.0
"""The estimators of a step for a given visiting order: no randomness, float64 masses.

For those who have an order from elsewhere (Gumbel keys, a beam) and want its weight; and the bridge on which the
estimators are compared with other programs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .. import _cpu
from .._arrays import is_array, to_numpy
from .._dispatch import backend_name
from .._ops import Entry
from .._scalars import choice, integer, real

NAME = "constrain.order_weight"
Entry(NAME, doc="constrain")


class OrderResult(NamedTuple):
    """``position`` of the accepted item (-1 unless OK), its ``weight``, items asked, and the status."""

    position: int
    weight: float
    checks: int
    status: int


def order_weight(
    masses: Any,
    accepted: Any,
    *,
    total: float | None = None,
    estimator: str = "rawrs",
    extra: int = 1,
    eps: float = 0.0,
    max_rejects: int | None = None,
) -> OrderResult:
    """Return what a step gives that visits items in this order.

    Parameters
    ----------
    masses : float64[n]
        Masses in visiting order, finite and not negative.
    accepted : bool[n]
        Answers in visiting order; only as many are used as the estimator asks for.
    total : float, optional
        Mass of the whole distribution when the order does not hold all of it; default ``sum(masses)``.
    estimator : "rawrs" | "desraj" | "none"
        "gawrs" and "paper" visit tokens again and are not functions of one order.
    extra, eps, max_rejects
        As in :func:`awrs_step`.

    Returns
    -------
    OrderResult
        weight: estimate of the allowed fraction of ``total``; 1.0 for "none", 0.0 without an accepted item.

    Raises
    ------
    TypeError, ValueError
        Wrong array or option, by name.

    Notes
    -----
    O(n). Sums run left to right in float64.
    """
    choice(NAME, "estimator", estimator, ("rawrs", "desraj", "none"))
    extra, eps = integer(NAME, "extra", extra, 1), real(NAME, "eps", eps, 0.0, 1.0)
    if max_rejects is not None:
        max_rejects = integer(NAME, "max_rejects", max_rejects, 1 if estimator == "none" else 2)
    weights, answers = _items(masses, "masses", np.float64), _items(accepted, "accepted", np.bool_)
    if len(weights) != len(answers):
        raise ValueError(f"{NAME}: argument 'accepted' must have {len(weights)} items, got {len(answers)}")
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError(f"{NAME}: argument 'masses' must be finite and not negative")
    if total is not None:
        total = real(NAME, "total", total, 0.0)
    if estimator != "desraj":
        extra, eps = 1, 0.0
    limit = -1 if max_rejects is None else min(max_rejects, 1 << 62)
    whole = -1.0 if total is None else total
    if backend_name() == "reference":
        from ..reference.constrain.order_weight import order_weight as reference

        return OrderResult(*reference(weights, answers, whole, estimator == "none", extra, eps, limit))
    found = _cpu.constrain_order_weight(
        weights, answers, whole, estimator == "none", min(extra, 1 << 62), eps, limit
    )
    return OrderResult(*found)


def _items(value: Any, name: str, dtype: Any) -> np.ndarray[Any, Any]:
    array = (
        to_numpy(value) if is_array(value) else np.asarray(value, dtype=dtype if len(value) == 0 else None)
    )
    if array.dtype != dtype or array.ndim != 1:
        raise TypeError(
            f"{NAME}: argument '{name}' must be {np.dtype(dtype)}[n], got {array.dtype}{list(array.shape)}"
        )
    return np.ascontiguousarray(array)
