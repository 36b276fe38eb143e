# SPDX-License-Identifier: Apache-2.0
"""Resampling of weighted particles: which ancestors go on. Bookkeeping in Python; n is small.

Doubles u_i = (u64 >> 11) 2^-53 from words of purpose 3, stream 2^63, j = i; c = running sums of w / sum(w), left to
right, 1.0 from the last positive weight on; a draw picks the first c > u.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _cpu
from .._arrays import host_array, is_array, like
from .._scalars import choice, integer
from .options import checked_seed

NAME = "constrain.resample"
METHODS = ("multinomial", "stratified", "systematic", "residual")
STREAM, PURPOSE = 1 << 63, 3


def resample(weights: Any, n: int, *, method: str = "multinomial", seed: int, step: int = 0) -> Any:
    """Draw ``n`` indices in proportion to ``weights``.

    Parameters
    ----------
    weights : float64[m] or sequence of float
        Finite, not negative, not all 0.
    n : int
        In [0, 2^28).
    method : "multinomial" | "stratified" | "systematic" | "residual"
        ``u_i``; ``(i + u_i)/n``; ``(i + u_0)/n``; ``floor(n p)`` copies first, the rest multinomial.
    seed, step : int
        In [0, 2^64) and [0, 2^32).

    Returns
    -------
    int64[n]
        In the library of ``weights``.

    Raises
    ------
    TypeError, ValueError
        Wrong argument, by name.
    """
    choice(NAME, "method", method, METHODS)
    n = integer(NAME, "n", n, 0, (1 << 28) - 1)
    seed, step = checked_seed(NAME, seed), integer(NAME, "step", step, 0, (1 << 32) - 1)
    p = _probabilities(weights)
    if method == "residual":
        copies = np.floor(n * p).astype(np.int64)
        rest = n - int(copies.sum())
        kept = np.repeat(np.arange(len(p)), copies)
        found = np.concatenate([kept, _pick(n * p - copies, _uniforms(seed, step, rest))])
    elif method == "multinomial":
        found = _pick(p, _uniforms(seed, step, n))
    else:
        u = _uniforms(seed, step, n if method == "stratified" else min(n, 1))
        found = _pick(p, (np.arange(n) + u) / max(n, 1))
    return like(weights, found) if is_array(weights) else found


def _probabilities(weights: Any) -> np.ndarray[Any, Any]:
    array = host_array("constrain.resample", "weights", weights)
    if array.dtype.kind not in "fiu" or array.dtype == np.uint16 or array.ndim != 1:
        raise TypeError(
            f"{NAME}: argument 'weights' must be float64[m], got {array.dtype}{list(array.shape)}"
        )
    array = np.array(array, np.float64)
    if not np.isfinite(array).all() or (array < 0).any() or not (array > 0).any():
        raise ValueError(f"{NAME}: argument 'weights' must be finite, not negative and not all 0")
    array /= array.max()  # so that the sum cannot overflow
    array /= np.cumsum(array)[-1]
    return array


def _uniforms(seed: int, step: int, count: int) -> np.ndarray[Any, Any]:
    blocks = (_cpu.philox(seed, STREAM, step << 32 | PURPOSE << 28 | j) for j in range(count))
    return np.array([((word[0] | word[1] << 32) >> 11) * 2.0**-53 for word in blocks], np.float64)


def _pick(p: np.ndarray[Any, Any], u: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if len(u) == 0:
        return np.zeros(0, np.int64)
    c = np.cumsum(p)
    c /= c[-1]
    c[np.flatnonzero(p > 0)[-1] :] = 1.0
    found = np.empty(len(u), np.int64)
    found[:] = np.searchsorted(c, u, side="right")
    return found
