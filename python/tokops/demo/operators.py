# SPDX-License-Identifier: Apache-2.0
"""Time the recorded calls on the reference and on the native backend and compare what they return.

Both backends get the arguments of the real run. Outputs are equal when all bits are; floats that differ by
at most 1e-6 of the largest value are reported as such, all else is a difference. The checker of a sampling
step remembers its answers, so that row times the operator and the Python states that remember, not the parser.
Medians; the reference runs once or for half a second, the native backend for a fifth of a second.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import use_backend
from .model import Model
from .tape import Call, Tape

TOLERANCE = 1e-6


@dataclass(frozen=True)
class OperatorRow:
    """One line of the table; ``equal`` is "yes", "to 1e-6" or "no"."""

    name: str
    inputs: str
    reference_seconds: float
    native_seconds: float
    equal: str

    @property
    def ratio(self) -> float:
        """Reference time over native time."""
        return self.reference_seconds / self.native_seconds


def compare(tape: Tape, model: Model, on_done: Callable[[], None]) -> list[OperatorRow]:
    """One row per recorded operator, in the order of the run."""
    rows = []
    for name, call in tape.calls.items():
        with use_backend("reference"):
            expected, reference_seconds = _measure(_bound(name, call, model), budget_seconds=0.5, least=1)
        with use_backend("cpp"):
            got, native_seconds = _measure(_bound(name, call, model), budget_seconds=0.2, least=6)
        equal = _equality(_arrays(expected), _arrays(got))
        rows.append(OperatorRow(name, _describe(call), reference_seconds, native_seconds, equal))
        on_done()
    return rows


def _bound(name: str, call: Call, model: Model) -> Callable[[], Any]:
    """Bind the call to the backend in force; a tokenizer belongs to the backend that made it."""
    if name.startswith("bpe."):
        return Call(model.encoding().encode_ordinary, call.args, call.kwargs)
    return call


def _measure(call: Callable[[], Any], *, budget_seconds: float, least: int) -> tuple[Any, float]:
    """Give the result and the median seconds; the first call only counts when there is no other."""
    result, samples = None, list[float]()
    while len(samples) < least or (sum(samples) < budget_seconds and len(samples) < 1000):
        start = time.perf_counter()
        result = call()
        samples.append(time.perf_counter() - start)
    return result, statistics.median(samples[1:] or samples)


def _arrays(result: Any) -> list[np.ndarray[Any, Any]]:
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        result = tuple(getattr(result, item.name) for item in dataclasses.fields(result))
    if isinstance(result, tuple):
        return [array for part in result for array in _arrays(part)]
    return [np.asarray(result)]


def _equality(expected: list[np.ndarray[Any, Any]], got: list[np.ndarray[Any, Any]]) -> str:
    exact = True
    for a, b in zip(expected, got, strict=True):
        if a.dtype != b.dtype or a.shape != b.shape:
            return "no"
        if a.tobytes() == b.tobytes():
            continue
        exact = False
        if a.dtype.kind != "f" or not np.allclose(
            a, b, rtol=0, atol=TOLERANCE * np.abs(a).max(), equal_nan=True
        ):
            return "no"
    return "yes" if exact else "to 1e-6"


def _describe(call: Call) -> str:
    """Shapes of the first array or the length of the text."""
    parts = []
    for value in call.args[:3]:
        if isinstance(value, str):
            parts.append(f"{len(value)} characters")
        elif isinstance(value, np.ndarray):
            parts.append(f"{'x'.join(str(size) for size in value.shape)}")
    return ", ".join(parts)
