# SPDX-License-Identifier: Apache-2.0
"""Checks of the options of a step, each once, with one form of message."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from .._arrays import host_array, is_torch
from .._scalars import boolean, choice, integer, real

ESTIMATORS = ("auto", "rawrs", "desraj", "paper", "gawrs", "none", "exact")
MAX_VOCAB = (1 << 19) - 1  # so that every sum of masses fits int64
MAX_SEED = (1 << 64) - 1
TEMPERATURE, TOP_K, TOP_P, MIN_P = 1.0, 0, 1.0, 0.0  # the defaults, known by identity: no checks


class Shape(NamedTuple):
    """What turns logits into the distribution of a row."""

    inverse: float  # float32(1 / temperature); 1.0 when greedy
    greedy: bool
    top_k: int
    top_p: float
    min_p: float


PLAIN = Shape(1.0, False, TOP_K, TOP_P, MIN_P)


class StepOptions(NamedTuple):
    """How a row is drawn and weighed; -1 stands for "no limit" and "never"."""

    estimator: str
    extra: int
    eps: float
    max_rejects: int
    max_accepts: int
    mask_after: int
    tail: bool


def checked_shape(op: str, temperature: Any, top_k: Any, top_p: Any, min_p: Any) -> Shape:
    """Return the options that shape a distribution, or raise naming the wrong one."""
    if temperature is TEMPERATURE and top_k is TOP_K and top_p is TOP_P and min_p is MIN_P:
        return PLAIN
    inverse = inverse_temperature(op, temperature)
    top_k = min(integer(op, "top_k", top_k, 0), MAX_VOCAB)
    top_p = real(op, "top_p", top_p, 0.0, 1.0)
    if top_p == 0:
        raise ValueError(f"{op}: argument 'top_p' must be in (0, 1], got {top_p}")
    return Shape(inverse or 1.0, inverse == 0, top_k, top_p, real(op, "min_p", min_p, 0.0, 1.0))


def inverse_temperature(op: str, temperature: Any) -> float:
    """Return float32(1 / temperature); 0.0 stands for temperature 0."""
    value = real(op, "temperature", temperature)
    if value == 0:
        return 0.0
    if not 1e-6 <= value <= 1e6:
        raise ValueError(f"{op}: argument 'temperature' must be 0 or in [1e-6, 1e6], got {value}")
    return float(np.float32(1.0 / value))


def checked_options(
    op: str,
    greedy: bool,
    estimator: Any,
    max_rejects: Any,
    max_accepts: Any,
    extra: Any,
    eps: Any,
    mask_after: Any,
    tail: Any,
) -> StepOptions:
    """Return the options of a step, or raise naming the wrong one."""
    estimator = choice(op, "estimator", estimator, ESTIMATORS)
    if greedy and estimator not in ("auto", "none"):
        raise ValueError(
            f"{op}: argument 'estimator' must be auto or none at temperature 0, got {estimator!r}"
        )
    if max_rejects is not None:
        max_rejects = integer(op, "max_rejects", max_rejects, 1 if estimator == "none" else 2)
        if estimator == "paper":
            raise ValueError(
                f"{op}: argument 'max_rejects' must be None with estimator 'paper', got {max_rejects}"
            )
    if mask_after is not None:
        mask_after = integer(op, "mask_after", mask_after, 1)
        if estimator == "gawrs":
            raise ValueError(
                f"{op}: argument 'mask_after' must be None for 'gawrs' "
                f"(a switch to the mask would bias its weight), got {mask_after}"
            )
    eps = real(op, "eps", eps, 0.0, 1.0)
    if eps == 1:
        raise ValueError(f"{op}: argument 'eps' must be in [0, 1), got {eps}")
    return StepOptions(
        estimator,
        _bounded(integer(op, "extra", extra, 1)),
        eps,
        -1 if max_rejects is None else _bounded(max_rejects),
        _bounded(integer(op, "max_accepts", max_accepts, 2)),
        -1 if mask_after is None else _bounded(mask_after),
        boolean(op, "tail", tail),
    )


def checked_seed(op: str, value: Any) -> int:
    """Return an int in [0, 2^64), which is wider than other integers."""
    number = int(value) if isinstance(value, np.integer) else value
    if type(number) is int and 0 <= number <= MAX_SEED:
        return number
    if type(number) is int and number > MAX_SEED:
        raise ValueError(f"{op}: argument 'seed' must be below 2^64, got {number}")
    return integer(op, "seed", number, 0)


def checked_int64(op: str, name: str, value: Any, batch: int, high: int) -> np.ndarray[Any, Any]:
    """Return int64[batch] from an int, a sequence of ints or an integer array, each in [0, high]."""
    if isinstance(value, np.ndarray) or is_torch(value):
        array = host_array(op, name, value)
        if array.dtype.kind not in "iu" or array.dtype == np.uint16:
            raise TypeError(f"{op}: argument '{name}' must be int64[{batch}], got {array.dtype}")
        value = array.tolist()
    if hasattr(value, "__index__") and not isinstance(value, bool):
        array = np.empty(batch, np.int64)
        array.fill(integer(op, name, value, 0, high))
        return array
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise TypeError(f"{op}: argument '{name}' must be int or int64[{batch}], got {type(value).__name__}")
    items = [integer(op, name, item, 0, high) for item in value]
    if len(items) != batch:
        raise ValueError(f"{op}: argument '{name}' must have one item per row, {batch}, got {len(items)}")
    return np.array(items, np.int64)


def _bounded(count: int) -> int:
    return min(count, 1 << 62)
