# SPDX-License-Identifier: Apache-2.0
"""Inputs of the parity tests. Each ``tests/cases/<family>.py`` yields ``Case``s from ``cases()``.

A case names a public operator and its arguments, with numpy arrays; the harness runs it on every backend,
instruction-set level and thread count, on numpy and torch inputs, against the reference.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """One call of one public operator.

    ``tolerance`` None: every output bit-equal. A float: |a - b| <= tolerance * max|reference| on float outputs,
    integers exact. ``error``: every backend must raise it.
    """

    call: str
    id: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    tolerance: float | None = None
    error: type[Exception] | None = None

    @property
    def name(self) -> str:
        return f"{self.call}/{self.id}"


def all_cases() -> list[Case]:
    folder = Path(__file__).parent
    modules = sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")
    return [case for name in modules for case in import_module(f"{__name__}.{name}").cases()]


def bf16(array: np.ndarray) -> np.ndarray:
    """``array`` rounded to bfloat16 (an ``ml_dtypes`` array)."""
    import ml_dtypes

    return np.asarray(array, np.float32).astype(ml_dtypes.bfloat16)


def dyadic(rng: np.random.Generator, *shape: int, steps: int = 64) -> np.ndarray:
    """Random float32 multiples of 1/``steps`` in [-1, 1]: every summation order gives the same bits."""
    return rng.integers(-steps, steps + 1, shape).astype(np.float32) / np.float32(steps)


def flatten(value: Any) -> list[Any]:
    """The arrays and scalars of a result, in order: tuples and dataclasses are opened."""
    if isinstance(value, (tuple, list)):
        return [leaf for part in value for leaf in flatten(part)]
    if dataclasses.is_dataclass(value):
        return [leaf for f in dataclasses.fields(value) for leaf in flatten(getattr(value, f.name))]
    return [value]


def map_arrays(value: Any, function: Any) -> Any:
    """``value`` with ``function`` applied to each numpy array inside tuples, lists and dicts."""
    if isinstance(value, np.ndarray):
        return function(value)
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return tuple(map_arrays(part, function) for part in value)
    if isinstance(value, list):
        return [map_arrays(part, function) for part in value]
    if isinstance(value, dict):
        return {key: map_arrays(part, function) for key, part in value.items()}
    return value
