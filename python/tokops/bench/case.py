# SPDX-License-Identifier: Apache-2.0
"""What a family writes for the benchmark: rows, and the subject that a row makes.

A row is cheap to construct; its ``make`` builds the inputs and imports the peers, so listing rows
costs nothing. Every contestant is a callable without arguments that returns its result: the runner
compares the results with ``equal`` before it times anything. What changes its input must copy it
inside the call. Example::

    def rows() -> list[Row]:
        return [Row("kv.topk/128k/float32", op="kv.topk", make=topk_128k)]

    def topk_128k() -> Subject:
        x = np.random.default_rng(0).standard_normal((1, 131072), np.float32)
        peers = {"reference": lambda: reference_topk(x, 2048)}
        if installed("torch"):
            import torch
            t = torch.from_numpy(x)
            peers["torch.topk"] = lambda: t.topk(2048).indices
        return Subject(lambda: topk(x, 2048), peers, equal=same_set, missing=absent("torch"))
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Call = Callable[[], object]
Equal = Callable[[Any, Any], bool]


def same(ours: object, theirs: object) -> bool:
    """Tell whether two results hold equal values: arrays, tensors, sequences of them, or objects.

    dtypes may differ (int32 ids against int64 ids); NaN equals NaN; shapes must agree.
    """
    if isinstance(ours, (list, tuple)) and isinstance(theirs, (list, tuple)):
        if len(ours) != len(theirs):
            return False
        if not ours or isinstance(ours[0], (int, str, bytes)):
            return list(ours) == list(theirs)
        return all(same(a, b) for a, b in zip(ours, theirs, strict=True))
    if hasattr(ours, "__array__") or hasattr(theirs, "__array__"):
        a, b = _array(ours), _array(theirs)
        return bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f" and b.dtype.kind == "f"))
    return bool(ours == theirs)


def close(tolerance: float) -> Equal:
    """Make an ``equal`` for float results: ``|ours - theirs| <= tolerance * max |theirs|``."""

    def within(ours: object, theirs: object) -> bool:
        a, b = _array(ours).astype(np.float64), _array(theirs).astype(np.float64)
        scale = float(np.abs(b).max(initial=0.0))
        return a.shape == b.shape and bool((np.abs(a - b) <= tolerance * scale).all())

    return within


def installed(*modules: str) -> bool:
    """Tell whether all the modules can be imported, without importing them."""
    return not absent(*modules)


def absent(*modules: str) -> tuple[str, ...]:
    """List those of the modules that are not installed."""
    return tuple(name for name in modules if importlib.util.find_spec(name) is None)


@dataclass(frozen=True)
class Subject:
    """The contestants of one row and the rule that makes their results equal.

    Parameters
    ----------
    ours : callable
        The tokops call.
    peers : mapping of name to callable
        What computes the same thing; the name ``reference`` is the package's own Python.
    equal : callable or mapping of peer name to callable, optional
        ``equal(ours_result, peer_result)``; default ``same``.
    unit, amount : str, float
        What one call processes, for the throughput column: ``unit="tokens", amount=8192``.
    note : str
        Printed under the table: what the reader must know to read the ratio.
    missing : sequence of str
        Peers that are not installed here; listed as absent.
    yardsticks : mapping of name to callable
        Timed beside the others but computing something else (a stream over memory), so not verified.
    """

    ours: Call
    peers: Mapping[str, Call] = field(default_factory=dict)
    equal: Equal | Mapping[str, Equal] = same
    unit: str = ""
    note: str = ""
    amount: float = 0.0
    missing: Sequence[str] = ()
    yardsticks: Mapping[str, Call] = field(default_factory=dict)

    def equal_for(self, peer: str) -> Equal:
        """Give the rule for one peer."""
        if isinstance(self.equal, Mapping):
            return self.equal.get(peer, same)
        return self.equal


@dataclass(frozen=True)
class Row:
    """One line of the benchmark: ``name`` is ``<family>.<operator>/<size>/<kind>``, ``make`` builds its subject.

    ``large`` rows are left out of ``--smoke``; ``threads`` fixes the size of the pool (and torch's)
    for this row, default the size that our pool has.
    """

    name: str
    op: str
    make: Callable[[], Subject]
    large: bool = False
    threads: int | None = None


def _array(x: object) -> np.ndarray[Any, np.dtype[Any]]:
    """Copy a numpy array, a sequence or a torch tensor (bfloat16 widened) into a numpy array."""
    if type(x).__module__.startswith("torch"):
        tensor: Any = x
        tensor = tensor.detach().cpu()
        return np.asarray(tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor)
    return np.asarray(x)
